"""A small task of words for tests of training and of commands: the text is a rhyme."""

import numpy as np

from numpy_attention import nn
from numpy_attention.tasks.words.examples import Windows
from numpy_attention.tasks.words.objectives import NextToken
from numpy_attention.tasks.words.vocabulary import Vocabulary
from numpy_attention.tasks.words.word_task import WordData, word_task
from numpy_attention.training.settings import Settings
from numpy_attention.training.task import AttentionMap

TEXT = "one for sorrow, two for joy, three for a girl, four for a boy, " * 4


def load_data(settings, facts):
    vocabulary = Vocabulary.of_characters(TEXT) if facts is None else facts.vocabulary
    ids, T = vocabulary.encode(TEXT), settings.context
    parts = (Windows(ids, np.arange(*span, T), T) for span in ((0, 150), (150, 190), (190, 230)))
    return WordData(*parts, vocabulary)


def model(settings, facts):
    width, heads, layers = settings.hidden_dim, settings.heads, settings.layers
    return NextToken(
        nn.LanguageModel(
            facts.vocabulary.size, width, heads, layers, settings.context, dropout=settings.dropout
        )
    )


def resampled(rng, settings, data):
    return data.train._replace(starts=data.train.starts + rng.integers(settings.context))


def show(run, data):
    return AttentionMap(np.eye(2), ("a", "b"), ("a", "b"), "weights")


DEFAULTS = dict(
    layers=1, context=8, dropout=0.2, hidden_dim=8, heads=2, epochs=4, batch_size=5, optimizer="adamw",
    lr=0.01, schedule="cosine",
)  # fmt: skip
RHYME = word_task(
    name="rhyme",
    question=lambda settings, data: "the next character of a rhyme?",
    load_data=load_data,
    model=model,
    report=lambda run, data, rows: ["a rhyme"],
    show=show,
    resampled=resampled,
    metric="nats a character",
    defaults=dict(
        layers=1,
        context=8,
        dropout=0.2,
        hidden_dim=8,
        heads=2,
        epochs=4,
        batch_size=5,
        optimizer="adamw",
        lr=0.01,
        schedule="cosine",
    ),
)


def rhyme_settings(**settings):
    return Settings(**{"task": "rhyme", **RHYME.defaults, **settings})
