"""ask-picture: four handwritten digits and a question in words: "what is right of the seven?"

A transformer reads the canvas as 16 overlapping patches and the question as words, and answers with a word
(`nn.VisualAnswerer`). Canvases and questions are drawn anew for every epoch, from the first 898 images, most
of them slightly distorted; those held out from the other 899, or of images of your own from a fifth of each
digit. Beside it stand models that see the words or the image alone, and a perfect reasoner over a recogniser
of single digits. Settings were chosen on canvases from the last third of the 898, training on the others.
"""

from typing import Any, NamedTuple, cast

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.base.wording import some_names
from ...training.objective import Figures, Objective
from ...training.run import LEARNED, Run
from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from ...training.task import AttentionMap, Sheet
from ..classification.data import Examples
from ..distortion import distorted
from ..drawing import canvas_lines, shaded
from ..images import SIDE, image_parts
from ..model_task import ModelTask, PlainFacts, plain_form
from ..pictures.canvas import enlarged
from .answering import GRID, STEP, WINDOW, Answering, ImageAlone, WordsAlone
from .questions import ANSWERS, FORMS, answer_ids, encoded, longest, parsed, vocabulary, words_of
from .reasoner import likeliest, reasoned, recognised
from .visual_questions import CANVAS, VisualQuestions, drawn_visual_questions

LONGEST_SIDE = 64
"""Of images of your own."""
EPOCH, JUDGED = 2000, 2000
"""Questions of an epoch, and of the held-out part."""
DISTORTED = 0.8
"""The share of the training images that are slightly distorted in an epoch."""
SMALL = 16
"""Columns of a token of the models beside."""
WORDS, IMAGE, REASONER = "question only", "image only", "perfect reasoner"


class AskingData(NamedTuple):
    """Canvases with questions, and the images from which they are drawn."""

    train: VisualQuestions
    test: VisualQuestions
    images: Examples
    """Those to train on: x (N, 8, 8), grey values 0-1"""
    validation: VisualQuestions | None = None
    cleaned: str = (
        f"canvases of {CANVAS} x {CANVAS}, drawn anew in every epoch; held-out ones from held-out digits"
    )


def digit_images(settings: Settings) -> tuple[Examples, Examples]:
    """Images (N, 8, 8) of digits to train on and held out.

    Raises
    ------
    ValueError
        If the classes of a file are not the ten digits, or as `read_images`.
    """
    *parts, classes = image_parts(settings, LONGEST_SIDE)
    if classes != tuple("0123456789"):
        raise ValueError(
            f"{settings.npz}: y has the classes {some_names(classes)}; the ten digits 0 to 9 are expected, "
            "for questions are about numbers"
        )
    lone = next((digit for digit in range(10) if digit not in parts[1].y), None)
    if lone is not None:
        raise ValueError(
            f"{settings.npz}: {lone} has one image; two or more are expected, for one is held out"
        )
    train, test = (
        part._replace(x=np.stack([enlarged(image, SIDE) for image in part.x]))
        if part.x.shape[1] != SIDE
        else part
        for part in parts
    )
    return train, test


def load_data(settings: Settings, facts: PlainFacts | None) -> AskingData:
    """Canvases of training and of held-out digits; with patience, others of training digits validate."""
    images, held_out = digit_images(settings)
    train, test, validation = (
        drawn_visual_questions(stream(settings.seed, EXAMPLES, part), own, size)
        for part, (own, size) in enumerate(((images, EPOCH), (held_out, JUDGED), (images, JUDGED)), 1)
    )
    return AskingData(train, test, images, None if settings.patience is None else validation)


def resampled(rng: np.random.Generator, settings: Settings, data: AskingData) -> VisualQuestions:
    """The canvases and questions of one epoch."""
    x, y, *_ = data.images
    changed = np.clip(distorted(rng, x.reshape(len(x), -1)), 0, 1).reshape(x.shape)
    x = np.where(rng.random(len(x))[:, None, None] < DISTORTED, changed, x)
    return drawn_visual_questions(rng, Examples(x, y), data.train.size)


