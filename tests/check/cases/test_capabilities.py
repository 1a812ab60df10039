"""What a candidate supports, by default everything but options."""

from numpy_attention.check.cases.capabilities import Capabilities
from numpy_attention.check.cases.specification import LAYOUTS, MODES


def test_by_default_no_option_and_every_call():
    supported = Capabilities()
    assert supported.options == supported.masks == ()
    assert supported.layouts == LAYOUTS
    assert supported.modes == MODES


def test_masks_are_the_options_that_hide():
    assert Capabilities(("bias", "mask", "causal")).masks == ("causal", "mask")
