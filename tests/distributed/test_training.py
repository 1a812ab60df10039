"""Data-parallel training: the bits of one process whose batches have as many parts."""

import numpy as np

from numpy_attention.distributed.training import on_workers, outcome_of
from numpy_attention.optim.trees import flatten
from numpy_attention.training.run import run_epochs
from tests.support.runs import begin, settings_of, some_data


def bits(run):
    epoch = run.epochs["learned"]
    params, state = (
        flatten(epoch.params),
        {name: flatten(x) for name, x in epoch.state.items() if name != "step"},
    )
    return [x.tobytes() for each in (params, *state.values()) for x in each.values()]


def epochs(accumulate, compute=None):
    data = some_data()
    return run_epochs(begin(settings_of(accumulate=accumulate, epochs=2), data), data, compute=compute)


def trained(accumulate):
    return list(epochs(accumulate))


def test_workers_give_the_bits_of_one_process(client):
    """Three parts on two workers."""
    one = trained(3)
    assert bits(next(epochs(3, on_workers(client)))) == bits(one[0])


def test_the_loss_curve_is_that_of_whole_batches():
    parts, whole = ([run.history[-1]["loss"] for run in each] for each in (trained(2), trained(None)))
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_a_resumed_run_gives_the_bits_of_an_unbroken_one(client):
    data, whole = some_data(), trained(2)
    *_, last = run_epochs(whole[0], data, compute=on_workers(client))
    assert bits(last) == bits(whole[-1])


def test_what_a_worker_computes_is_what_arrives():
    class Objective:
        def loss_and_gradients(self, params, examples, seed):
            return params, examples, seed

    params, examples = {"weight": np.ones(3)[1:]}, np.ones(5)[::2]
    got, seen, seed = outcome_of(Objective(), params, examples, 7)
    assert (seed, seen.tolist(), got["weight"].tolist()) == (7, [1, 1, 1], [1, 1])
    assert not np.shares_memory(got["weight"], params["weight"])
    assert not np.shares_memory(seen, examples)
