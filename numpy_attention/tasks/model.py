"""The attention classifier: a forward, the same steps upwards as its backward, and its parameters outside.

    features   = tanh(x @ Wᵀ + b)                 (B, T, input_dim) -> (B, T, C)
    scores_ht  = score_h(features_t)              (B, H, 1, T)
    weights    = softmax(scores) over the tokens
    context_h  = Σ_t weights_ht features_t        (B, H, 1, C)
    logit      = v · [context_1; …; context_H] + c    (B,)

H heads score the tokens each in its own way and read the same features: grouped heads.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

import numpy_attention as na

from .scoring import EVERY_SCORE, Score, Shapes
from .task import Array

Params: TypeAlias = dict[str, dict[str, Array]]

SHARPNESS = 5.0
"""Where the cosine score's sharpness starts: its scores then lie between -5 and 5."""


class ClassifierSaved(NamedTuple):
    """What the backward needs: what each step saved, in the forward's order."""

    features: Any
    tanh: Any
    score: Any
    attend: Any
    classifier: Any

    @property
    def weights(self) -> Array:
        """The attention weights (B, H, T)."""
        weights: Array = self.attend.weights
        return weights[:, :, 0]


class AttentionClassifier(NamedTuple):
    """Tokens in, one logit out; see the equations above.

    The fields are the sizes and the name of the score; the parameters are passed in and out, nested
    dicts of arrays named as PyTorch's state_dict names them.

    Examples
    --------
    >>> model = AttentionClassifier(input_dim=3, hidden_dim=5)
    >>> params = model.init(np.random.default_rng(0))
    >>> logits, saved = model.forward(params, np.ones((2, 7, 3)))
    >>> logits.shape, saved.weights.shape
    ((2,), (2, 1, 7))
    >>> model.backward(np.ones(2), saved)["features"]["weight"].shape
    (5, 3)
    """

    input_dim: int
    hidden_dim: int = 50
    heads: int = 1
    score: str = "location"

    def shapes(self) -> dict[str, Shapes]:
        """The shape of every parameter."""
        H, C = self.heads, self.hidden_dim
        return {
            "features": {"weight": (C, self.input_dim), "bias": (C,)},
            "classifier": {"weight": (1, H * C), "bias": (1,)},
            "score": self._score().shapes,
        }

    def init(self, rng: np.random.Generator) -> Params:
        """Parameters to start from: weights by `glorot`, biases 0.

        The score's come last, so that models which differ in nothing else start from the same rest.
        """
        return {
            part: {name: _start(rng, name, shape) for name, shape in shapes.items()}
            for part, shapes in self.shapes().items()
        }

    def forward(self, params: Params, x: Array) -> tuple[Array, ClassifierSaved]:
        """Logits (B,) of x (B, T, input_dim), and what the backward needs."""
        score = self._score()
        linear, saved_features = na.linear_forward(x, **params["features"])
        features, saved_tanh = na.tanh_forward(linear)  # (B, T, C)
        scores, saved_score = score.forward(params["score"], features)  # (B, H, 1, T)
        context, saved_attend = na.attend_forward(scores, features[:, None])  # (B, H, 1, C)
        together = context.reshape(len(x), -1)  # (B, H * C)
        logits, saved_classifier = na.linear_forward(together, **params["classifier"])
        saved = ClassifierSaved(saved_features, saved_tanh, saved_score, saved_attend, saved_classifier)
        return logits[:, 0], saved

    def backward(self, d_logits: Array, saved: ClassifierSaved) -> Params:
        """The gradient of every parameter, nested as they are: the forward's lines upwards."""
        score = self._score()
        d_together, *d_classifier = na.linear_backward(d_logits[:, None], saved.classifier)
        batch, heads, _ = saved.weights.shape
        d_context = d_together.reshape(batch, heads, 1, -1)
        d_scores, d_value, *_ = na.attend_backward(d_context, saved.attend)
        d_features_scored, d_score = score.backward(d_scores, saved.score)
        d_features = d_value[:, 0] + d_features_scored  # they were read twice
        d_linear = na.tanh_backward(d_features, saved.tanh)
        _, *d_features_layer = na.linear_backward(d_linear, saved.features)
        return {
            "features": dict(zip(("weight", "bias"), d_features_layer, strict=True)),
            "classifier": dict(zip(("weight", "bias"), d_classifier, strict=True)),
            "score": d_score,
        }

    def _score(self) -> Score:
        return EVERY_SCORE[self.score](self.heads, self.hidden_dim)


def glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Weights uniform between ±sqrt(6 / (fan_in + fan_out)), after Glorot & Bengio 2010, equation 16.

    fan_in is the last axis; fan_out the one before it, 1 if there is none.
    """
    fan_out, fan_in = (1, *shape)[-2:]
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)


def _start(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
    if name == "bias":
        return np.zeros(shape)
    return np.array(SHARPNESS) if name == "sharpness" else glorot(rng, shape)
