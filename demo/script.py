"""What the speakers say: 160 sentences about films, things, food, journeys and service.

Every sentence carries our own rating of its sentiment on the scale of the labels, [-3, 3]. People praise and blame in
words that come back, and so do these: "loved", "really boring", "not good at all" are said of soup and of films, and the
adverb gives the strength. Whoever has read some of them can tell much about the others. A list of good and bad words
does not get all the way: "not bad at all" is good, "but" turns a sentence round, some praise is meant as blame, and a
fifth of the sentences say nothing about how the speaker feels.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["direct", "negated", "contrast", "understated", "mixed", "plain", "ironic"]


@dataclass(frozen=True)
class Sentence:
    """A sentence and how it is to be taken.

    Attributes:
        text: ASCII, with punctuation.
        kind: the way in which the sentiment is put into words.
        meant: the sentiment a reader who understands it would give, in [-3, 3]; 0 for plain statements.
    """

    text: str
    kind: Kind
    meant: float


_DIRECT = (
    (2.8, "I absolutely loved the soup at this place."),
    (2.8, "I absolutely loved every minute of this film."),
    (2.4, "I really loved the music and the costumes."),
    (2.0, "We loved the hotel and the quiet garden."),
    (2.8, "What an absolutely wonderful trip, we loved it."),
    (2.4, "The waiter was wonderful and so was the food."),
    (2.4, "It is a wonderful film with a great ending."),
    (2.0, "A great story, and the acting is great too."),
    (2.2, "The service was really great from start to finish."),
    (2.4, "The cake was delicious and the coffee was excellent."),
    (1.8, "We had a delicious dinner at the harbour."),
    (2.4, "An excellent camera, I am very happy with it."),
    (2.2, "I am very happy with my new phone."),
    (1.6, "We were happy with the room and the view."),
    (2.8, "This is the best pizza I have ever had."),
    (3.0, "It was the best holiday of my whole life."),
    (2.6, "By far the best film of the year."),
    (2.6, "Everything about the dinner was perfect."),
    (2.0, "I really enjoyed the walk through the old town."),
    (1.4, "I enjoyed the book and liked the characters."),
    (1.0, "I quite liked the songs in the middle."),
    (1.0, "The pasta was quite good for a canteen."),
    (1.2, "It is a pretty good camera for a beginner."),
    (1.6, "The staff were very friendly and helpful."),
    (1.2, "The driver was friendly and the bus was clean."),
    (1.8, "What a lovely little restaurant."),
    (0.8, "The room was fairly nice for the price."),
    (2.0, "The film was really funny, I laughed a lot."),
    (1.8, "The concert was worth every penny."),
    (1.8, "I would recommend this hotel to everyone."),
    (-0.8, "The alarm on this clock is a bit annoying."),
    (-1.0, "The dessert was a bit disappointing."),
    (-1.0, "I got a little bored in the second act."),
    (-1.2, "The acting was rather dull."),
    (-1.0, "The second season is rather dull."),
    (-1.2, "The service was fairly poor for the price."),
    (-1.4, "The battery is bad and the screen is poor."),
    (-1.4, "The museum was boring and too crowded."),
    (-1.6, "We were disappointed with the room and the food."),
    (-1.6, "The bus was dirty and the driver was rude."),
    (-1.8, "The new update is really annoying."),
    (-1.8, "The book was really boring, I gave up."),
    (-1.8, "The sound is very bad and so is the picture."),
    (-2.0, "The tour was a complete waste of time."),
    (-2.0, "I am very disappointed with this camera."),
    (-2.0, "I hated the ending and I hated the music."),
    (-2.2, "I really hated the noise in our room."),
    (-2.2, "A complete waste of money, it broke at once."),
    (-2.2, "They were really rude to my mother."),
    (-2.4, "The food was terrible and so was the service."),
    (-2.4, "It is a terrible film with an awful ending."),
    (-2.4, "The coffee was awful and the cake was worse."),
    (-2.8, "The meal was absolutely awful from start to finish."),
    (-2.8, "What an absolutely terrible flight, we hated it."),
    (-2.8, "We absolutely hated that hotel."),
    (-2.8, "By far the worst film of the year."),
    (-3.0, "This is the worst phone I have ever had."),
    (-3.0, "It was the worst holiday of my whole life."),
)

_NEGATED = (
    (2.4, "I have never had a better cup of coffee."),
    (2.0, "You will not find a better phone for the money."),
    (1.8, "I was never disappointed by this restaurant."),
    (1.8, "We never had a bad meal there."),
    (1.6, "I do not have a single bad word for the staff."),
    (1.6, "I did not regret the trip for a minute."),
    (1.2, "Nobody was rude to us, not even once."),
    (1.2, "The second film was not boring at all."),
    (1.2, "It was not a waste of money at all."),
    (1.0, "The food is not bad at all for the price."),
    (1.0, "The acting was not dull at all."),
    (0.6, "The flight was not as terrible as I feared."),
    (-1.0, "The sequel is not very good."),
    (-1.0, "It is not as funny as the first one."),
    (-1.2, "I did not like the food very much."),
    (-1.4, "I was not happy with the room."),
    (-1.4, "I did not enjoy the trip."),
    (-1.4, "The book is not worth the money."),
    (-1.6, "The staff were not friendly or helpful."),
    (-1.8, "The soup was not good at all."),
    (-1.8, "I would not recommend the tour to anyone."),
    (-2.0, "I did not enjoy the film at all."),
    (-2.2, "Nothing about the dinner was good."),
    (-2.4, "I would never recommend this hotel to anyone."),
)

_CONTRAST = (
    (2.0, "I expected an awful film, but I loved it."),
    (1.8, "The room was small, but we loved the view."),
    (1.6, "The start is slow, but the ending is wonderful."),
    (1.4, "The story is dull, but the acting is great."),
    (1.4, "I usually hate musicals, but I enjoyed this one."),
    (1.4, "It looks terrible, but the sound is great."),
    (1.2, "The waiter was rude, but the food was excellent."),
    (1.0, "The screen is poor, but the camera is excellent."),
    (1.0, "The weather was bad, but the trip was good."),
    (-1.2, "They were friendly, but not helpful at all."),
    (-1.2, "The acting is good, but the film is boring."),
    (-1.4, "The hotel looks lovely, but the service is awful."),
    (-1.4, "It is a nice phone, but the battery is terrible."),
    (-1.4, "The food was good, but the staff were very rude."),
    (-1.6, "Great pictures, but a terrible story."),
    (-1.6, "I loved the book, but I hated the film."),
    (-1.8, "We had a lovely room, but an awful week."),
    (-1.8, "Everyone recommended it, but I was so bored."),
)

_UNDERSTATED = (
    (1.6, "I may have gone back for a third helping."),
    (1.2, "I would not mind having that cake again."),
    (0.8, "As airports go, this one is almost civilised."),
    (-0.8, "The dessert could have used some flavour."),
    (-1.0, "It was not exactly the highlight of our trip."),
    (-1.2, "I have had better coffee on a train."),
    (-1.6, "Let us say that I did not finish my plate."),
)

_MIXED = (
    (0.0, "Some scenes work and some of them do not."),
    (-0.4, "I liked the idea more than the film."),
    (0.0, "Half of our group loved it, the other half left."),
    (-0.2, "The coffee is good and the cake is bad."),
    (0.0, "The new book is neither good nor bad."),
    (0.2, "It does its job, and that is all."),
    (0.2, "It was all right, I suppose."),
    (0.0, "Nice hotel, wrong side of the city."),
)

_PLAIN = (
    "The film runs for a little over two hours.",
    "It was shot on an island in the north.",
    "The second half takes place ten years later.",
    "She plays a lawyer who moves back home.",
    "The director also wrote the music for it.",
    "The story is told by the younger brother.",
    "We saw the late show on Thursday.",
    "The phone comes in black and in white.",
    "I charged it once and used it until Monday.",
    "It weighs about as much as a book.",
    "The jacket has four pockets and a hood.",
    "They serve breakfast from seven until eleven.",
    "I ordered the soup and a glass of water.",
    "The menu changes on the first of the month.",
    "The kitchen is open to the dining room.",
    "The bread came before the main course.",
    "We had the table next to the door.",
    "He put the sauce on the side.",
    "The train stops twice before the coast.",
    "Our room was on the fourth floor.",
    "We walked from the station to the hotel.",
    "The ferry leaves every hour on the hour.",
    "We stayed for three nights in October.",
    "The museum closes at five on Sundays.",
    "The guide met us at the gate.",
    "I called them in the morning and they called back.",
    "The parcel arrived on Wednesday afternoon.",
    "The bank sent me a new card.",
    "They asked me to come back on Friday.",
    "The repair took them about an hour.",
)

_IRONIC = (
    (-2.0, "Oh wonderful, the update deleted my photos again."),
    (-2.0, "Brilliant, I only waited two hours for cold soup."),
    (-2.0, "What a great bargain, it lasted a whole afternoon."),
    (-1.6, "Lovely, our sea view was a very fine wall."),
    (-2.2, "Great service, they hung up on me only twice."),
    (-2.0, "Excellent coffee, it tastes like a raincoat."),
    (-1.4, "I just love paying extra for a chair."),
    (-1.2, "A wonderful plot, I guessed it from the poster."),
    (-2.0, "The best film ever, my whole row slept through it."),
    (-2.4, "How very helpful of them to lose both our bags."),
    (-1.6, "Oh yes, I really enjoyed that."),
    (-1.8, "Perfect, just what I wanted for my birthday."),
    (-1.4, "What a lovely surprise, another speech."),
    (-2.0, "I am so happy that I paid for this."),
    (-1.8, "Oh great, I would recommend it to my boss."),
)

_RATED: dict[Kind, tuple[tuple[float, str], ...]] = {
    "direct": _DIRECT,
    "negated": _NEGATED,
    "contrast": _CONTRAST,
    "understated": _UNDERSTATED,
    "mixed": _MIXED,
    "plain": tuple((0.0, text) for text in _PLAIN),
    "ironic": _IRONIC,
}

SENTENCES: tuple[Sentence, ...] = tuple(
    Sentence(text=text, kind=kind, meant=meant) for kind, rated in _RATED.items() for meant, text in rated
)
