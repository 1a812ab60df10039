"""Updates in place: to the bit what the pure step gives, without its memory, and all or nothing."""

import copy
import re
import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_attention.optim import in_place
from numpy_attention.optim.adam import adam_init, adam_step, adamw_step
from numpy_attention.optim.in_place import adam_update, adamw_update
from numpy_attention.optim.trees import flatten
from tests.support.optimizer_problems import bits, drawn, mapped

PAIRS = {
    "adam": (adam_step, adam_update),
    "epsilon hat": tuple(partial(f, eps_added="before_correction") for f in (adam_step, adam_update)),
    "no epsilon": tuple(partial(f, eps=0.0) for f in (adam_step, adam_update)),
    "adamw": (adamw_step, adamw_update),
    "decay": tuple(
        partial(f, weight_decay=0.3, lr=0.1, betas=(0.5, 0.9)) for f in (adamw_step, adamw_update)
    ),
}
every_pair = pytest.mark.parametrize("step, update", PAIRS.values(), ids=PAIRS)
seeds = st.integers(0, 2**32)
FLOATS = [np.float16, np.float32, np.float64]


def every_second(x):
    view = np.full(tuple(2 * n for n in x.shape), 7, x.dtype)[(..., *[slice(None, None, 2)] * x.ndim)]
    view[...] = x
    return view


def backwards(x):
    turned = (..., *[slice(None, None, -1)] * x.ndim)
    return np.array(x[turned])[turned]


LAYOUTS = {
    "as it is": np.array,
    "columns first": lambda x: np.array(x, order="F"),
    "every second": every_second,
    "backwards": backwards,
    "foreign byte order": lambda x: x.astype(x.dtype.newbyteorder()),
}


def native(tree):
    return mapped(lambda x: np.array(x, x.dtype.newbyteorder("=")), tree)


# ------------------------------------------------------------------------------------ equal to the bit


@every_pair
@settings(max_examples=settings().max_examples // 2)
@given(
    seed=seeds,
    dtype=st.sampled_from(FLOATS),
    layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 3),
    piece=st.sampled_from([2, 3, 65536]),
    threads=st.sampled_from([None, 1, 3]),
    scale=st.sampled_from([1.0, 1e-25, 1e4, 0.0]),
)
def test_many_steps_give_the_bits_of_the_pure_step(step, update, seed, dtype, layouts, piece, threads, scale):
    pure = drawn(seed, dtype)
    pure_state = adam_init(pure)
    params, state = (
        mapped(LAYOUTS[layout], tree) for layout, tree in zip(layouts, (pure, pure_state), strict=False)
    )
    state["step"] = pure_state["step"].copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_place, "PIECE", 8 * piece)
        patch.setattr(in_place, "UNIT", 2 * piece)
        for number in range(1, 6):
            grads = mapped(lambda g, p: np.asarray(g, p.dtype), drawn(seed + number, scale=scale), pure)
            pure, pure_state = step(pure, grads, pure_state)
            with np.errstate(all="raise"):
                assert update(params, mapped(LAYOUTS[layouts[2]], grads), state, threads=threads) is None
            assert bits(native(params)) == bits(pure)
            assert bits(native(state)) == bits(pure_state)


@every_pair
@pytest.mark.parametrize("dtype", FLOATS)
def test_arrays_of_many_pieces_by_any_number_of_threads(step, update, dtype):
    rng = np.random.default_rng(0)
    size = 2 * in_place.WORTH_THREADS // 3 + 17
    params, grads = ({"x": rng.standard_normal((2, size)).astype(dtype)[:, ::2]} for _ in range(2))
    grads["x"][0, :3] = [np.nan, np.inf, 0]
    expected, expected_state = step(params, grads, adam_init(params))
    for threads in (None, 1, 2, 3):
        own = mapped(np.array, params)
        state = adam_init(own)
        update(own, grads, state, threads=threads)
        assert bits(own) == bits(expected)
        assert bits(state) == bits(expected_state)


@every_pair
@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 17, 25])
def test_a_last_piece_of_any_length_is_updated(step, update, size, monkeypatch):
    monkeypatch.setattr(in_place, "PIECE", 8 * 8)
    params, grads = {"x": np.zeros(size)}, {"x": np.ones(size)}
    expected, _ = step(params, grads, adam_init(params))
    update(params, grads, adam_init(params))
    assert bits(params) == bits(expected)


