"""The attention classifier: a forward, the same steps upwards as its backward, and its parameters outside.

    features   = tanh(x @ Wᵀ + b)                 (B, T, input_dim) -> (B, T, C)
    scores_ht  = score_h(features_t)              (B, H, 1, T)
    tempered_h = scores_h / temperature_h         where the temperature is learned
    weights    = softmax(tempered) over the tokens; a padded token has weight 0
    context_h  = Σ_t weights_ht features_t        (B, H, 1, C)
    logits     = V [context_1; …; context_H] + c  (B,), or (B, K) for K > 1 outputs

H heads score the tokens each in its own way and read the same features: grouped heads.
"""

from typing import Any, NamedTuple

import numpy as np

import numpy_attention as na

from ..training.data import Array
from .parameters import Params, Shapes, drawn
from .temperature import FIXED, LEARNED, temper_backward, temper_forward
from .token_scores import EVERY_SCORE, UNIFORM, Score


class ClassifierSaved(NamedTuple):
    """What the backward needs: what each step saved, in the forward's order."""

    features: Any
    tanh: Any
    score: Any
    temper: Any
    attend: Any
    classifier: Any

    @property
    def weights(self) -> Array:
        """The attention weights (B, H, T)."""
        weights: Array = self.attend.weights
        return weights[:, :, 0]

    @property
    def maps(self) -> dict[str, Array]:
        """Every map of weights (B, H, L, T), by the name of what it is for."""
        return {"pooling": self.attend.weights}


class AttentionClassifier(NamedTuple):
    """Tokens in, logits out; see the equations above.

    The fields are the sizes and the names of score and temperature; the parameters are passed in and out,
    nested dicts of arrays named as PyTorch's state_dict names them.

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
    outputs: int = 1
    temperature: str = FIXED

    @property
    def name(self) -> str:
        """What it is called in a table."""
        return "uniform weights" if self.score == UNIFORM else f"{self.score} scores"

    def twin(self) -> "AttentionClassifier":
        """The same with uniform weights: what can be had without learning where to look."""
        return self._replace(score=UNIFORM, temperature=FIXED)

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        H, C = self.heads, self.hidden_dim
        tempers: Shapes = {"temperature": {"log_temperature": (H,)}} if self.temperature == LEARNED else {}
        return {
            "features": {"weight": (C, self.input_dim), "bias": (C,)},
            "classifier": {"weight": (self.outputs, H * C), "bias": (self.outputs,)},
            "score": self._score().shapes,
            **tempers,
        }

    def init(self, rng: np.random.Generator) -> Params:
        """Parameters to start from: weights by `glorot`, biases 0.

        The score's come last, so that models which differ in nothing else start from the same rest.
        """
        return drawn(rng, self.shapes())

    def forward(
        self, params: Params, x: Array, lengths: Array | None = None
    ) -> tuple[Array, ClassifierSaved]:
        """Logits of x (B, T, input_dim), and what the backward needs.

        lengths (B,): how many tokens of each example are real; all, if None.
        """
        score = self._score()
        mask = None if lengths is None else na.padding(lengths)
        linear, saved_features = na.linear_forward(x, **params["features"])
        features, saved_tanh = na.tanh_forward(linear)  # (B, T, C)
        scores, saved_score = score.forward(params["score"], features)  # (B, H, 1, T)
        saved_temper = None
        if self.temperature == LEARNED:
            scores, saved_temper = temper_forward(scores, **params["temperature"])
        context, saved_attend = na.attend_forward(scores, features[:, None], mask=mask)  # (B, H, 1, C)
        together = context.reshape(len(x), -1)  # (B, H * C)
        logits, saved_classifier = na.linear_forward(together, **params["classifier"])
        saved = ClassifierSaved(
            saved_features, saved_tanh, saved_score, saved_temper, saved_attend, saved_classifier
        )
        return logits[:, 0] if self.outputs == 1 else logits, saved

    def backward(self, d_logits: Array, saved: ClassifierSaved) -> Params:
        """The gradient of every parameter, nested as they are: the forward's lines upwards."""
        return self.backward_to_input(d_logits, saved)[1]

    def backward_to_input(self, d_logits: Array, saved: ClassifierSaved) -> tuple[Array, Params]:
        """d_x (B, T, input_dim), for what stands below, and the gradient of every parameter."""
        score = self._score()
        d_logits = d_logits.reshape(-1, self.outputs)
        d_together, *d_classifier = na.linear_backward(d_logits, saved.classifier)
        batch, heads, _ = saved.weights.shape
        d_context = d_together.reshape(batch, heads, 1, -1)
        d_scores, d_value, *_ = na.attend_backward(d_context, saved.attend)
        d_tempers: Params = {}
        if saved.temper is not None:
            d_scores, d_log_temperature = temper_backward(d_scores, saved.temper)
            d_tempers = {"temperature": {"log_temperature": d_log_temperature}}
        d_features_scored, d_score = score.backward(d_scores, saved.score)
        d_features = d_value[:, 0] + d_features_scored  # they were read twice
        d_linear = na.tanh_backward(d_features, saved.tanh)
        d_x, *d_features_layer = na.linear_backward(d_linear, saved.features)
        return d_x, {
            "features": dict(zip(("weight", "bias"), d_features_layer, strict=True)),
            "classifier": dict(zip(("weight", "bias"), d_classifier, strict=True)),
            "score": d_score,
            **d_tempers,
        }

    def _score(self) -> Score:
        return EVERY_SCORE[self.score](self.heads, self.hidden_dim)
