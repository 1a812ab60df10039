"""Step 0: query, key and value of tokens, and the gradients of tokens and matrices."""

import numpy as np
import pytest

from numpy_attention import STEPS
from numpy_attention.study.example import ALL_OPTIONS, build_example
from numpy_attention.study.step_0 import step_0
from numpy_attention.study.trace import trace_attention
from numpy_attention.study.walk import walk


def test_without_tokens_there_is_none():
    assert step_0(trace_attention(build_example(), STEPS)) == ((), ())


def test_gradient_of_tokens_is_the_sum():
    walked = walk(build_example(score="concat"))
    g = walked.gradients
    last = walked.up[-1]
    np.testing.assert_array_equal(last.results["d_h"], g.d_query + g.d_key + g.d_value)
    wrong_sum = {"d_h": last.derivatives["d_h"]._replace(ours=g.d_key)}
    assert not walked._replace(up=(*walked.up[:-1], last._replace(derivatives=wrong_sum))).ok


@pytest.mark.parametrize("options", [{"heads": 2}, {"heads": 4, "kv_heads": 2, "cross": True}, ALL_OPTIONS])
def test_step_0_is_first_and_last(options):
    walked = walk(build_example(**options))
    assert walked.ok
    first, last = walked.down[0], walked.up[-1]
    assert [x.number for x in walked.down] == [x.number for x in reversed(walked.up)] == list(range(8))
    np.testing.assert_array_equal(first.results["query"], walked.example.query)
    matrices = {"d_W_Q", "d_W_K", "d_W_V"}
    tokens = {"d_x", "d_memory"} if options.get("cross") else {"d_x"}
    parts = {"from_query", "from_key", "from_value"}
    assert last.derivatives.keys() == last.results.keys() == matrices | tokens | parts
    assert last.source.lines
    assert "query = split_heads(x @ W_Q.T, heads)" in str(first.source)
