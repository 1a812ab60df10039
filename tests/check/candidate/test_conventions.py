"""Options go by a candidate's own names, and nothing is guessed."""

import pytest

from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.conventions import ALIASES, bind, checked_convention


def names(function, **convention):
    return bind(function, checked_convention(**convention)).names


@pytest.mark.parametrize("option, alias", [(o, a) for o, others in ALIASES.items() for a in others])
def test_common_names_are_known(option, alias):
    scope = {}
    exec(f"def attention(query, key, value, {alias}=None): pass", scope)
    assert names(scope["attention"]) == {option: alias}


def test_a_dropout_rate_is_not_the_dropout_option():
    assert names(lambda q, k, v, dropout_p=0.0: None) == {}


def test_stated_names_come_before_common_ones():
    def attention(q, k, v, s=None, causal=False):
        pass

    assert names(attention, names={"s": "scale"}) == {"scale": "s", "causal": "causal"}


def test_supports_limits_the_options():
    def attention(q, k, v, causal=False, scale=None, bias=None):
        pass

    assert names(attention, supports=["scale"]) == {"scale": "scale"}
    assert names(lambda *args, **kwargs: None, supports=["causal", "scale"]) == {
        "causal": "causal",
        "scale": "scale",
    }


def test_required_unused_options_get_neutral_values():
    def attention(q, k, v, causal, sm_scale, bias=None):
        pass

    binding = bind(attention, checked_convention())
    assert binding.arguments({}, 16) == ([], {"causal": False, "sm_scale": 0.25})
    assert binding.arguments({"scale": 0.5}, 16) == ([], {"causal": False, "sm_scale": 0.5})


def test_an_unknown_required_parameter_is_refused():
    with pytest.raises(ValueError, match=r"requires the parameter 'cu_seqlens'.*--map cu_seqlens=OPTION"):
        names(lambda q, k, v, cu_seqlens: None)


@pytest.mark.parametrize(
    "convention, name",
    [({"names": {"nothing": "scale"}}, "nothing"), ({"supports": ["sinks"]}, "sinks")],
)
def test_a_stated_parameter_that_does_not_exist_is_refused(convention, name):
    with pytest.raises(ValueError, match=f"the candidate has no parameter '{name}' for .*; it has scale"):
        names(lambda q, k, v, scale=None: None, **convention)


def test_query_key_and_value_are_placed_by_their_names():
    assert bind(lambda v, k, q: None, checked_convention()).places == (2, 1, 0)
    assert bind(lambda a, b, c: None, checked_convention()).places == (0, 1, 2)
    assert bind(lambda *, v, k, q: None, checked_convention()).tensors == ("q", "k", "v")
    stated = checked_convention(names={"x": "query", "y": "key", "z": "value"})
    assert bind(lambda *, z, y, x: None, stated).tensors == ("x", "y", "z")
    for function in (lambda x: None, lambda *, x, y, z: None):
        with pytest.raises(TypeError, match="query, key and value are expected, by position or by name"):
            bind(function, checked_convention())


class Function:
    """As torch.autograd.Function is called: by position, and what is named stands in forward."""

    @staticmethod
    def forward(ctx, q, k, v, causal, sm_scale, block=64, bias=None):
        pass

    @classmethod
    def apply(cls, *args):
        return args


def test_apply_is_called_by_position():
    binding = bind(Function.apply, checked_convention())
    assert binding.names == {"causal": "causal", "scale": "sm_scale", "bias": "bias"}
    assert binding.arguments({"causal": True}, 4) == ([True, 0.5], {})
    assert binding.arguments({"bias": "B"}, 4) == ([False, 0.5, 64, "B"], {})
    assert Candidate(Function, checked_convention()).options == ("causal", "bias", "scale")


def test_unsupported_options_have_a_reason():
    def attention(q, k, v, mask=None, causal=False):
        pass

    left = Candidate(attention, checked_convention()).left_out
    assert left["mask"].startswith("meaning of its booleans unknown")
    assert left["bias"] == "not supported"
    assert "causal" not in left
    assert "mask" not in Candidate(attention, checked_convention(mask="hidden")).left_out
    unread = Candidate(max, checked_convention()).left_out
    assert all("signature cannot be read" in reason for reason in unread.values())


@pytest.mark.parametrize(
    "words, message",
    [
        ({"supports": ["bais"]}, "'bais' is not an option"),
        ({"names": {"x": "bais"}}, "'bais' is not an option"),
        ({"layout": "BDHL"}, "layout is 'BDHL'"),
        ({"mask": "bool"}, "mask is 'bool'"),
        ({"causal": "left"}, "causal is 'left'"),
    ],
)
def test_unknown_words_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        checked_convention(**words)
