"""What a map does not explain, in a sentence; heads with the same reasons together.

A map explains the answer as far as the answer depends on it, other maps give another one, and it puts the
tokens in an order that a second method confirms. Each counter-test can speak against that, none proves it.
"""

import math
from collections.abc import Sequence

from .integrated import ALLOWED
from .looked import RELEVANCE, ROLLOUT, Chain, Head, Looked, Place
from .measures import rank_correlation, signed

LITTLE = 0.01
"""A loss of this share of the figure is none; of a share of examples its standard error, if larger."""
FAR = 0.25
"""Total variation from which on two maps tell different stories."""
LOW = 0.3
"""Rank correlation below which two orders of the tokens are not alike."""


def little(looked: Looked) -> float:
    """The loss of the figure that counts as none."""
    own = LITTLE * abs(looked.figure)
    if looked.better == "smaller":
        return own
    share = (looked.figure * looked.judged + 1) / (looked.judged + 2)  # of few examples, all right is not 1
    return max(own, math.sqrt(share * (1 - share) / looked.judged))


def reasons(head: Head, looked: Looked) -> tuple[str, ...]:
    """Why a map does not explain the answer; () if no counter-test speaks against it."""
    least, found = little(looked), list[str]()
    if not head.gradient:
        found.append("what is explained does not depend on its weights")
    lost = head.figure
    if lost.uniform <= least and lost.permuted <= least:
        found.append(f"uniform or permuted weights cost the {looked.metric} no more than {least:.3f}")
    if lost.removed <= least:
        found.append(
            "nor does removing the head"
            if found
            else f"removing the head costs the {looked.metric} no more than {least:.3f}"
        )
    if head.distance is not None and head.distance > FAR:
        found.append("a map far from it gives the same output")
    if head.agreement < LOW:
        found.append("the order of the tokens is not that of the integrated gradients")
    return tuple(found)


def verdicts(looked: Looked) -> list[str]:
    """A sentence for the heads of each place with the same reasons, and for rollout and relevance."""
    lines = [line for place in looked.places for line in place_verdicts(place, looked)]
    lines += [line for chain in looked.chains for line in chain_verdicts(chain, looked)]
    if looked.integrated is None:
        lines.append(
            "Integrated gradients are left out, and nothing is compared with them: look does not know the "
            "inputs of this model."
        )
    elif looked.integrated.relative > ALLOWED:
        lines.append(
            f"The integrated gradients are not complete: their error is {looked.integrated.relative:.1%} at "
            f"{looked.integrated.steps} steps; more --steps make it smaller."
        )
    return lines


def place_verdicts(place: Place, looked: Looked) -> list[str]:
    """The sentences about one place."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, head in enumerate(place.heads, 1):
        groups.setdefault(reasons(head, looked), []).append(number)
    lines = []
    for found, heads in groups.items():
        several = len(heads) > 1
        who = f"{place.label}, head{'s' * several} {listed(heads)}"
        if found:
            verb = "do not explain" if several else "does not explain"
            lines.append(f"{who} {verb} the answer: {'; '.join(found)}.")
        else:
            lines.append(f"{who}: no counter-test speaks against {'them' if several else 'it'}.")
    if len(place.heads) > 1 and place.together[1].uniform <= little(looked):
        lines.append(
            f"{place.label}: all its weights may be uniform at once, which costs the {looked.metric} "
            f"{signed(place.together[1].uniform)}."
        )
    return [line[0].upper() + line[1:] for line in lines]


def listed(numbers: Sequence[int]) -> str:
    """Numbers in words.

    Examples
    --------
    >>> listed([1]), listed([1, 2, 4])
    ('1', '1, 2 and 4')
    """
    *others, last = map(str, numbers)
    return f"{', '.join(others)} and {last}" if others else last


def chain_verdicts(chain: Chain, looked: Looked) -> list[str]:
    """Where rollout or relevance order the tokens unlike the integrated gradients."""
    if looked.integrated is None:
        return []
    attributions = looked.integrated.attributions[chain.input]
    lines = []
    for name, shares in chain.shares.items():
        if name not in (ROLLOUT, RELEVANCE) or len(attributions) != len(shares):
            continue
        agreement = rank_correlation(shares, abs(attributions))
        if agreement < LOW:
            lines.append(
                f"The {name} of {chain.label} does not explain the answer: it orders the tokens unlike the "
                f"integrated gradients (rank correlation {agreement:.2f})."
            )
    return lines
