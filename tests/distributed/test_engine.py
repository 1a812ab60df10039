"""dask where it is installed, clusters where there are some, and a sentence where there is none."""

import logging
import os
import signal
import threading
import time

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import distributed as nd
from numpy_attention.distributed.engine import (
    SECONDS,
    await_workers,
    check_address,
    cluster,
    quiet_logs,
    require,
    results,
    worker_count,
)


def test_what_is_not_installed_is_named():
    with pytest.raises(
        ValueError, match=r"no_such_engine is not installed; write pip install 'numpy_attention\["
    ):
        require("no_such_engine.array")


@pytest.mark.parametrize("address", ["x", "host", "foo://host:1", "tcp://", "tcp://host:a", "tcp://h h:1"])
def test_an_address_that_is_none(address):
    with pytest.raises(
        ValueError, match=r"scheduler is '.*'; an address such as tcp://host:8786 is expected"
    ):
        check_address(address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "host.org:1", "tls://host:99999"])
def test_an_address(address):
    check_address(address)


def sentence(error):
    """As the command line prints it."""
    return f"{error.filename}: {error.strerror}"


def test_a_scheduler_that_is_not_there(peer):
    peer("distributed")
    with pytest.raises(ConnectionError) as found, cluster(scheduler="tcp://127.0.0.1:1", seconds=0.3):
        pass
    assert sentence(found.value) == (
        "tcp://127.0.0.1:1: no scheduler answers within 0.3 seconds; the address that `dask scheduler` "
        "prints is expected"
    )


@pytest.fixture
def here(peer):
    """A scheduler in this process, and a client of it."""
    distributed = peer("distributed")
    local = distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0", protocol="tcp")
    with local, distributed.Client(local) as client:
        yield local, client


def test_a_worker_that_never_comes(here):
    _, client = here
    with pytest.raises(
        ConnectionError, match=r"0 of 1 workers came within 0.2 seconds; start some with `dask w"
    ):
        await_workers(client, 1, 0.2)
    waiting = client.submit(int, "5")
    with pytest.raises(ConnectionError, match=r"all workers are gone for 0.2 seconds; start some anew"):
        results(client, [waiting], seconds=0.2)


def test_a_scheduler_that_goes_away(here):
    local, client = here
    waiting = client.submit(int, "5")
    threading.Timer(0.2, local.close, kwargs={"timeout": 5}).start()
    begun = time.monotonic()
    with pytest.raises(ConnectionError, match=r"the scheduler went away; start it anew"):
        results(client, [waiting])
    assert time.monotonic() - begun < SECONDS


def test_dask_is_quiet_meanwhile_and_as_loud_as_before_afterwards(caplog):
    logger = logging.getLogger("distributed.client")
    logger.setLevel(logging.WARNING)
    with quiet_logs():
        logger.error("a page of its own")
    logger.error("again")
    assert [record.message for record in caplog.records] == ["again"]


def test_results_come_in_order(client):
    assert results(client, client.map(int, ["7", "5", "3"])) == [7, 5, 3]


def test_one_worker_is_killed_midway(client, peer):
    """The numbers are those of this process, to the bit, and a new worker comes."""
    dask, da = peer("dask"), peer("dask.array")
    rng = np.random.default_rng(8)
    arrays = [da.from_array(x, chunks=(2, 151, 64)) for x in rng.standard_normal((3, 2, 1057, 64))]
    out, saved = nd.attention_forward(*arrays, mask=na.causal())
    lazy = out, *nd.attention_backward(arrays[0], saved)[:3]
    expected = dask.compute(*lazy, scheduler="synchronous")
    futures = client.compute(lazy)
    while not any(map(len, client.who_has().values())):
        time.sleep(0.01)
    pid = next(iter(client.run(os.getpid).values()))
    os.kill(pid, signal.SIGKILL)
    assert not any(future.done() for future in futures)
    for got, right in zip(results(client, list(futures)), expected, strict=True):
        assert got.tobytes() == right.tobytes()
    assert worker_count(await_workers(client, 2, SECONDS)) == 2