def model(settings: Settings, facts: PlainFacts) -> Answering:
    """Patches and words in one transformer."""
    layers, dropout = cast(tuple[int, float], (settings.layers, settings.dropout))
    width = settings.hidden_dim
    return Answering(
        nn.VisualAnswerer(
            WINDOW**2,
            GRID**2,
            facts.values["words"] + 1,
            longest(),
            width,
            settings.heads,
            layers,
            layers,
            hidden=2 * width,
            activation="gelu_tanh",
            dropout=dropout,
            attention="blockwise",  # shorter than fast, where sequences are short
        )
    )


def one_sided(settings: Settings, facts: PlainFacts) -> dict[str, Objective]:
    """Small models that see the words alone, and the image alone."""
    return {
        WORDS: WordsAlone(nn.PooledWords(facts.values["words"] + 1, SMALL, 1, len(ANSWERS))),
        IMAGE: ImageAlone(
            nn.VisionTransformer(
                CANVAS, STEP, SMALL, 1, 1, len(ANSWERS), channels=1, pooling="mean", hidden=2 * SMALL
            )
        ),
    }


def baselines(settings: Settings, data: AskingData) -> dict[str, Figures]:
    """The exact answers of the perfect reasoner."""
    right = reasoned(data.test, recognised(data.test, data.images)) == data.test.labels
    return {REASONER: Figures(float("nan"), float(right.mean()))}


def right_answers(run: Run, data: AskingData) -> dict[str, Array]:
    """True (N,) for each held-out question that is answered exactly, by who answers."""
    test, objectives = data.test, cast(dict[str, Any], run.objectives())
    logits = objectives[LEARNED].answered(run.params, test).logits
    found = {LEARNED: logits.argmax(axis=-1) == answer_ids()[test.labels]}
    for name in (WORDS, IMAGE):
        found[name] = (
            objectives[name].log_probabilities(run.params_of(name), test).argmax(axis=-1) == test.labels
        )
    return found | {REASONER: reasoned(test, recognised(test, data.images)) == test.labels}


def report(run: Run, data: AskingData, rows: dict[str, Figures]) -> list[str]:
    """How near the model comes to the reasoner, form by form; and what the words of a question attend to."""
    test, objective = data.test, cast(Any, run.objectives()[LEARNED])
    right = right_answers(run, data)
    near, own = recognised(test, data.images), likeliest(-objective.readings(run.params, test))
    ours, reached, over_own = (
        float(one.mean()) for one in (right[LEARNED], right[REASONER], reasoned(test, own) == test.labels)
    )
    lines = [
        f"Exact answers: {ours / reached:.3f} of a perfect reasoner's, for whom nearest neighbours read",
        f"{(near == test.digits).mean():.3f} of the digits right; by what the model's patches are read as, "
        f"{(own == test.digits).mean():.3f}",
        f"right, it would reach {over_own:.4f}",
        "",
        f"{'Form':<10}  Questions  Both    {WORDS}  {IMAGE}  {REASONER}",
    ]
    for place, form in enumerate(FORMS):
        its = test.forms == place
        shares = zip(right.values(), (6, len(WORDS), len(IMAGE), len(REASONER)), strict=True)
        cells = "  ".join(f"{one[its].mean():<{width}.4f}" for one, width in shares)
        lines.append(f"{form.name:<10}  {its.sum():>9}  {cells}".rstrip())
    first = int(np.argmax(right[LEARNED] & (test.forms == 0)))
    return [*lines, "", *question_lines(run, test.some(slice(first, first + 1)))]


def question_lines(run: Run, one: VisualQuestions) -> list[str]:
    """A canvas, its question with the patches that each word attends to, and the answer."""
    weights, answer = looked_at(run, one)
    text = str(one.texts[0])
    grids = [(word, grid) for word, grid in zip(words_of(text), weights[0], strict=True)]
    lines = [
        *canvas_lines(one.images[0], ()),
        "",
        f"{text} -> {answer[0]}",
        "Patches attended, word by word:",
    ]
    widths = [max(len(word), 2 * GRID) for word, _ in grids]
    lines.append("  ".join(f"{word:<{width}}" for (word, _), width in zip(grids, widths, strict=True)))
    for row in range(GRID):
        shades = (shaded(np.repeat(grid[row] / weights.max(), 2)) for _, grid in grids)
        lines.append("  ".join(f"{shade:<{width}}" for shade, width in zip(shades, widths, strict=True)))
    return [line.rstrip() for line in lines]


