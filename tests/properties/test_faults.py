"""Each property fails when a mistake of its kind is planted."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import numpy_attention as na
from numpy_attention.functional.attention import dropout
from numpy_attention.functional.masks import kinds as mask_kinds
from numpy_attention.functional.masks import mask as tiles
from tests.properties import test_gradients as gradients
from tests.properties import test_hiding as hiding
from tests.properties import test_masks as masks
from tests.properties import test_options as options
from tests.properties import test_precision as precision
from tests.properties import test_purity as purity
from tests.properties import test_symmetries as symmetries
from tests.properties import test_weights as weights
from tests.support import planted_faults as f
from tests.support.cases import Case

FAULTS = [
    (weights.test_rows_of_weights_sum_to_one_or_to_zero, f.NOT_NORMALISED),
    (weights.test_rows_and_their_sink_sum_to_one, f.SINK_FORGOTTEN),
    (weights.test_a_constant_along_a_row_moves_lse_and_nothing_else, f.LSE_WITHOUT_ITS_SHIFT),
    (weights.test_lse_lies_between_the_largest_score_and_log_n_above_it, f.LSE_IN_BITS),
    (weights.test_the_gradient_of_lse_is_the_weights, f.LSE_WITHOUT_GRADIENT),
    (weights.test_the_output_lies_within_the_hull_of_the_visible_values, f.VALUES_TOO_LARGE),
    (weights.test_the_output_is_linear_in_the_values, f.VALUES_RECTIFIED),
    (symmetries.test_keys_may_change_places_together_with_their_values, f.SCORES_BY_KEY_INDEX),
    (symmetries.test_queries_may_change_places, f.SCORES_BY_QUERY_INDEX),
    (symmetries.test_heads_may_change_places_group_by_group, f.HEADS_TILED),
    (symmetries.test_heads_may_change_places_group_by_group, f.SCORES_BY_HEAD_INDEX),
    (symmetries.test_batch_entries_may_change_places, f.SCORES_BY_BATCH_INDEX),
    (symmetries.test_a_slice_of_the_batch_alone_gives_the_same, f.DIVIDED_BY_THE_BATCH),
    (symmetries.test_scaling_the_query_up_and_the_scale_down_cancels, f.SCALE_UNDONE),
    (symmetries.test_query_and_key_may_be_rotated_together, f.SCORES_BY_FIRST_ENTRY),
    (symmetries.test_grouped_heads_are_repeated_heads_with_gradients_summed, f.HEADS_TILED),
    (hiding.test_fully_masked_rows_and_keys_change_no_bit, f.VALUES_NOT_SELECTED),
    (hiding.test_fully_masked_rows_and_keys_change_no_bit, f.MASK_FORGOTTEN),
    (hiding.test_fully_masked_rows_and_keys_have_gradient_zero, f.D_VALUE_NEVER_ZERO),
    (hiding.test_fully_masked_row_gives_zero_and_lse_minus_infinity_or_the_sink, f.MASK_FINITE),
    (hiding.test_a_nan_in_a_key_shows_in_the_rows_that_see_it, f.SCORES_WITHOUT_NAN),
    (hiding.test_a_nan_in_a_key_shows_in_the_rows_that_see_it, f.KEY_NOT_SELECTED),
    (hiding.test_a_nan_in_a_query_shows_in_its_row, f.SCORES_WITHOUT_NAN),
    (
        hiding.test_a_nan_in_a_value_shows_in_its_column_and_in_the_gradients_of_the_rows_that_see_it,
        f.VALUES_WITHOUT_NAN,
    ),
    (
        hiding.test_a_nan_in_a_value_shows_in_its_column_and_in_the_gradients_of_the_rows_that_see_it,
        f.VALUES_NOT_SELECTED,
    ),
    (hiding.test_a_nan_in_d_out_shows_in_the_gradients_of_its_row, f.D_OUT_WITHOUT_NAN),
    (hiding.test_causal_output_ignores_later_keys, f.MASK_OFF_BY_ONE),
    (hiding.test_causal_gradient_of_later_keys_is_zero, f.D_VALUE_NEVER_ZERO),
    (hiding.test_a_mask_and_a_bias_of_minus_infinity_hide_alike, f.MASK_FORGOTTEN),
    (masks.test_a_window_as_wide_as_the_keys_hides_nothing, f.MASK_HALVES),
    (masks.test_a_window_of_one_gives_back_the_values, f.MASK_OFF_BY_ONE),
    (masks.test_bottom_right_attention_is_the_last_rows_of_square_attention, f.SCORES_BY_QUERY_INDEX),
    (options.test_a_sink_is_one_more_key_whose_value_is_zero, f.SINK_WITHOUT_GRADIENT),
    (options.test_a_sink_is_one_more_key_whose_value_is_zero, f.SINK_FORGOTTEN),
    (options.test_dropout_of_ones_is_none, f.DROPOUT_UNSCALED),
    (options.test_capped_scores_stay_within_the_cap_and_in_order, f.TIMES_TANH),
    (options.test_a_cap_far_above_the_scores_caps_nothing, f.CAP_NOT_RESTORED),
    (options.test_attend_is_attention_from_its_second_step_on, f.VALUES_TOO_LARGE),
    (gradients.test_the_gradients_are_those_of_the_complex_step, f.ROW_SUM_FORGOTTEN),
    (gradients.test_the_gradients_are_those_of_the_complex_step, f.LSE_WITHOUT_GRADIENT),
    (gradients.test_the_gradients_are_those_of_the_complex_step, f.SINK_WITHOUT_GRADIENT),
    (gradients.test_the_gradients_are_those_of_the_complex_step, f.BIAS_LOST),
    (gradients.test_the_gradients_are_those_of_the_complex_step, f.GROUP_INTERLEAVED),
    (gradients.test_rows_of_d_scores_sum_to_zero_their_sink_included, f.ROW_SUM_FORGOTTEN),
    (gradients.test_rows_of_d_scores_sum_to_zero_their_sink_included, f.SINK_WITHOUT_GRADIENT),
    (gradients.test_query_key_and_scale_gradients_have_equal_dot_products, f.KEY_UNSCALED),
    (gradients.test_the_gradients_are_linear_in_the_cotangents, f.D_OUT_SQUARED),
    (gradients.test_zero_cotangents_give_zero_gradients, f.D_VALUE_NEVER_ZERO),
    (precision.test_every_number_is_that_of_the_formula, f.HEADS_TILED),
    (precision.test_every_number_is_that_of_the_formula, f.MASK_FINITE),
    (precision.test_every_number_is_that_of_the_formula, f.VALUES_IN_SINGLE),
    (purity.test_a_second_call_gives_the_same_bits, f.different_each_call()),
    (purity.test_worker_threads_get_the_same_bits, f.different_each_call()),
]

until_it_breaks = settings(
    max_examples=300, phases=[Phase.generate], database=None, derandomize=True, deadline=None,
    suppress_health_check=list(HealthCheck), report_multiple_bugs=False, print_blob=False,
)  # fmt: skip


def assert_notices(test, broken, error=AssertionError):
    """Raise unless `test` fails for one of its problems once they are `broken`."""

    @until_it_breaks
    @given(case=test.domain)
    def run(case):
        test.holds(broken(case))

    with pytest.raises(error):
        run()


@pytest.mark.parametrize(
    "test, steps", FAULTS, ids=[f"{test.__name__}-{n}" for n, (test, _) in enumerate(FAULTS)]
)
def test_a_planted_fault_turns_the_property_red(test, steps):
    assert_notices(test, lambda case: case.but(steps=steps))


class Scribbles(Case):
    """Attention that writes into its arguments."""

    def backward(self, saved):
        self.key[...] += 1
        return super().backward(saved)


class Shares(Case):
    """Attention that returns a view of its weights."""

    def forward(self):
        out, saved = super().forward()
        return np.broadcast_to(saved.weights[..., :1], np.shape(out)), saved


class Raises(Case):
    """Attention that underflows under the caller's errstate."""

    def forward(self):
        np.exp(np.full(3, -1e4))
        return super().forward()


