"""Random streams of a seed."""

from numpy_attention.training.streams import EXAMPLES, ORDER, START, step_seed, stream


def test_every_use_and_part_of_a_seed_has_a_stream_of_its_own():
    keys = [(0, EXAMPLES), (1, EXAMPLES), (0, START), (0, ORDER), (0, ORDER, 2)]
    assert len({stream(*key).integers(2**60) for key in keys}) == len(keys)
    assert stream(0, ORDER, 1).integers(2**60) == stream(0, ORDER).integers(2**60)


def test_every_step_has_a_seed_of_its_own():
    seeds = [step_seed(*key) for key in ((0, 1, 1), (0, 1, 2), (0, 2, 1), (1, 1, 1))]
    assert len(set(seeds)) == 4
    assert step_seed(0, 1, 1) == seeds[0]
