"""What every optimizer keeps: purity, dtypes, one step for each parameter by itself, resuming, errors."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_attention.optim.adam import adam_init, adam_step, adamw_step
from numpy_attention.optim.sgd import sgd_init, sgd_step
from numpy_attention.optim.trees import flatten, unflatten
from numpy_attention.optim.updates import count, decay_rates, leaves, not_negative
from tests.support.optimizer_problems import OPTIMIZERS, bits, drawn, mapped, run

FLOATS = [np.float16, np.float32, np.float64]
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
every_dtype = pytest.mark.parametrize("dtype", FLOATS)


def arrays(*trees):
    return [leaf for tree in trees for leaf in leaves("tree", tree).values()]


# ---------------------------------------------------------------------------------------------- purity


@every_optimizer
@every_dtype
def test_nothing_that_comes_in_is_changed_and_nothing_that_comes_out_shares_with_it(optimizer, dtype):
    params, state = run(optimizer, drawn(0, dtype), range(1, 3))
    grads = drawn(1, dtype)
    came = arrays(params, grads, state)
    for array in came:
        array.flags.writeable = False
    before = bits({"params": params, "grads": grads, "state": state})

    went = arrays(*optimizer.step(params, grads, state))
    assert bits({"params": params, "grads": grads, "state": state}) == before
    for place, array in enumerate(went):
        assert type(array) is np.ndarray
        assert array.flags.writeable
        assert not any(np.may_share_memory(array, other) for other in came + went[:place] if other.size)


@every_optimizer
def test_a_second_call_gives_the_same_bits(optimizer):
    params, state = run(optimizer, drawn(0), range(1, 3))
    first, second = (optimizer.step(params, drawn(1), state) for _ in range(2))
    assert bits(dict(zip("ps", first, strict=True))) == bits(dict(zip("ps", second, strict=True)))


@every_optimizer
def test_a_state_begins_with_arrays_of_its_own(optimizer):
    params = drawn(0)
    went = arrays(optimizer.init(params))
    for place, array in enumerate(went):
        assert not array.any()
        assert not any(np.may_share_memory(array, other) for other in arrays(params) + went[:place])


@every_optimizer
def test_branches_stay_empty_ones_too(optimizer):
    params, state = run(optimizer, drawn(0), range(1, 3))
    shape = mapped(np.shape, drawn(0))
    assert mapped(np.shape, params) == shape
    for moment, tree in state.items():
        assert moment == "step" or mapped(np.shape, tree) == shape
    assert state["step"] == 2
    assert optimizer.step({}, {}, optimizer.init({}))[0] == {}


# ---------------------------------------------------------------------------------------------- dtypes


@every_optimizer
@every_dtype
def test_parameters_keep_their_dtype_and_float16_has_float32_moments(optimizer, dtype):
    params, state = run(optimizer, drawn(0, dtype), range(1, 3))
    assert {array.dtype for array in arrays(params)} == {np.dtype(dtype)}
    inside = np.dtype(np.float32 if dtype == np.float16 else dtype)
    assert {array.dtype for array in arrays(state)} == {inside, np.dtype(np.int64)}


@pytest.mark.parametrize(
    "step, names", [(sgd_step, ["lr", "momentum"]), (adamw_step, ["lr", "eps", "weight_decay"])]
)
def test_settings_never_promote(step, names):
    init = sgd_init if step is sgd_step else adam_init
    params = drawn(0, np.float32)
    settings = dict.fromkeys(names, np.float64(0.1))
    if step is adamw_step:
        settings["betas"] = (np.float64(0.5), np.float64(0.5))
    params, state = step(params, params, init(params), **settings)
    assert np.float64 not in {array.dtype for array in arrays(params, state)}


@every_optimizer
def test_float16_is_float32_rounded_once(optimizer):
    half, grads = drawn(0, np.float16), drawn(1, np.float16)
    exact, _ = run(optimizer, mapped(np.float32, half), range(0))
    exact, state = optimizer.step(mapped(np.asarray, exact), mapped(np.float32, grads), optimizer.init(exact))
    rounded, half_state = optimizer.step(half, grads, optimizer.init(half))
    assert bits(rounded) == bits(mapped(lambda x: np.asarray(x, np.float16), exact))
    assert bits(half_state) == bits(state)


@every_optimizer
def test_a_gradient_may_be_wider_than_its_half_parameter(optimizer):
    half, grads = drawn(0, np.float16), drawn(1, np.float32)
    _, state = optimizer.step(half, grads, optimizer.init(half))
    wide = mapped(lambda x: np.asarray(x, np.float32), half)
    assert bits(state) == bits(optimizer.step(wide, grads, optimizer.init(wide))[1])


@every_optimizer
def test_layout_byte_order_and_python_numbers(optimizer):
    rng = np.random.default_rng(0)
    plain = {"weight": rng.standard_normal((5, 3)), "number": 0.5}
    grads = {"weight": rng.standard_normal((5, 3)), "number": 0.25}
    odd = {"weight": np.asfortranarray(plain["weight"].astype(">f8")), "number": np.float64(0.5)}
    expected = optimizer.step(plain, grads, optimizer.init(plain))
    came = optimizer.step(odd, grads, optimizer.init(odd))
    assert bits(came[0]) == bits(expected[0])
    assert bits(came[1]) == bits(expected[1])
    assert all(array.dtype.isnative for array in arrays(*came))


# ----------------------------------------------------------------------------- one parameter by itself


@given(st.sampled_from(sorted(OPTIMIZERS)), st.integers(0, 2**32), st.sampled_from(FLOATS))
def test_a_parameter_steps_alone_as_in_company(name, seed, dtype):
    optimizer = OPTIMIZERS[name]
    params, grads = drawn(seed, dtype), drawn(seed + 1, dtype)
    together, _ = optimizer.step(params, grads, optimizer.init(params))
    for path, param in flatten(params).items():
        alone, _ = optimizer.step({"x": param}, {"x": flatten(grads)[path]}, optimizer.init({"x": param}))
        assert bits(alone) == bits({"x": flatten(together)[path]})


@every_optimizer
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_stays_where_it_came(optimizer, value):
    params, grads = {"x": np.ones(5)}, {"x": np.arange(1.0, 6.0)}
    expected, _ = optimizer.step(params, grads, optimizer.init(params))
    grads["x"][3] = value
    with np.errstate(all="raise"):
        spoiled, state = optimizer.step(params, grads, optimizer.init(params))
        spoiled_twice, _ = optimizer.step(params, grads, state)
    others = np.arange(5) != 3
    assert not np.isfinite(spoiled_twice["x"][3])
    np.testing.assert_array_equal(spoiled["x"][others], expected["x"][others])


@every_optimizer
@every_dtype
def test_extremes_under_errstate_raise(optimizer, dtype):
    info = np.finfo(dtype)
    params = {"x": np.array([0, 1, info.max, info.tiny, info.smallest_subnormal], dtype)}
    with np.errstate(all="raise"):
        state = optimizer.init(params)
        for scale in (1, -1, 0):
            params, state = optimizer.step(params, {"x": params["x"] * dtype(scale)}, state)


# ------------------------------------------------------------------------------------ save and resume


@every_optimizer
@every_dtype
def test_resumed_from_a_file_training_goes_on_to_the_bit(optimizer, dtype, tmp_path: Path):
    straight = run(optimizer, drawn(0, dtype), range(1, 11))
    params, state = run(optimizer, drawn(0, dtype), range(1, 6))
    np.savez(tmp_path / "run.npz", **flatten({"params": params, "state": state}))
    with np.load(tmp_path / "run.npz") as file:
        saved = unflatten(file)
    resumed = run(optimizer, saved["params"], range(6, 11), saved["state"])
    assert bits(resumed[0]) == bits(straight[0])
    assert bits(resumed[1]) == bits(straight[1])
    assert bits(straight[0]) != bits(params)


# ---------------------------------------------------------------------------------------------- errors

WRONG = [
    ("grads", {"a": {"w": np.zeros((3, 2))}, "b": 1.0}, ValueError, "grads['a']['w'] has shape (3, 2); that"),
    ("grads", {"a": {"w": np.zeros((2, 3))}}, ValueError, "grads['b'] is missing"),
    ("grads", {"a": np.zeros(2), "b": 1.0}, ValueError, "grads['a']['w'] is missing"),
    ("grads", {"a": {"w": np.zeros((2, 3))}, "b": 1.0, "c": 1.0}, ValueError, "grads['c'] is unknown; grads"),
    ("grads", {"a": {"w": None}, "b": 1.0}, TypeError, "grads['a']['w'] is None; an array"),
    ("grads", {"a": {"w": np.zeros((2, 3), int)}, "b": 1.0}, TypeError, "grads['a']['w'] has dtype int64"),
    ("grads", {"a": {"w": np.zeros((2, 3))}, "b": 1j}, TypeError, "grads['b'] is complex"),
    ("grads", {"a": {"w": np.ma.zeros((2, 3))}, "b": 1.0}, TypeError, "grads['a']['w'] is a masked array"),
    ("grads", None, TypeError, "grads is NoneType; a dict"),
    ("params", [np.zeros(2)], TypeError, "params is list; a dict"),
    ("params", {"a": {"w": np.zeros(2, complex)}}, TypeError, "params['a']['w'] is complex (complex128)"),
    ("params", {"a": {"w": np.zeros(2, bool)}}, TypeError, "params['a']['w'] has dtype bool"),
    ("params", {"a": {"w": "text"}}, TypeError, "params['a']['w'] is str"),
    ("state", {}, ValueError, "state has no step"),
    ("state", {"step": 0, "momentum_buffer": {}}, ValueError, "state has 'momentum_buffer'"),
    ("state", None, TypeError, "state is NoneType; a dict"),
    ("state", {"step": 0}, ValueError, "is missing"),
    ("state", {"step": -1}, ValueError, "state['step'] holds -1"),
    ("state", {"step": 0.0}, TypeError, "state['step'] has dtype float64"),
    ("state", {"step": np.zeros(2, int)}, TypeError, "state['step'] has shape (2,)"),
]


@every_optimizer
@pytest.mark.parametrize("name, value, error, text", WRONG, ids=[case[3] for case in WRONG])
def test_refused(optimizer, name, value, error, text):
    params = {"a": {"w": np.ones((2, 3))}, "b": 1.0}
    arguments = {"params": params, "grads": copy.deepcopy(params), "state": optimizer.init(params)}
    with pytest.raises(error, match=re.escape(text)):
        optimizer.step(**{**arguments, name: value})
    if name == "params":
        with pytest.raises(error, match=re.escape(text)):
            optimizer.init(value)


@every_optimizer
def test_a_state_of_other_parameters_or_of_another_optimizer_is_refused(optimizer):
    params = {"w": np.ones((2, 3))}
    state = optimizer.init(params)
    moment = list(state)[-1]
    for wrong, error, text in [
        ({**state, moment: {"w": np.zeros(2)}}, ValueError, f"state['{moment}']['w'] has shape (2,)"),
        ({**state, moment: {"v": np.zeros((2, 3))}}, ValueError, f"state['{moment}']['w'] is missing"),
        ({**state, moment: np.zeros(2)}, ValueError, f"state['{moment}']['w'] is missing"),
        ({**state, moment: {"w": np.zeros((2, 3), np.float32)}}, TypeError, "has dtype float32; float64 is"),
    ]:
        with pytest.raises(error, match=re.escape(text)):
            optimizer.step(params, params, wrong)
    for other in OPTIMIZERS.values():
        if set(other.init(params)) != set(state):
            with pytest.raises(ValueError, match=r"the state of this optimizer has 'step', "):
                optimizer.step(params, params, other.init(params))


@pytest.mark.parametrize("step", [sgd_step, adam_step, adamw_step])
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_settings_out_of_range_are_refused(step, value):
    names = {sgd_step: ["momentum"], adam_step: ["eps"], adamw_step: ["eps", "weight_decay"]}[step]
    params = {"w": np.ones(2)}
    state = (sgd_init if step is sgd_step else adam_init)(params)
    for name in ["lr", *names]:
        with pytest.raises(ValueError, match=rf"^{name} is "):
            step(params, params, state, **{name: value})


@pytest.mark.parametrize("step", [adam_step, adamw_step])
def test_adam_refuses_betas_of_1_and_placements_unknown(step):
    params = {"w": np.ones(2)}
    with pytest.raises(ValueError, match=r"^betas is"):
        step(params, params, adam_init(params), betas=(0.9, 1.0))
    with pytest.raises(ValueError, match=r"^eps_added is 'inside'; one of 'after_correction'"):
        step(params, params, adam_init(params), eps_added="inside")


# ------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize("x", [0, 2, 0.5, np.float32(0.5), np.float64(0.5), np.array(0.5)])
def test_a_number_comes_out_as_a_python_float(x):
    assert type(not_negative("lr", x)) is float
    assert not_negative("lr", x) == x


@pytest.mark.parametrize("x", [-1e-300, np.nan, np.inf, -np.inf])
def test_numbers_out_of_range_are_refused(x):
    with pytest.raises(ValueError, match=r"^lr is "):
        not_negative("lr", x)


@pytest.mark.parametrize("x", [None, "0.1", True, [0.1], np.ones(2), 1j])
def test_what_is_no_number_is_refused(x):
    with pytest.raises(TypeError, match=r"^lr is "):
        not_negative("lr", x)


@pytest.mark.parametrize("x", [(0, 0), (0.9, 0.999), [np.float32(0.5), 1 - 2**-53]])
def test_decay_rates_come_out_as_python_floats(x):
    assert decay_rates("betas", x) == tuple(x)
    assert all(type(rate) is float for rate in decay_rates("betas", x))


@pytest.mark.parametrize("x", [(0.9, 1), (1.0, 0.9), (-0.1, 0.9), (0.9, np.nan), (np.inf, 0.9)])
def test_decay_rates_out_of_range_are_refused(x):
    with pytest.raises(ValueError, match=r"^betas"):
        decay_rates("betas", x)


@pytest.mark.parametrize("x", [0.9, (0.9,), (0.9, 0.9, 0.9), "ab", None, (0.9, None), (0.9, "0.9")])
def test_what_is_no_pair_of_rates_is_refused(x):
    with pytest.raises(TypeError, match=r"^betas"):
        decay_rates("betas", x)


@pytest.mark.parametrize("x", [1, 7, np.int32(7), np.array(7), np.uint8(7)])
def test_a_count_comes_out_as_a_python_int(x):
    assert type(count("step", x, least=1)) is int
    assert count("step", x, least=1) == x


@pytest.mark.parametrize(
    "x, error", [(0, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError), ([1], TypeError)]
)
def test_what_is_no_count_is_refused(x, error):
    with pytest.raises(error, match=r"^step "):
        count("step", x, least=1)
