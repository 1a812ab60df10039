"""Merging as a pair: its outputs are those of attention over all keys, its gradients named singly."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.pairs.merging import MERGE, MERGE_PAIR


def test_three_parts_merge_into_attention_over_all_keys() -> None:
    rng = np.random.default_rng(0)
    query, key, value = (rng.standard_normal(shape) for shape in ((5, 3), (9, 3), (9, 2)))
    parts = [na.attention_forward(query, key[i : i + 3], value[i : i + 3]) for i in (0, 3, 6)]
    (out, lse), _ = MERGE_PAIR[0](*(x for part, saved in parts for x in (part, saved.lse)))
    whole, saved = na.attention_forward(query, key, value)
    np.testing.assert_allclose(out, whole, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(lse, saved.lse, rtol=1e-14)


@pytest.mark.parametrize("example", MERGE, ids=[example.name for example in MERGE])
def test_each_array_has_a_gradient_of_its_shape(example) -> None:  # type: ignore[no-untyped-def]
    forward, backward = MERGE_PAIR
    (out, lse), saved = forward(*example.args)
    gradients = backward((np.ones(out.shape), np.ones(lse.shape)), saved)
    names = [f"d_{kind}_{part}" for part in (1, 2, 3) for kind in ("out", "lse")]
    assert set(gradients) == set(names)
    assert [gradients[name].shape for name in names] == [x.shape for x in example.args]


def test_the_cotangent_of_lse_is_shared_by_softmax() -> None:
    forward, backward = MERGE_PAIR
    (out, lse), saved = forward(*MERGE[0].args)
    gradients = backward((np.zeros(out.shape), np.ones(lse.shape)), saved)
    shares = [gradients[f"d_lse_{part}"] for part in (1, 2, 3)]
    np.testing.assert_allclose(shares, np.exp(np.stack(MERGE[0].args[1::2]) - lse), rtol=1e-14)
