"""With the scale the width does not matter; without it one weight takes all."""

from numpy_attention.study.web.root_d import measure_widths, root_d_html


def test_without_the_scale_weights_saturate_and_gradients_vanish():
    measured = {(each.width, each.scaled): each for each in measure_widths()}
    scaled = [measured[width, True] for width in (4, 64, 1024)]
    assert max(each.shares[0] for each in scaled) < 0.4
    assert min(each.median_gradient for each in scaled) > 0.01
    raw = [measured[width, False] for width in (4, 64, 1024)]
    assert raw[0].shares[0] < raw[1].shares[0] < raw[2].shares[0]
    assert raw[2].shares[0] > 0.9
    assert raw[2].median_gradient < 1e-6


def test_the_panel_has_a_row_for_each():
    assert root_d_html().count("<tr>") == 7
