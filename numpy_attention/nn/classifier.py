"""The attention classifier: score the tokens, and classify their weighted sum.

    features   = tanh(x @ Wᵀ + b)                 (B, T, input_dim) -> (B, T, C)
    scores_ht  = score_h(features_t)              (B, H, 1, T)
    tempered_h = scores_h / temperature_h         where the temperature is learned
    weights    = softmax(tempered) over the tokens; a padded token has weight 0
    context_h  = Σ_t weights_ht features_t        (B, H, 1, C)
    logits     = V [context_1; …; context_H] + c  (B,), or (B, K) for K > 1 outputs

Each of H heads has scores of its own; all attend to the same features (grouped heads).
"""

from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.attend import attend_backward, attend_forward
from ..functional.base.admission import Array
from ..functional.base.wording import counted
from ..functional.layers.activations import tanh_backward, tanh_forward
from ..functional.layers.linear import linear_backward, linear_forward
from ..functional.masks.builders import padding
from .attention_step import Intervention, steps_of
from .head_entries import Entries
from .parameters import (
    Params,
    Shapes,
    admit_d_logits,
    admit_tokens,
    check_params,
    check_saved,
    explained_layer,
    init_params,
)
from .temperature import FIXED, LEARNED, temperature_backward, temperature_forward
from .token_scores import EVERY_SCORE, UNIFORM, Score


class ClassifierSaved(NamedTuple):
    """One entry per step of the forward, in its order."""

    features: Any
    tanh: Any
    score: Any
    temperature: Any
    attend: Any
    classifier: Any

    @property
    def weights(self) -> Array:
        """The attention weights (B, H, T)."""
        weights: Array = self.attend.weights
        return weights[:, :, 0]

    @property
    def maps(self) -> dict[str, Array]:
        """Every map of weights (B, H, L, T), by name."""
        return {"pooling": self.attend.weights}


@explained_layer
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
    >>> d_x, d_params = model.backward(np.ones(2), saved)
    >>> d_x.shape, d_params["features"]["weight"].shape
    ((2, 7, 3), (5, 3))
    """

    input_dim: int
    hidden_dim: int = 50
    heads: int = 1
    score: str = "location"
    outputs: int = 1
    temperature: str = FIXED
    attention: Intervention | None = None
    """An intervention, such as `Watch`"""

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The dtype of the parameters in training."""
        return np.float64

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "uniform weights" if self.score == UNIFORM else f"{self.score} scores"

    def steps(self, tokens: int) -> dict[str, str]:
        """The steps of the model, as a report names them."""
        H, C = self.heads, self.hidden_dim
        temperature = ", learned temperature" if self.temperature == LEARNED else ""
        return {
            "extract features": f"linear + tanh: ({tokens}, {self.input_dim}) -> ({tokens}, {C})",
            "allocate attention": f"{self.score} scores{temperature}, "
            f"softmax over {counted(tokens, 'token')}: ({H}, {tokens}) weights",
            "predict": f"weighted sum, linear: ({H}, {C})",
        }

    def with_uniform_weights(self) -> "AttentionClassifier":
        """The same model with uniform weights: the baseline that learns no attention."""
        return self._replace(score=UNIFORM, temperature=FIXED)

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        H, C = self.heads, self.hidden_dim
        learned = self.temperature == LEARNED
        temperature: Shapes = {"temperature": {"log_temperature": (H,)}} if learned else {}
        return {
            "features": {"weight": (C, self.input_dim), "bias": (C,)},
            "classifier": {"weight": (self.outputs, H * C), "bias": (self.outputs,)},
            "score": self._score().shapes,
            **temperature,
        }

    def heads_by_place(self) -> dict[str, list[Entries]]:
        """The entries of each head: its score, its temperature, and what the classifier makes of its sum."""
        scored = [f"score.{name}" for name, shape in self._score().shapes.items() if shape]
        tempered = ["temperature.log_temperature"] if self.temperature == LEARNED else []
        columns = [slice(head * self.hidden_dim, (head + 1) * self.hidden_dim) for head in range(self.heads)]
        heads = [
            {**dict.fromkeys([*scored, *tempered], head), "classifier.weight": (slice(None), own)}
            for head, own in enumerate(columns)
        ]
        return {"pooling": heads}

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters: weights by `glorot`, biases 0.

        Those of the score are drawn last, so that models that differ only in the score agree in all others.
        """
        return init_params(rng, self.shapes())

    def forward(
        self, params: Params, x: Array, lengths: Array | None = None
    ) -> tuple[Array, ClassifierSaved]:
        """Logits of x (B, T, input_dim), and what `backward` needs.

        lengths (B,): how many tokens of each example are real; all, if None.
        """
        check_params(params, self.shapes())
        x = admit_tokens(x, self.input_dim)
        score = self._score()
        mask = None if lengths is None else padding(lengths)
        linear, saved_features = linear_forward(x, **params["features"])
        features, saved_tanh = tanh_forward(linear)  # (B, T, C)
        scores, saved_score = score.forward(params["score"], features)  # (B, H, 1, T)
        saved_temperature = None
        if self.temperature == LEARNED:
            scores, saved_temperature = temperature_forward(scores, **params["temperature"])
        steps = steps_of(self.attention, params)
        context, saved_attend = attend_forward(scores, features[:, None], mask=mask, steps=steps)
        joined = context.reshape(len(x), -1)  # (B, H, 1, C) -> (B, H * C)
        logits, saved_classifier = linear_forward(joined, **params["classifier"])
        saved = ClassifierSaved(
            saved_features, saved_tanh, saved_score, saved_temperature, saved_attend, saved_classifier
        )
        return logits[:, 0] if self.outputs == 1 else logits, saved

    def backward(
        self, d_logits: Array, saved: ClassifierSaved, *, needs_d_x: bool = True
    ) -> tuple[Any, Params]:
        """d_x (B, T, input_dim), and d_params, nested like params: the forward's steps in reverse.

        needs_d_x: False leaves d_x None, for an x that is data.
        """
        check_saved(saved, ClassifierSaved)
        score = self._score()
        batch, heads, _ = saved.weights.shape
        d_logits = admit_d_logits(d_logits, batch, self.outputs)
        d_joined, *d_classifier = linear_backward(d_logits, saved.classifier)
        d_context = d_joined.reshape(batch, heads, 1, -1)
        d_scores, d_value, *_ = attend_backward(d_context, saved.attend)
        d_temperature: Params = {}
        if saved.temperature is not None:
            d_scores, d_log_temperature = temperature_backward(d_scores, saved.temperature)
            d_temperature = {"temperature": {"log_temperature": d_log_temperature}}
        d_features_scored, d_score = score.backward(d_scores, saved.score)
        d_features = d_value[:, 0] + d_features_scored  # used twice
        d_linear = tanh_backward(d_features, saved.tanh)
        d_x, *d_features_layer = linear_backward(d_linear, saved.features, needs_d_x=needs_d_x)
        return d_x, {
            "features": dict(zip(("weight", "bias"), d_features_layer, strict=True)),
            "classifier": dict(zip(("weight", "bias"), d_classifier, strict=True)),
            "score": d_score,
            **d_temperature,
        }

    def _score(self) -> Score:
        return EVERY_SCORE[self.score](self.heads, self.hidden_dim)