def test_a_slice_never_writes_over_what_another_thread_wrote_meanwhile(monkeypatch):
    param, grad, moment = np.zeros(100, np.float16), np.zeros(100), np.zeros(100, np.float32)
    iterator = np.nditer

    def delayed(*arguments, **options):
        entries = iterator(*arguments, **options)
        param[:10] = 7  # another thread's slice, after this one's iterator was made
        return entries

    monkeypatch.setattr(np, "nditer", delayed)
    for piece in in_place._pieces(in_place.ParameterSlice((param, grad, moment), 50, 100), moment.dtype, 25):
        piece[0][...] = 1
    np.testing.assert_array_equal(param, np.repeat([7, 0, 1], [10, 40, 50]))


@every_pair
def test_the_arrays_themselves_are_changed_and_grads_are_not(step, update):
    params, grads = drawn(0), drawn(1)
    state = adam_init(params)
    held, before = flatten({"params": params, "state": state}), bits(grads)
    for grad in flatten(grads).values():
        grad.flags.writeable = False
    update(params, grads, state)
    assert all(x is held[name] for name, x in flatten({"params": params, "state": state}).items())
    assert bits(grads) == before
    assert state["step"] == 1
    assert not np.array_equal(params["encoder"]["weight"], drawn(0)["encoder"]["weight"])


def test_gradients_in_another_precision_and_as_numbers():
    params = {"x": np.ones(5, np.float32), "y": np.ones((), np.float16)}
    grads = {"x": np.arange(5.0), "y": 0.25}
    state = adam_init(params)
    expected, expected_state = adam_step(params, grads, state)
    adam_update(params, grads, state)
    assert bits(params) == bits(expected)
    assert bits(state) == bits(expected_state)


def test_parts_of_one_buffer_and_a_file_in_memory_are_taken(tmp_path):
    flat, grads = np.ones(12), {"a": np.ones(5), "b": np.full((2, 3), 2.0)}
    params = {"a": flat[:5], "b": flat[5:11].reshape(2, 3)}
    expected, _ = adam_step(params, grads, adam_init(params))
    mapped_file = np.memmap(tmp_path / "b", dtype=float, shape=(2, 3), mode="w+")
    mapped_file[...] = 1
    state = adam_init(params)
    for tree in (params, {"a": np.ones(5), "b": mapped_file}):
        own = copy.deepcopy(state)
        adam_update(tree, grads, own)
        np.testing.assert_array_equal(tree["a"], expected["a"])
        np.testing.assert_array_equal(tree["b"], expected["b"])
    assert flat[11] == 1
    columns = np.ones((4, 3))  # one column between the others, with the same bounds in memory
    params = {"left": columns[:, 0], "right": columns[:, 2]}
    adam_update(params, {"left": np.ones(4), "right": -np.ones(4)}, adam_init(params))
    np.testing.assert_array_equal(columns.round(3), np.tile([0.999, 1, 1.001], (4, 1)))


