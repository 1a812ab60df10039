"""python-docs: what comes next in Python's own reference? The topics of `help()`, which every Python has.

As `text`, on three times as much text; the topics differ a little between the versions of Python.
"""

from ...training.settings import Settings
from .text import TEXT, text_data
from .word_task import WordData, WordFacts


def load_data(settings: Settings, facts: WordFacts | None) -> WordData:
    """The parts of all topics, one after the other."""
    from pydoc_data.topics import topics

    return text_data("\n".join(topics.values()), "pydoc_data.topics", settings, facts)


PYTHON_DOCS = TEXT._replace(
    name="python-docs",
    question=lambda settings, data: "what comes next in Python's own reference?",
    load_data=load_data,
    defaults={**TEXT.defaults, "epochs": 3},
    own_settings=("layers", "context", "dropout", "code"),
)