class RoundsTwice(Case):
    """Attention that rounds to float16 and back."""

    def forward(self):
        out, saved = super().forward()
        return out if out.dtype == float else out.astype(np.float16).astype(out.dtype), saved


class Promotes(Case):
    """Attention with a float64 gradient for any dtype."""

    def backward(self, saved):
        gradients = super().backward(saved)
        return gradients._replace(d_value=gradients.d_value.astype(float))


class DependsOnLayout(Case):
    """Attention that reads the memory of key in the order it lies there."""

    def forward(self):
        key = np.frombuffer(self.key.tobytes("A"), self.key.dtype).reshape(self.key.shape)
        return super(DependsOnLayout, self.but(key=key)).forward()


def turned_into(kind):
    return lambda case: kind(**{field.name: getattr(case, field.name) for field in fields(case)})


@pytest.mark.parametrize(
    "test, kind, error",
    [
        (purity.test_no_argument_is_changed, Scribbles, AssertionError),
        (purity.test_results_share_no_memory_with_arguments_or_each_other, Shares, AssertionError),
        (purity.test_no_floating_point_error_is_raised, Raises, FloatingPointError),
        (precision.test_narrow_dtypes_are_computed_in_float64_and_rounded_once, RoundsTwice, AssertionError),
        (gradients.test_gradients_have_their_arguments_shape_and_dtype, Promotes, AssertionError),
    ],
)
def test_impurity_turns_the_property_red(test, kind, error):
    assert_notices(test, turned_into(kind), error)


