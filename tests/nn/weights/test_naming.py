"""Reading by a table of names: by hand, and all that does not fit in one error."""

from types import SimpleNamespace

import numpy as np
import pytest

from numpy_attention.nn.weights.naming import NameTable, Stored, read_by

TABLE = NameTable(
    "Toy",
    {
        "table.weight": "wte.weight",
        "layers.{n}.norm.{p}": "h.{n}.ln.{p}",
        "layers.{n}.attn.in_proj_{p}": Stored(tuple(f"h.{{n}}.{x}.{{p}}" for x in "qkv")),
        "layers.{n}.attn.out_proj.{p}": Stored(("h.{n}.o.{p}",), transposed=True),
        "patches": Stored(("conv",), shape=(-1, "channels", 2)),
        "head.weight": "lm_head.weight",
    },
    prefixes=("model.",),
    renamed={r"gamma$": "weight"},
    left_out=r"h\.\d+\.(mask|ids)",
    tied=("lm_head.weight", "wte.weight"),
)
SHAPES = {
    "table": {"weight": (7, 4)},
    "layers": {
        "0": {
            "norm": {"weight": (4,), "bias": (4,)},
            "attn": {"in_proj_weight": (10, 4), "out_proj": {"weight": (4, 6), "bias": (4,)}},
        }
    },
    "patches": (5, 6),
}
THERE = {
    "wte.weight": (7, 4),
    "h.0.ln.weight": (4,),
    "h.0.ln.bias": (4,),
    "h.0.q.weight": (6, 4),
    "h.0.k.weight": (2, 4),
    "h.0.v.weight": (2, 4),
    "h.0.o.weight": (6, 4),
    "h.0.o.bias": (4,),
    "conv": (5, 3, 2),
}


class Toy(SimpleNamespace):
    """A layer of these shapes; six query columns, two of key and value each."""

    channels = 3

    def shapes(self):
        return self.own


TOY = Toy(own=SHAPES)


def drawn(shapes=THERE):
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def test_every_form_by_hand():
    state = drawn()
    params = read_by(TABLE, TOY, state)
    own = params["layers"]["0"]
    np.testing.assert_array_equal(own["norm"]["bias"], state["h.0.ln.bias"])
    stacked = np.concatenate([state[f"h.0.{x}.weight"] for x in "qkv"])
    np.testing.assert_array_equal(own["attn"]["in_proj_weight"], stacked)
    np.testing.assert_array_equal(own["attn"]["out_proj"]["weight"], state["h.0.o.weight"].T)
    assert own["attn"]["out_proj"]["weight"].flags.c_contiguous
    np.testing.assert_array_equal(params["patches"], state["conv"].reshape(5, 6))
    for name, array in state.items():
        array[...] = np.nan
        assert not np.isnan(params["patches"]).any(), name


def test_prefixes_older_names_nesting_and_constants():
    state = {f"model.{name}": x for name, x in drawn().items()}
    state["model.h.0.ln.gamma"] = state.pop("model.h.0.ln.weight")
    state["model.h.0.mask"] = np.ones(3, bool)
    nested = {"model": {name.removeprefix("model."): x for name, x in state.items()}}
    for each in (state, nested):
        np.testing.assert_array_equal(read_by(TABLE, TOY, each)["table"]["weight"], drawn()["wte.weight"])
    with pytest.raises(ValueError, match=r"^state has 'h.0.ln.bias' twice, the second time as 'h.0.ln.bias'"):
        read_by(TABLE, TOY, state | {"h.0.ln.bias": np.ones(4)})


def test_a_tied_output_may_come_if_it_is_the_embedding():
    state = drawn()
    assert "head" not in read_by(TABLE, TOY, state | {"lm_head.weight": state["wte.weight"].copy()})
    with pytest.raises(ValueError, match=r"unexpected lm_head.weight \(7, 4\)$"):
        read_by(TABLE, TOY, state | {"lm_head.weight": state["wte.weight"] + 1})
    untied = Toy(own=SHAPES | {"head": {"weight": (7, 4)}})
    with pytest.raises(ValueError, match=r"missing lm_head.weight \(7, 4\)$"):
        read_by(TABLE, untied, state)


def test_all_that_does_not_fit_is_in_one_error():
    state = drawn(THERE | {"h.0.q.weight": (8, 4), "conv": (5, 2, 3), "h.1.ln.bias": (4,)})
    del state["h.0.o.bias"]
    state["h.0.k.weight"][1, 2] = np.inf
    other = Toy(own=SHAPES | {"gate": {"weight": (2,)}})
    with pytest.raises(ValueError, match=r"^state does not fit Toy: ") as caught:
        read_by(TABLE, other, state)
    assert str(caught.value).partition(": ")[2] == (
        "missing h.0.o.bias (4,); unexpected h.1.ln.bias (4,); misshapen h.0.q.weight (8, 4) (not (6, 4)), "
        "conv (5, 2, 3) (not (5, 3, 2)); not finite h.0.k.weight (holds inf at (1, 2)); "
        "Toy has no gate.weight, as this layer has"
    )


def test_heads_of_another_number_are_no_fit_though_their_rows_add_up():
    """Eight rows of query and one of each key and value are ten, as six and twice two are."""
    state = drawn(THERE | {"h.0.q.weight": (8, 4), "h.0.k.weight": (1, 4), "h.0.v.weight": (1, 4)})
    with pytest.raises(
        ValueError, match=r"misshapen h.0.q.weight \(8, 4\) .*, h.0.k.weight .*, h.0.v.weight"
    ):
        read_by(TABLE, TOY, state)