# ---------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize(
    "update, dtype, layout", [(adam_update, "f4", "C"), (adamw_update, "f8", "F"), (adamw_update, "f2", "C")]
)
def test_no_temporary_of_a_parameters_size(update, dtype, layout):
    """The spare array, and what NumPy's iterator holds of four arrays where it casts: all of them pieces."""
    params = {"x": np.ones((1500, 2000), dtype, order=layout)}
    grads, state = {"x": np.ones((1500, 2000), dtype)}, adam_init(params)
    tracemalloc.start()
    update(params, grads, state, threads=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * in_place.PIECE + 2**17 < params["x"].size * params["x"].itemsize


# ---------------------------------------------------------------------------------------------- errors


def given_arguments():
    params = {"a": {"w": np.ones((2, 3))}, "b": np.ones(5), "c": np.ones(())}
    grads, state = mapped(np.ones_like, params), adam_init(params)
    return {"params": params, "grads": grads, "state": state}


def read_only(x):
    x.flags.writeable = False
    return x


def spoil(place, *path):
    """Put something else at a path of the arguments."""

    def change(arguments, value):
        *above, last = path
        branch = arguments[place]
        for key in above:
            branch = branch[key]
        branch[last] = value(arguments)

    return change


WRONG = [
    (spoil("params", "c"), lambda a: 1.0, "params['c'] is float; an array is expected"),
    (spoil("params", "c"), lambda a: np.float64(1.0), "params['c'] is float64; an array is expected"),
    (spoil("params", "b"), lambda a: [1.0] * 5, "params['b'] is list; an array is expected"),
    (spoil("params", "b"), lambda a: read_only(np.ones(5)), "params['b'] is read-only"),
    (spoil("params", "a", "w"), lambda a: np.broadcast_to(1.0, (2, 3)), "params['a']['w'] is read-only"),
    (
        spoil("params", "a", "w"),
        lambda a: np.lib.stride_tricks.sliding_window_view(np.ones(4), 3, writeable=True),
        "params['a']['w'] holds one number in several places",
    ),
    (spoil("state", "step"), lambda a: 0, "state['step'] is int; an array is expected"),
    (spoil("state", "step"), lambda a: np.zeros((), np.int8), "state['step'] has dtype int8; int64"),
    (spoil("state", "step"), lambda a: read_only(np.zeros((), int)), "state['step'] is read-only"),
    (
        spoil("state", "first_moment", "b"),
        lambda a: read_only(np.zeros(5)),
        "state['first_moment']['b'] is read-only",
    ),
    (
        spoil("grads", "b"),
        lambda a: a["params"]["b"],
        "params['b'] and grads['b'] share memory; an array that is changed in place must not share memory",
    ),
    (
        spoil("grads", "b"),
        lambda a: a["state"]["second_moment"]["b"][::-1],
        "state['second_moment']['b'] and grads['b'] share memory",
    ),
    (
        spoil("params", "b"),
        lambda a: a["params"]["a"]["w"].reshape(-1)[1:],
        "params['a']['w'] and params['b'] share memory",
    ),
    (
        spoil("state", "first_moment", "b"),
        lambda a: a["state"]["second_moment"]["b"],
        "state['first_moment']['b'] and state['second_moment']['b'] share memory",
    ),
    (spoil("grads", "b"), lambda a: np.ones(4), "grads['b'] has shape (4,)"),
    (spoil("grads", "b"), lambda a: np.ones(5, int), "grads['b'] has dtype int64"),
    (spoil("state", "second_moment", "b"), lambda a: np.ones(5, "f4"), "has dtype float32; float64 is"),
    (spoil("state", "momentum"), lambda a: {}, "state has 'momentum'"),
]


@pytest.mark.parametrize("update", [adam_update, adamw_update])
@pytest.mark.parametrize("change, value, text", WRONG, ids=[case[2] for case in WRONG])
def test_refused_before_anything_is_changed(update, change, value, text):
    arguments = given_arguments()
    change(arguments, value)
    before = {name: mapped(lambda x: np.array(x), tree) for name, tree in arguments.items()}
    with pytest.raises((TypeError, ValueError), match=re.escape(text)):
        update(**arguments)
    after = {name: mapped(lambda x: np.array(x), tree) for name, tree in arguments.items()}
    assert bits(after) == bits(before)


def test_arrays_read_anew_from_a_file_are_refused(tmp_path):
    params = {"w": np.ones(3)}
    np.savez(tmp_path / "params.npz", **params)
    with (
        np.load(tmp_path / "params.npz") as file,
        pytest.raises(TypeError, match=r"params\['w'\] is a new object at each access"),
    ):
        adam_update(file, {"w": np.ones(3)}, adam_init(params))


@pytest.mark.parametrize("update", [adam_update, adamw_update])
def test_settings_out_of_range_are_refused(update):
    for wrong in (
        *(dict(lr=-1.0), dict(betas=(0.9, 1.0)), dict(eps=np.nan), dict(eps_added="inside")),
        *(dict(threads=0), dict(threads=1.5), dict(threads=[1])),
    ):
        arguments = given_arguments()
        before = bits(arguments)
        with pytest.raises((TypeError, ValueError), match=rf"^{next(iter(wrong))}\b"):
            update(**arguments, **wrong)
        assert bits(arguments) == before


def test_without_parameters_the_step_is_counted():
    state = adam_init({})
    adam_update({}, {}, state)
    assert state["step"] == 1


def test_processors_are_counted_where_affinity_is_unknown(monkeypatch):
    monkeypatch.delattr(in_place.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(in_place.os, "cpu_count", lambda: None)
    assert in_place._processors() == 1
