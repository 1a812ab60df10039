"""Examples: reproducible numbers, and the branches that their names promise."""

import numpy as np

import numpy_attention as na
from numpy_attention.check.pairs import examples


def test_numbers_are_the_same_in_every_run_and_differ_by_shape() -> None:
    assert (examples.normal(3, 5) == examples.normal(3, 5)).all()
    assert not np.isclose(examples.normal(3, 5).ravel(), examples.normal(5, 3).ravel()).any()
    assert (examples.normal(2, size=10.0) == 10 * examples.normal(2)).all()


def test_spread_numbers_are_evenly_spaced_and_shuffled() -> None:
    x = examples.spread(-2.0, 2.0, 1, 5)
    assert sorted(x.ravel().tolist()) == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert x.ravel().tolist() != sorted(x.ravel().tolist())


def test_attention_examples_reach_what_they_name() -> None:
    by_name = {example.name: example for example in examples.ATTENTION}
    saved = {name: na.attention_forward(*by_name[name].args, **by_name[name].kwargs)[1] for name in by_name}
    assert np.isneginf(saved["everything hidden"].lse).all()
    assert np.isneginf(saved["padding, one batch entry fully masked"].lse[0]).all()
    assert np.isfinite(saved["sinks in fully masked rows"].lse).all()
    ahead = np.sort(saved["one score 36 ahead"].scores, axis=-1)
    assert (ahead[..., -1] - ahead[..., -2]).max() > 5
    assert (saved["sinks above all scores"].weights.sum(axis=-1) < 1e-6).all()


def test_bias_pairs_return_the_gradient_of_their_parameter() -> None:
    forward, backward = examples.ALIBI_PAIR
    out, saved = forward(*examples.ALIBI[0].args)
    assert backward(np.ones(out.shape), saved)["d_parameter"].shape == (examples.H,)
