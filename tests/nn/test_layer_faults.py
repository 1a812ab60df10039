"""Known mistakes planted in layers: the tests of the layers turn red."""

from functools import partial

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.check.faults import FAULTS
from numpy_attention.check.pairs.layer_examples import LAYER_EXAMPLES
from numpy_attention.functional.attention.dropout import Dropout as Multipliers
from numpy_attention.nn import (
    adaptive,
    composition,
    dropout,
    embedding,
    feed_forward,
    gate,
    kv_cache,
    layer,
    model_options,
    seq2seq,
    token_pooling,
    transformer,
)
from numpy_attention.nn import multi_head_attention as mha
from numpy_attention.nn import norms as norm_layers
from numpy_attention.nn.positions import inside, joined, rotary, span
from tests.nn import test_dropout as dropouts
from tests.nn import test_encoder_classifier as encoders
from tests.nn import test_feed_forward as feed_forwards
from tests.nn import test_kv_cache as caches
from tests.nn import test_language_model as models
from tests.nn import test_layer as layers
from tests.nn import test_multi_head_attention as attentions
from tests.nn import test_norms as norms
from tests.nn import test_pooling as poolings
from tests.nn import test_seq2seq as translators
from tests.nn import test_transformer as transformers
from tests.nn.positions import test_joined as joinings
from tests.nn.positions import test_rotary as rotaries
from tests.nn.positions import test_span as spans

ENCODER, DECODER = "TransformerEncoderLayer", "TransformerDecoderLayer"
AFTER, BEFORE = transformers.FORMS[0], transformers.FORMS[2]


def checked(name, example=0):
    """The derivative of a layer's example, as a test."""
    return partial(
        layers.test_backward_is_the_derivative_of_forward_by_all_arguments_at_once,
        LAYER_EXAMPLES[name][example],
    )


def joined_without_transposing(heads):
    *batch, count, length, columns = heads.shape
    return heads.reshape(*batch, length, count * columns)


