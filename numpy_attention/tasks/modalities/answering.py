"""Answering as an objective: cross-entropy of the word that answers, and of the word for each patch.

loss = cross-entropy(answer) + READING * mean over the patches of cross-entropy(the digit in whose cell it is)

Beside it, models that see one of the two: the question's words alone, or the image alone.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.losses.losses import cross_entropy_backward, cross_entropy_forward
from ...nn.parameters import Params
from ...nn.visual_answerer import Answered
from ...training.objective import Figures, Outcome
from ..images import windows
from ..layer_objective import LayerObjective
from ..words.labelling import Labelling
from .questions import answer_ids
from .visual_questions import CANVAS, VisualQuestions

WINDOW, STEP = 9, 5
"""Side of the window that is a patch, and the distance from one to the next."""
GRID = CANVAS // STEP
READING = 2.0
BATCH = 100
"""Questions per forward where nothing is trained."""
SPREADS = {"positions": 15.0, "memory_positions": 50.0, "embedding": 15.0, "word_positions": 15.0}
NAMED = 5.0
"""Factors on initial parameters: of the tables, and of the output of `naming`. Without them it takes several
times as many questions to learn to use positions and names."""


def cell_of_patches() -> Array:
    """(patches,) which of the four digits is in the cell of each patch."""
    down, across = np.indices((GRID, GRID)) // (GRID // 2)
    return (2 * down + across).ravel()


@dataclass(frozen=True)
class Answering(LayerObjective):
    """A model that sees both, and its loss."""

    model: nn.VisualAnswerer

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "words and patches"

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        params = super().init(rng)
        for name, spread in SPREADS.items():
            params[name]["weight"] *= np.float32(spread)
        params["naming"]["out_proj"]["weight"] *= np.float32(NAMED)
        return params

    def forward(
        self, params: Params, batch: VisualQuestions, seed: int | None = None
    ) -> tuple[Answered, Any]:
        """Logits of the vocabulary for each question and patch, and what the model's backward needs."""
        x = self.patches_of(batch.images)
        ids = batch.ids[:, : batch.lengths.max()]
        found: tuple[Answered, Any] = self.model.forward(params, x, ids, lengths=batch.lengths, seed=seed)
        return found

    def patches_of(self, images: Array) -> Array:
        """Images (N, side, side) as the patches (N, patches, F) that the model reads."""
        return windows(images, WINDOW, STEP).astype(np.float32)

    def loss_and_gradients(self, params: Params, batch: VisualQuestions, seed: int) -> Outcome:
        """The outcome of a batch; right counts the answers."""
        (logits, readings), saved = self.forward(params, batch, seed if self.model.dropout else None)
        wanted, shown = answer_ids()[batch.labels], answer_ids()[batch.digits[:, cell_of_patches()]]
        loss, saved_loss = cross_entropy_forward(logits, wanted)
        reading, saved_reading = cross_entropy_forward(readings, shown)
        d_logits = cross_entropy_backward(np.ones((), logits.dtype), saved_loss)
        d_readings = cross_entropy_backward(np.asarray(READING, logits.dtype), saved_reading)
        _, d_params = self.model.backward((d_logits, d_readings), saved)
        right = int((logits.argmax(axis=-1) == wanted).sum())
        return Outcome(float(loss) + READING * float(reading), d_params, batch.size, right)

    def answered(self, params: Params, examples: VisualQuestions) -> Answered:
        """The logits of many questions."""
        parts = [
            self.forward(params, examples.some(slice(first, first + BATCH)))[0]
            for first in range(0, examples.size, BATCH)
        ]
        return Answered(*(np.concatenate(one) for one in zip(*parts, strict=True)))

    def figures(self, params: Params, examples: VisualQuestions) -> Figures:
        """The mean cross-entropy of the answers, and the share of exact ones."""
        logits, wanted = self.answered(params, examples).logits, answer_ids()[examples.labels]
        loss, _ = cross_entropy_forward(logits.astype(np.float64), wanted)
        return Figures(float(loss), float((logits.argmax(axis=-1) == wanted).mean()))

    def readings(self, params: Params, examples: VisualQuestions) -> Array:
        """How surely each digit is read in each cell: mean logits (N, 4, 10) of its patches."""
        logits = self.answered(params, examples).readings[:, :, answer_ids()[:10]]
        return np.stack([logits[:, cell_of_patches() == cell].mean(axis=1) for cell in range(4)], axis=1)

    def word_weights(self, params: Params, examples: VisualQuestions) -> Array:
        """The weights (N, T, patches) of words on patches, the mean of layers and heads."""
        looking = replace(self, model=replace(self.model, attention="reference"))
        _, saved = looking.forward(params, examples)
        weights = saved.weights.mean(axis=(0, 2))  # (N, patches + T, patches + T)
        patches = self.model.patches
        return np.asarray(weights[:, patches:, :patches])


class WordsAlone(Labelling):
    """A bag of the question's words."""

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "words"


@dataclass(frozen=True)
class ImageAlone(Labelling):
    """A vision transformer of the canvas."""

    model: nn.VisionTransformer  # type: ignore[assignment]

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "patches"

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        return LayerObjective.init(self, rng)

    def forward(self, params: Params, batch: Any, seed: int | None = None) -> tuple[Array, Any]:
        """Logits (N, answers), and what the model's backward needs."""
        return self.model.forward(params, batch.images[:, None].astype(np.float32), seed=seed)
