"""Blockwise and fast attention have the properties of attention, each at its own roundoff."""

import os

import pytest
from hypothesis import given, settings

from tests.properties import test_gradients as gradients
from tests.properties import test_hiding as hiding
from tests.properties import test_masks as masks
from tests.properties import test_options as options
from tests.properties import test_precision as precision
from tests.properties import test_purity as purity
from tests.properties import test_symmetries as symmetries
from tests.properties import test_weights as weights

OF_WEIGHTS_OR_SCORES = {
    weights.test_rows_of_weights_sum_to_one_or_to_zero,
    weights.test_rows_and_their_sink_sum_to_one,
    weights.test_lse_lies_between_the_largest_score_and_log_n_above_it,
    weights.test_the_gradient_of_lse_is_the_weights,
    options.test_capped_scores_stay_within_the_cap_and_in_order,
    options.test_a_cap_far_above_the_scores_caps_nothing,
    options.test_saved_holds_the_results_of_the_steps_in_use,
    options.test_attend_is_attention_from_its_second_step_on,
}
"""Properties of numbers that tiles do not keep."""

OF_FLOAT64 = {precision.test_narrow_dtypes_are_computed_in_float64_and_rounded_once}
"""Properties of computing in float64 for any input dtype."""

PROPERTIES = [
    test
    for module in (weights, symmetries, hiding, masks, options, gradients, precision, purity)
    for name, test in vars(module).items()
    if name.startswith("test_") and hasattr(test, "holds")
    if test not in OF_WEIGHTS_OR_SCORES | OF_FLOAT64
]

ARGUMENTS = {purity.test_memory_layout_does_not_matter: [(layout,) for layout in purity.LAYOUTS]}
"""Arguments of a property besides the case."""

QUICK = os.environ.get("HYPOTHESIS_PROFILE", "quick") == "quick"
quickly = settings(max_examples=3 if QUICK else settings().max_examples)


@pytest.mark.parametrize("path", ("blockwise", "fast"))
@pytest.mark.parametrize("test", PROPERTIES, ids=lambda test: test.__name__.removeprefix("test_"))
def test_tiles_have_the_property(test, path):
    @quickly
    @given(case=test.domain)
    def holds(case):
        for arguments in ARGUMENTS.get(test, ((),)):
            test.holds(case.by(path), *arguments)

    holds()