def split_without_transposing(joined, heads):
    *batch, length, width = joined.shape
    return joined.reshape(*batch, heads, length, width // heads)


def sum_without_x(x, branch):
    return branch, layer.SumSaved(x, branch)


def sum_back_without_x(d_sum, saved):
    return np.zeros_like(saved.x), d_sum


def branch_twice(d_sum, saved):
    return d_sum, 2 * d_sum


def other_place(condition, inner, params, x):
    return layer.either(not condition, inner, params, x)


def other_place_backward(inner, d_out, saved):
    """The norm is taken for a constant rescaling: its own backward is left out."""
    return d_out, {} if saved is None else inner.backward(d_out, saved)[1]


class AlwaysDropping(nn.Dropout):
    def forward(self, params, x, *, seed=None):
        return super().forward(params, x, seed=0 if seed is None else None)


class Unscaled(Multipliers):
    def fill(self, out, position=None):
        return super().fill(out, position) * (1 - self.rate)


def drawn_anew(d_out, saved):
    return d_out * np.roll(saved.multipliers, 1)


def one_seed_for_all(seed, count):
    return [seed] * count


def embedding_back_once(d_out, saved):
    """Of ids that occur twice the last one counts."""
    d_weight = np.zeros_like(saved.weight)
    d_weight[saved.indices] = d_out
    return d_weight


def seen_padding(mask, shape, extra):
    return None


def gate_back_without_joined(own, d_gated, saved):
    d_query, d_joined, d_params = gate.gate_backward(own, d_gated, saved)
    return 0 * d_query, d_joined, d_params


def swapped_keys_and_values(params, inputs, plan):
    (q, k, v), saved = attentions_project(params, inputs, plan)
    return [q, v, k], saved


attentions_project = mha.project_forward


def unshifted(query_positions, key_positions, L, S, own):
    return inside_places(None, key_positions, L, S, own)


inside_places = inside.places_of


def one_key_short(self, key, value):
    """Off by one: the newest key is missing."""
    keys, values, places = cache_append(self, key, value)
    return keys[:, :, :-1], values[:, :, :-1], places[..., :-1]


def one_slot_early(self, key, value):
    """Off by one: the new keys overwrite the last ones."""
    self.filled = max(0, self.filled - 1)
    return cache_append(self, key, value)


def one_key_more(self):
    """Off by one: a sliding cache shows a key too many."""
    return max(0, self.filled - self.capacity) if self.sliding else 0


def from_zero(self, length):
    return np.arange(length)


def without_starts(self, length):
    return np.arange(self.filled, self.filled + length)


def never_hidden(self, length):
    return None if length == 1 else cache_mask(self, length)


def input_only(self, d_logits, saved):
    d_x, d_output = tied_backward(self, d_logits, saved)
    return d_x, {"weight": np.zeros_like(d_output["weight"])}


def other_only(one, other, order=()):
    return {name: {**one, **other}[name] for name in order or {**one, **other} if name in {**one, **other}}


def colder(d_tempered, saved):
    """By the logarithm of the sharpness instead of the temperature."""
    d_scale, d_log = temperature_backward(d_tempered, saved)
    return d_scale, -d_log


def along_the_sequence(self, places):
    return np.abs(places.distances())


def place_of(name):
    """The number of an example of the multi-head attention."""
    return [example.name for example in LAYER_EXAMPLES["MultiHeadAttention"]].index(name)


temperature_backward = adaptive.temperature_backward
ADAPTIVE = checked("MultiHeadAttention", place_of("adaptive: entmax, temperature, span beside rotary"))
IN_AN_IMAGE = spans.test_in_an_image_the_distance_is_the_larger_of_rows_and_columns
cache_append, cache_mask = kv_cache.KVCache.append, kv_cache.KVCache.mask
tied_backward = embedding.Embedding.tied_backward
LEARNED, ROTARY, SLIDING = (
    partial(caches.test_pieces_equal_one_causal_pass, caches.POSITIONS["none"], [1] * caches.T, 2),
    partial(caches.test_pieces_equal_one_causal_pass, caches.POSITIONS["rotary"], [1] * caches.T, 2),
    partial(caches.test_a_sliding_cache_equals_a_window, None, [1] * caches.T),
)
DECODED_GPT = partial(models.test_pieces_with_a_cache_equal_one_pass, {}, [1] * 5)
RAGGED = partial(models.test_prompts_of_different_lengths_go_on_each_at_its_own_position, {})
MEANS = partial(encoders.test_padding_has_no_influence, "mean")
SHARED = translators.test_one_table_has_the_gradients_of_source_target_and_output
TIED = models.test_a_tied_table_has_the_gradients_of_input_and_output
AHEAD = partial(models.test_later_ids_have_no_influence, {})
SELF, CROSS, THREE = (partial(attentions.test_forward_is_its_equations, n, True) for n in (1, 2, 3))
FIRST, LAST = (partial(transformers.test_an_encoder_layer_is_its_equations, form) for form in (AFTER, BEFORE))
DECODED = partial(transformers.test_a_decoder_layer_is_its_equations, AFTER)
SCALED = dropouts.test_entries_are_dropped_by_seed_and_the_others_scaled
STILL = dropouts.test_without_a_seed_nothing_is_dropped
SEEDS = transformers.test_each_dropout_has_a_seed_of_its_own
SHIFT = rotaries.test_an_attention_sees_distances_alone
PADDED = poolings.test_padding_has_no_influence
PLANTED = {
    "heads joined before transposing": (mha, "join_heads", joined_without_transposing, SELF),
    "heads split without transposing": (mha, "split_heads", split_without_transposing, CROSS),
    "keys and values exchanged": (mha, "project_forward", swapped_keys_and_values, THREE),
    "residual forgotten": (transformer, "sum_forward", sum_without_x, FIRST),
    "residual forgotten in the backward": (transformer, "sum_backward", sum_back_without_x, checked(ENCODER)),
    "residual forgotten, of Residual": (
        composition, "sum_backward", sum_back_without_x, checked("Residual"),
    ),
    "branch counted twice": (transformer, "sum_backward", branch_twice, checked(ENCODER)),
    "norm before for norm after": (transformer, "either", other_place, LAST),
    "norm after for norm before": (transformer, "either", other_place, DECODED),
    "norm without its backward": (transformer, "either_backward", other_place_backward, checked(ENCODER)),
    "dropout in evaluation, not in training": (dropouts.nn, "Dropout", AlwaysDropping, STILL),
    "dropout without scaling": (dropout, "Multipliers", Unscaled, SCALED),
    "dropout drawn anew in the backward": (dropout, "thin_backward", drawn_anew, checked("Dropout")),
    "one seed for all children": (transformer, "child_seeds", one_seed_for_all, SEEDS),
    "an id that occurs twice counted once": (
        embedding, "embedding_backward", embedding_back_once, checked("Embedding"),
    ),
    "padding seen": (mha, "mask_beside", seen_padding, PADDED),
    "gate without the query's gradient": (
        mha, "gate_backward", gate_back_without_joined, checked("MultiHeadAttention", 5),
    ),
    "positions not shifted": (mha, "places_of", unshifted, SHIFT),
    "cache without the newest key": (kv_cache.KVCache, "append", one_key_short, LEARNED),
    "cache a slot early": (kv_cache.KVCache, "append", one_slot_early, LEARNED),
    "cache with a key too many": (kv_cache.KVCache, "_first", one_key_more, SLIDING),
    "rotary positions not shifted at decode": (kv_cache.KVCache, "upcoming", from_zero, ROTARY),
    "learned positions not shifted at decode": (kv_cache.KVCache, "upcoming", from_zero, DECODED_GPT),
    "one position for entries of different length": (kv_cache.KVCache, "upcoming", without_starts, RAGGED),
    "slots of no token seen": (kv_cache.KVCache, "mask", never_hidden, RAGGED),
    "padding in the mean": (token_pooling, "real_tokens", lambda mask, x: None, MEANS),
    "source and target share no gradient": (seq2seq, "summed", other_only, SHARED),
    "temperature colder where it should be warmer": (adaptive, "temperature_backward", colder, ADAPTIVE),
    "alpha without the slope of its sigmoid": (adaptive, "sigmoid_backward", lambda d, saved: d, ADAPTIVE),
    "span without the slope of its sigmoid": (span, "sigmoid_backward", lambda d, saved: d, ADAPTIVE),
    "span along the patches of an image": (span.AdaptiveSpan, "distances", along_the_sequence, IN_AN_IMAGE),
    "one bias for all": (joined, "total", lambda x: x[1], joinings.test_biases_are_summed_and_queries_turned),
    "later ids seen": (model_options, "causal", lambda: None, AHEAD),
    "tied table counted once": (
        embedding.Embedding, "tied_backward", input_only, TIED,
    ),
}  # fmt: skip
"""A mistake -> the module, its name there, the wrong function, and the test that turns red."""


def red(test):
    try:
        test()
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_turns_a_layers_test_red(mistake, monkeypatch):
    module, name, wrong, test = PLANTED[mistake]
    test()
    monkeypatch.setattr(module, name, wrong)
    assert red(test)


OWN = {
    "layer_norm": (norm_layers, norms.test_values_by_hand, checked("LayerNorm"), checked("LayerNorm", 1)),
    "rms_norm": (norm_layers, norms.test_values_by_hand, checked("RMSNorm")),
    "gelu": (
        feed_forward,
        partial(feed_forwards.test_forward_is_its_equation, "gelu"),
        checked("FeedForward", 1),
    ),
    "rotary": (
        rotary,
        checked("Rotary"),
        partial(rotaries.test_the_layer_is_the_function, "halves", 4),
        partial(rotaries.test_the_layer_is_the_function, "interleaved", 4),
    ),
}
"""A rule whose faults the layers' tests find: the module that looks it up, and the tests."""


def plant(monkeypatch, fault):
    """The fault's pair wherever the layer looks it up."""
    module, *tests = OWN[fault.rule]
    forward, backward = fault.pair
    monkeypatch.setattr(module, f"{fault.rule}_backward", backward)
    if fault.rule == "gelu":
        monkeypatch.setitem(feed_forward.ACTIVATIONS, "gelu", fault.pair)
    elif fault.rule == "rotary":

        def rotate_forward(self, x, positions):
            places = positions if positions.ndim == 1 else positions[..., None, :]
            return forward(x, places + self.offset, layout=self.layout, width=self.width, base=self.base)

        monkeypatch.setattr(nn.Rotary, "rotate_forward", rotate_forward)
    else:
        monkeypatch.setattr(module, f"{fault.rule}_forward", forward)
    return tests


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.rule in OWN], ids=lambda fault: fault.name)
def test_a_fault_of_a_rule_turns_its_layers_tests_red(fault, monkeypatch):
    tests = plant(monkeypatch, fault)
    assert any(map(red, tests))