def looked_at(run: Run, questions: VisualQuestions) -> tuple[Array, list[str]]:
    """Weights (N, T, rows, columns) of each word on the patches, and the answers."""
    objective: Any = run.objectives()[LEARNED]
    weights = objective.word_weights(run.params, questions)
    names = {place: word for word, place in vocabulary().items()}
    answers = objective.answered(run.params, questions).logits.argmax(axis=-1)
    return weights.reshape(*weights.shape[:2], GRID, GRID), [names.get(int(place), "") for place in answers]


def one_of_each(questions: VisualQuestions) -> VisualQuestions:
    """The first question of each form."""
    return questions.some(np.unique(questions.forms, return_index=True)[1])


def drawn(run: Run, data: AskingData) -> Sheet:
    """A held-out canvas for each form, then once more for each word, with the patches that it attends to."""
    some = one_of_each(data.test)
    weights, answers = looked_at(run, some)
    columns = 1 + weights.shape[1]
    images = np.zeros((some.size, columns, CANVAS, CANVAS))
    heat, titles = np.full((some.size, columns, GRID, GRID), np.nan), []
    for row, (text, length) in enumerate(zip(some.texts, some.lengths, strict=True)):
        images[row, : 1 + length] = some.images[row]
        heat[row, 1 : 1 + length] = weights[row, :length]
        titles += [f"-> {answers[row]}", *words_of(text), *[""] * (columns - 1 - length)]
    title = (
        "Held-out canvases with the answer; and for each word of the question the patches that it attends to"
    )
    return Sheet(
        images.reshape(-1, CANVAS, CANVAS),
        tuple(titles),
        title,
        heat.reshape(-1, GRID, GRID),
        columns=columns,
    )


def show(run: Run, data: AskingData) -> AttentionMap:
    """What each word of the first held-out question attends to."""
    first = data.test.some(slice(1))
    weights, answers = looked_at(run, first)
    text = str(first.texts[0])
    places = tuple(f"{row + 1},{column + 1}" for row, column in np.ndindex(GRID, GRID))
    return AttentionMap(
        weights[0].reshape(-1, GRID**2),
        words_of(text),
        places,
        f"{text} -> {answers[0]}",
        "patch: row, column",
    )


def answer_text(run: Run, text: str) -> str:
    """The first held-out canvas, and the answer of a run's model to a question about it.

    Raises
    ------
    ValueError
        If the question has words that are not in the vocabulary, none or too many.
    """
    words = words_of(text)
    ids, lengths = encoded([words])
    one = load_data(run.settings, run.facts).test.some(slice(1))
    one = one._replace(texts=np.array([text]), ids=ids, lengths=lengths)
    lines = question_lines(run, one)
    if words in parsed():
        lines.append(f"By the digits that stand there: {ANSWERS[reasoned(one, one.digits)[0]]}")
    return "\n".join(lines)


ASK_PICTURE = ModelTask(
    name="ask-picture",
    question=lambda settings, data: "four digits and a question in words, what is right of the seven?",
    load_data=load_data,
    facts_form=plain_form(lambda settings, data: {"words": len(vocabulary())}, words=int),
    features=lambda data: (
        f"{GRID**2} patches of {WINDOW} x {WINDOW} pixels, {STEP} apart; {len(vocabulary())} words"
    ),
    model=model,
    report=report,
    show=show,
    drawn=drawn,
    defaults={
        "epochs": 60,
        "hidden_dim": 64,
        "heads": 4,
        "layers": 2,
        "dropout": 0.0,
        "optimizer": "adamw",
        "schedule": "cosine",
        "lr": 0.003,
        "clip": 1.0,
    },
    metric="accuracy",
    own_settings=("layers", "dropout", "npz"),
    beside=one_sided,
    baselines=baselines,
    resampled=resampled,
    translate=answer_text,
)
