"""The pictures: which files, and what is on them."""

import numpy as np

from numpy_attention.study.look import pictures
from numpy_attention.study.look.looked import look
from numpy_attention.study.look.pictures import FILES, draw, maps_figure, tokens_figure
from tests.study.look.test_verdicts import looked, place
from tests.support.looked import small_run


def test_all_maps_and_tokens_are_drawn_and_the_same_bytes_again(tmp_path, peer):
    peer("matplotlib")
    found = look(*small_run("texts"), 1, steps=4, judged=1)
    for folder in ("one", "two"):
        draw(tmp_path / folder, found)
    assert sorted(file.name for file in (tmp_path / "one").iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    svg = (tmp_path / "one" / "maps.svg").read_text()
    assert all(text in svg for text in ("pooling, head 1: to ", "pooling, head 2: to ", found.answer))


def test_without_attributions_there_is_no_picture_of_tokens(tmp_path, peer):
    peer("matplotlib")
    draw(tmp_path, looked(place(), integrated=None))
    assert not list(tmp_path.glob("tokens*"))


def test_a_picture_has_a_panel_for_each_map_and_each_share(peer):
    peer("matplotlib")
    found = look(*small_run("translation"), 1, steps=4, judged=1)
    weights = [one.weights for one in found.places]
    figure = maps_figure(found, weights, "a title")
    assert len(figure.axes) == 6
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), weights[1][1])
    tokens = tokens_figure(found).axes
    assert [axes.get_title() for axes in tokens] == [
        "integrated gradients", "encoder: rollout", "encoder: relevance",
        "decoder layer 1, to the encoder: weights", "decoder layer 1, to the encoder: gradient",
        "integrated gradients", "decoder: rollout", "decoder: relevance",
    ]  # fmt: skip
    for axes, names in zip((tokens[4], tokens[5]), found.names, strict=True):
        assert [label.get_text() for label in axes.get_xticklabels()] == [*names]


def test_gradients_are_drawn_times_the_weights_with_0_in_the_middle_and_some_of_many_names(
    monkeypatch, tmp_path, peer
):
    peer("matplotlib")
    drawn = {}
    monkeypatch.setattr(pictures, "write_figure", lambda folder, name, figure: drawn.update({name: figure}))
    weights, gradients = np.random.default_rng(0).normal(size=(2, 1, 3, 40))
    own = place()._replace(weights=np.abs(weights), gradients=gradients)
    own = own._replace(queries=("a", "b", "c"), keys=tuple(map(str, range(40))))
    draw(tmp_path, looked(own))
    (axes,) = drawn["gradients"].axes
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), own.weights[0] * gradients[0])
    most = np.abs(image.get_array()).max()
    assert image.get_clim() == (-most, most)
    assert [label.get_text() for label in axes.get_xticklabels()] == [*own.keys[::3]]
