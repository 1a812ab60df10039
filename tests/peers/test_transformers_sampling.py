"""Filters of probabilities against transformers' logits processors."""

import numpy as np
import pytest

from numpy_attention import nn


@pytest.mark.parametrize("seed", range(5))
def test_filters_and_penalty_are_theirs(peer, seed):
    torch, process = peer("torch"), peer("transformers.generation.logits_process")
    rng = np.random.default_rng(seed)
    logits, ids = rng.standard_normal((3, 97)) * 3, rng.integers(97, size=(3, 11))
    penalised = nn.penalise_repetition(logits, ids, 1.3)
    ours = nn.next_token_probabilities(penalised, temperature=0.7, top_k=40, top_p=0.9, min_p=0.02)
    theirs = torch.tensor(logits)
    for step in (
        process.RepetitionPenaltyLogitsProcessor(1.3), process.TemperatureLogitsWarper(0.7),
        process.TopKLogitsWarper(40), process.TopPLogitsWarper(0.9), process.MinPLogitsWarper(0.02),
    ):  # fmt: skip
        theirs = step(torch.tensor(ids), theirs)
    np.testing.assert_allclose(ours, torch.softmax(theirs, dim=-1).numpy(), rtol=1e-9, atol=1e-15)
