"""docstrings: of which package of the standard library is a docstring? Without the words that name one.

Whole modules are held out. The symbols are the words of a docstring, each followed by its pieces of four
letters, so that an unknown word is known by its parts: "opener" is opener, <ope, open, pene, ener, ner>.
Every epoch draws docstrings anew, a module by the square root of its size, and leaves out most of their
words. With patience, training stops by a validation part; without, that part is trained on too. The model's
probabilities are joined with those of naive Bayes (see labelling).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import brief
from ...nn import PooledWords
from ...training.objective import Figures, Objective
from ...training.run import LEARNED, Run
from ...training.settings import Settings
from ...training.task import AttentionMap
from .examples import Labelled
from .labelling import Labelling, label_figures
from .library import PACKAGES, Document, read_library, split_documents, words_of
from .naive_bayes import naive_bayes
from .vocabulary import Vocabulary
from .word_task import WordData, WordFacts, word_task
from .written import padded

UNKNOWN = 1
SPECIAL = ("<pad>", "<unknown>")
LETTERS = 4
"""Length of a piece."""
LEAST_COUNT = 2
"""A symbol enters the vocabulary if at least this many training docstrings have it."""
LEFT_OUT = 0.7
"""Share of the words that an epoch leaves out."""
UNIFORM = "uniform weights"
SHOWN = 24
"""Most words that the attention map shows."""


class Texts(NamedTuple):
    """What an epoch is drawn from, and what is shown."""

    train: list[list[Array]]
    """The ids of each word of each docstring"""
    labels: Array
    shares: Array
    """(N,) the probability that a docstring is drawn"""
    test: list[Document]


def pieces_of(word: str) -> list[str]:
    """A word, and its pieces of four letters, its ends marked.

    Examples
    --------
    >>> pieces_of("opener"), pieces_of("is")
    (['opener', '<ope', 'open', 'pene', 'ener', 'ner>'], ['is'])
    """
    marked = f"<{word}>"
    places = range(len(marked) - LETTERS + 1) if len(marked) > LETTERS else ()
    return [word, *(marked[at : at + LETTERS] for at in places)]


def new_vocabulary(documents: Iterable[Document]) -> Vocabulary:
    """The symbols that several docstrings have."""
    counts = Counter(
        symbol for one in documents for symbol in {piece for word in one.words for piece in pieces_of(word)}
    )
    return Vocabulary((*SPECIAL, *sorted(symbol for symbol in counts if counts[symbol] >= LEAST_COUNT)))


def encoded(words: Iterable[str], vocabulary: Vocabulary) -> list[Array]:
    """The ids of each word: of its symbols that are known, or `UNKNOWN`."""
    places = vocabulary.places
    rows = ([places[piece] for piece in pieces_of(word) if piece in places] for word in words)
    return [np.array(row or [UNKNOWN]) for row in rows]


def labelled(texts: Sequence[Sequence[Array]], labels: Array) -> Labelled:
    """Texts of at least one word, padded."""
    return Labelled(*padded([np.concatenate(words).tolist() for words in texts]), labels)


def load_data(settings: Settings, facts: WordFacts | None) -> WordData:
    """The parts of all docstrings, in the symbols of an earlier run if there was one.

    Raises
    ------
    ValueError
        If the sources of the library are not there, or the earlier run had other packages.
    """
    train, validation, test = split_documents(read_library())
    if settings.patience is None:
        train, validation = train + validation, []
    packages = tuple(sorted({one.package for one in train}))
    vocabulary = new_vocabulary(train) if facts is None else facts.vocabulary
    known = None if facts is None or facts.target_vocabulary is None else facts.target_vocabulary.symbols
    if known is not None and known != packages:
        raise ValueError(
            f"the run knows the packages {', '.join(known)}; this Python has {', '.join(packages)}: the same "
            "are expected"
        )
    context: Any = settings.context
    words = [[encoded(one.words[:context], vocabulary) for one in part] for part in (train, validation, test)]
    labels = [np.array([packages.index(one.package) for one in part]) for part in (train, validation, test)]
    sizes = Counter(one.module for one in train)
    shares = np.array([sizes[one.module] ** -0.5 for one in train])
    missing = [name for name in PACKAGES if name not in packages]
    modules = len({one.module for one in test})
    known_part = labelled(words[0], labels[0])

    def judged(part: int) -> Labelled:
        texts = labelled(words[part], labels[part])
        counted = naive_bayes(known_part, texts, vocabulary.size, len(packages))
        return texts._replace(counted=counted)

    return WordData(
        known_part,
        judged(1) if validation else None,
        judged(2),
        vocabulary,
        Vocabulary(packages),
        cleaned=f"{sum(map(len, words)):,} docstrings without words that name a package; "
        f"{modules} modules held out" + f"; this Python has no {', '.join(missing)}" * bool(missing),
        raw=Texts(words[0], labels[0], shares / shares.sum(), test),
    )


def resampled(rng: np.random.Generator, settings: Settings, data: WordData) -> Labelled:
    """The docstrings of one epoch, each without some of its words."""
    texts: Texts = data.raw
    drawn = rng.choice(len(texts.train), data.train.size, p=texts.shares)
    rows = []
    for place in drawn:
        words = texts.train[place]
        kept = np.flatnonzero(rng.random(len(words)) >= LEFT_OUT)
        rows.append([words[at] for at in kept] or words[:1])
    return labelled(rows, texts.labels[drawn])


def model(settings: Settings, facts: WordFacts, uniform: bool = False) -> Labelling:
    """Attention pooling of embeddings."""
    classes = facts.target_vocabulary
    assert classes is not None
    return Labelling(
        PooledWords(
            facts.vocabulary.size,
            settings.hidden_dim,
            settings.heads,
            classes.size,
            uniform=uniform,
            dropout=settings.dropout or 0.0,
        )
    )


def with_uniform_weights(settings: Settings, facts: WordFacts) -> dict[str, Objective]:
    """The same with equal weights: it learns no attention."""
    return {UNIFORM: model(settings, facts, uniform=True)}


def baselines(settings: Settings, data: WordData) -> dict[str, Figures]:
    """Naive Bayes on the same symbols, and the largest class."""
    assert data.target_vocabulary is not None
    classes, labels = data.target_vocabulary.size, data.test.labels
    shares = np.bincount(data.train.labels, minlength=classes) / data.train.size
    return {
        "naive Bayes": label_figures(data.test.counted, labels),
        "majority class": label_figures(np.tile(np.log(shares), (len(labels), 1)), labels),
    }


def report(run: Run, data: WordData, rows: dict[str, Figures]) -> list[str]:
    """Accuracy by package, and the weights of a held-out docstring."""
    assert data.target_vocabulary is not None
    objective, labels = _objective(run), data.test.labels
    found = objective.log_probabilities(run.params, data.test).argmax(axis=1)
    lines = ["Held out          Docstrings  Accuracy"]
    for label, package in enumerate(data.target_vocabulary.symbols):
        own = found[labels == label]
        lines.append(f"{package:<16}  {len(own):>10}  {np.mean(own == label):>8.4f}")
    alone = data.test._replace(counted=None)
    lines += ["", "Without naive Bayes    Loss  Accuracy"]
    for name, one in run.objectives().items():
        figures = one.figures(run.params_of(name), alone)
        title = "attention" if name == LEARNED else name
        lines.append(f"{title:<19}  {figures.loss:>6.4f}  {figures.accuracy:>8.4f}")
    error = np.sqrt(rows[objective.name].accuracy * (1 - rows[objective.name].accuracy) / len(labels))
    return [*lines, "", f"The standard error of an accuracy is {error:.3f}."]


def show(run: Run, data: WordData) -> AttentionMap:
    """The weight of each word, the sum of its pieces', in the first held-out docstring with so many words."""
    longest = max(len(one.words) for one in data.raw.test)
    one = next(one for one in data.raw.test if len(one.words) >= min(SHOWN, longest))
    words = encoded(one.words[:SHOWN], data.vocabulary)
    objective = _objective(run)
    _, saved = objective.forward(run.params, labelled([words], np.zeros(1, np.int64)))
    ends = np.cumsum([0, *map(len, words)])[:-1]
    weights = np.add.reduceat(saved.weights[0], ends, axis=-1)
    rows = tuple(f"head {head}" for head in range(1, len(weights) + 1))
    return AttentionMap(weights, rows, one.words[:SHOWN], f"A docstring of {one.module}", keys="word")


