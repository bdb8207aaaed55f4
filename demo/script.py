"""What the speakers say: 160 sentences about films, things, food, journeys and service.

Every sentence carries our own rating of its sentiment on the scale of the labels, [-3, 3]. A list of good and bad words
does not get far here: "not bad at all" is good, "but" turns a sentence round, some praise is meant as blame, and a
quarter of the sentences say nothing about how the speaker feels.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["direct", "negated", "contrast", "understated", "mixed", "plain", "ironic"]


@dataclass(frozen=True)
class Sentence:
    """A sentence and how it is to be taken.

    Attributes:
        text: ASCII, with punctuation.
        kind: How the sentiment is put into words.
        meant: The sentiment a reader who understands it would give, in [-3, 3]; 0 for plain statements.
    """

    text: str
    kind: Kind
    meant: float


_DIRECT = (
    (3.0, "I have never been this happy with anything I bought."),
    (2.8, "The best week of my life, every single hour."),
    (2.8, "I cried, I cheered, and I want to see it again."),
    (3.0, "Perfect from the first bite to the last."),
    (2.8, "I would drive all night for one more plate of that."),
    (2.2, "The acting pulled me in and never let me go."),
    (1.8, "They fixed it in a minute and smiled about it."),
    (2.0, "I have told everyone I know to go."),
    (2.0, "Such a warm and funny little film."),
    (1.8, "The battery still surprises me after a year."),
    (2.2, "We laughed until the lights came on."),
    (2.2, "Her voice alone is worth the ticket."),
    (1.8, "The view from the bed made us stay longer."),
    (1.8, "It does everything I hoped for, and quietly."),
    (2.0, "My kids ask for that restaurant every weekend."),
    (0.8, "It is a decent camera for a beginner."),
    (1.4, "The waiter was friendly and the fish was fresh."),
    (1.0, "I quite liked the songs in the middle."),
    (1.2, "A pleasant way to spend a rainy afternoon."),
    (0.8, "The seats are comfortable enough for a long ride."),
    (0.8, "The app got a bit faster with the update."),
    (1.0, "I would probably stay there again."),
    (-1.0, "The colours fade after a few washes."),
    (-1.0, "I got a little bored in the second act."),
    (-1.4, "The pasta was lukewarm and rather salty."),
    (-1.2, "They kept us waiting for no clear reason."),
    (-1.0, "The zip keeps getting stuck."),
    (-0.8, "It felt longer than it really is."),
    (-1.2, "The manual made me more confused than before."),
    (-2.0, "I want those two hours back."),
    (-2.0, "The whole place smelled of old frying oil."),
    (-2.0, "It died on me the day after the warranty."),
    (-2.4, "They lied about the price to my face."),
    (-1.8, "We checked out after a single night."),
    (-2.2, "A lazy copy of a film that was dull already."),
    (-1.6, "The handle came off in my hand."),
    (-2.2, "My steak was grey and as tough as a boot."),
    (-1.6, "I had to explain the same thing to five people."),
    (-2.2, "The driver shouted at us for asking."),
    (-3.0, "This is the worst thing I have ever paid for."),
    (-2.8, "We were sick for two days after that dinner."),
    (-2.8, "I have never been treated so badly in my life."),
    (-2.6, "An insult to everyone who bought a ticket."),
    (-2.8, "Avoid it, it ruined our entire holiday."),
)

_NEGATED = (
    (2.6, "There is not one thing I would change about it."),
    (2.2, "I could not put it down for two days."),
    (2.0, "You will not find a better pair for the money."),
    (2.2, "Nobody at our table wanted the evening to end."),
    (1.8, "I have no complaints, and I always have complaints."),
    (1.6, "Never once did I look at my watch."),
    (1.6, "They did not charge us, and they even apologised."),
    (1.0, "It was not bad at all for the price."),
    (0.6, "The sequel is not as dull as they say."),
    (0.8, "I did not regret going there."),
    (1.0, "The walk was never boring."),
    (1.4, "You can hardly go wrong with their pizza."),
    (1.4, "I can't say a bad word about the staff."),
    (-1.0, "It is not as good as the trailer."),
    (-0.8, "I would not call it a comedy."),
    (-1.2, "The sound isn't what I was hoping for."),
    (-1.4, "Nothing about the place made me want to stay."),
    (-1.4, "The staff did not seem to care much."),
    (-1.4, "I don't think we will go there again."),
    (-2.0, "Not one joke in it made me smile."),
    (-2.4, "I would not give this to my worst enemy."),
    (-2.0, "There was no hot water and nobody cared."),
    (-1.6, "They never answered any of my letters."),
    (-2.4, "You couldn't pay me to sit through it again."),
    (-2.2, "I do not recommend it to anyone with ears."),
    (-3.0, "No film has ever made me so angry."),
)

_CONTRAST = (
    (1.8, "The start is slow, but what a finish."),
    (2.2, "I expected a disaster, and it was a delight."),
    (1.8, "It costs a lot, but I would pay it twice."),
    (2.0, "The hotel looks grim outside, but inside it is heaven."),
    (2.0, "I usually hate musicals, but this one got me."),
    (0.8, "The room was tiny, but the bed was great."),
    (0.6, "It is noisy, but it cleans rather well."),
    (0.8, "The plot is thin, but the jokes land."),
    (0.8, "Not my favourite of hers, but still a good one."),
    (-0.8, "The garden is lovely, but the rooms are damp."),
    (-1.2, "It looks great, but it scratches in a week."),
    (-1.2, "The start is promising, but it goes nowhere."),
    (-1.0, "They were polite, but they never solved the problem."),
    (-1.8, "I love the author, but this book is a mess."),
    (-1.8, "Great location, but I have never slept so badly."),
    (-2.0, "The cover is beautiful, but the rest is rubbish."),
    (-1.8, "Everyone praised it, and I fell asleep."),
)

_UNDERSTATED = (
    (1.6, "I may have gone back for a third helping."),
    (0.8, "As airports go, this one is almost civilised."),
    (0.6, "One could do worse on a Tuesday night."),
    (-1.0, "It was not exactly the highlight of our trip."),
    (-0.8, "The dessert could have used some flavour."),
    (-1.6, "Let us say that I did not finish my plate."),
)

_MIXED = (
    (0.0, "Some scenes work and some of them do not."),
    (-0.2, "The food was good, the wait was not."),
    (-0.4, "I liked the idea more than the film."),
    (0.0, "It is neither better nor worse than the old one."),
    (0.0, "Half of our group loved it, the other half left."),
    (-0.2, "I am still not sure what to make of it."),
    (0.0, "Nice hotel, wrong side of the city."),
    (0.2, "It does its job, and that is all."),
    (-0.2, "The coffee is fine, the cake is dry."),
    (-0.2, "Good actors, but they had little to do."),
    (0.2, "It was all right, I suppose."),
    (0.0, "I would not buy it again, nor would I return it."),
)

_PLAIN = (
    "The film runs for a little over two hours.",
    "It was shot on an island in the north.",
    "The second half takes place ten years later.",
    "She plays a lawyer who moves back home.",
    "There are two versions of the final scene.",
    "The director also wrote the music for it.",
    "It is the third book of the series.",
    "The story is told by the younger brother.",
    "We saw the late show on Thursday.",
    "The whole cast came from the same theatre.",
    "The phone comes in black and in white.",
    "I charged it once and used it until Monday.",
    "The box holds the lamp and one cable.",
    "It weighs about as much as a book.",
    "You turn it on with the switch behind.",
    "I bought the chair in the spring.",
    "The jacket has four pockets and a hood.",
    "This model replaced the one from last year.",
    "They serve breakfast from seven until eleven.",
    "I ordered the soup and a glass of water.",
    "The menu changes on the first of the month.",
    "The kitchen is open to the dining room.",
    "The bread came before the main course.",
    "We had the table next to the door.",
    "He put the sauce on the side.",
    "The bakery moved to the corner of our street.",
    "The train stops twice before the coast.",
    "Our room was on the fourth floor.",
    "We walked from the station to the hotel.",
    "The ferry leaves every hour on the hour.",
    "We stayed for three nights in October.",
    "The museum closes at five on Sundays.",
    "They gave us the room over the garden.",
    "The guide met us at the gate.",
    "I called them in the morning and they called back.",
    "The parcel arrived on Wednesday afternoon.",
    "You fill in the form and wait for a number.",
    "The bank sent me a new card.",
    "They asked me to come back on Friday.",
    "The repair took them about an hour.",
)

_IRONIC = (
    (-2.0, "Oh wonderful, the update deleted my photos again."),
    (-2.0, "Brilliant, I only waited two hours for cold soup."),
    (-2.0, "What a bargain, it broke before I reached the car."),
    (-1.6, "Sure, everyone loves a film without an ending."),
    (-1.6, "Lovely, our sea view was a very fine wall."),
    (-2.2, "Great service, they hung up on me only twice."),
    (-2.0, "Congratulations, your coffee tastes like a raincoat."),
    (-1.4, "I just adore paying extra for a chair."),
    (-1.2, "Fantastic plot, I guessed it from the poster."),
    (-2.0, "A masterpiece, my whole row slept through it."),
    (-2.4, "How thoughtful of them to lose both our bags."),
    (-2.0, "Well done, the new screen cracks all by itself."),
    (2.0, "Terrible book, I missed my stop three days running."),
    (2.2, "Awful cake, we were forced to order it again."),
    (2.0, "Dreadful place, they almost had to carry us out."),
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