def test_a_layout_that_matters_turns_the_property_red():
    test = purity.test_memory_layout_does_not_matter

    @until_it_breaks
    @given(case=test.domain)
    def run(case):
        test.holds(turned_into(DependsOnLayout)(case), "Fortran order")

    with pytest.raises(AssertionError):
        run()


def test_a_wrong_corner_turns_the_property_red(monkeypatch):
    monkeypatch.setattr(na, "causal", lambda align="top_left", right=na.causal: right("top_left"))
    assert_notices(masks.test_bottom_right_attention_is_the_last_rows_of_square_attention, lambda case: case)


def from_the_start(name, part, length):
    """The positions of a tile, counted from its own start."""
    return np.arange(len(range(length)[part]))


def whole_rows(dropout, rows, columns, shape):
    return dropout.array(shape)[..., : len(range(shape[-2])[rows]), columns]


MASK_FAULTS = [
    (masks.test_tile_is_a_slice_of_the_array, tiles, "_positions", from_the_start),
    (masks.test_masks_obey_set_algebra, tiles.Mask, "__or__", tiles.Mask.__and__),
    (masks.test_masks_obey_set_algebra, tiles.Mask, "__invert__", lambda self: self),
    (masks.test_visible_pairs_match_the_definition, tiles.Mask, "__invert__", lambda self: self),
    (
        masks.test_bottom_right_is_the_last_rows_of_the_square,
        mask_kinds,
        "alignment_offset",
        lambda what, align, L, S: 0,
    ),
    (options.test_dropout_tile_is_a_slice_of_its_array, dropout.Dropout, "tile", whole_rows),
]


@pytest.mark.parametrize("test, where, name, wrong", MASK_FAULTS, ids=range(len(MASK_FAULTS)))
def test_a_wrong_mask_turns_the_property_red(monkeypatch, test, where, name, wrong):
    monkeypatch.setattr(where, name, wrong)
    monkeypatch.setattr(test, "_hypothesis_internal_use_settings", until_it_breaks)  # no shrinking
    with pytest.raises(AssertionError):
        test()