def classify_text(run: Run, text: str) -> str:
    """The packages of a text by their probabilities, a line each, the likeliest first.

    Raises
    ------
    ValueError
        If no word is left without those that name a package.
    """
    words = words_of(text)[: run.settings.context]
    if not words:
        raise ValueError(
            f"text is {brief(text)}; a word is expected that names none of {', '.join(PACKAGES)}"
        )
    train: Labelled = run.task.load(run.settings, run.facts).train
    one = labelled([encoded(words, run.facts.vocabulary)], np.zeros(1, np.int64))
    sizes = run.facts.vocabulary.size, run.facts.target_vocabulary.size
    one = one._replace(counted=naive_bayes(train, one, *sizes))
    (found,) = np.exp(_objective(run).log_probabilities(run.params, one))
    names = run.facts.target_vocabulary.symbols
    return "\n".join(f"{names[place]:<15}  {found[place]:.4f}" for place in np.argsort(-found, kind="stable"))


def _objective(run: Run) -> Labelling:
    return cast(Labelling, run.objectives()[LEARNED])


DOCSTRINGS = word_task(
    name="docstrings",
    question=lambda settings, data: "a docstring of Python's own library; of which package is it?",
    load_data=load_data,
    model=model,
    report=report,
    show=show,
    defaults={
        "epochs": 6,
        "hidden_dim": 64,
        "heads": 1,
        "context": 64,
        "dropout": 0.5,
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "schedule": "cosine",
        "lr": 0.01,
        "clip": 1.0,
    },
    metric="accuracy",
    own_settings=("context", "dropout"),
    required=("context",),
    beside=with_uniform_weights,
    baselines=baselines,
    resampled=resampled,
    scores="location",
    translate=classify_text,
)._replace(features=lambda data: f"ids of {data.vocabulary.size:,} words and pieces of words")
