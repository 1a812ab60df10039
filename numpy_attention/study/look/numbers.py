"""Everything that was looked at as JSON; null for a number that does not exist."""

import math
from typing import Any

from ...functional.base.admission import Array
from .looked import Head, Looked, Place
from .verdicts import verdicts


def numbers(looked: Looked) -> dict[str, Any]:
    """Every number, and the verdicts."""
    found = looked.integrated
    return {
        "task": looked.task,
        "example": looked.example,
        "examples": looked.examples,
        "answer": looked.answer,
        "explained": looked.explained,
        "value": looked.value,
        "metric": looked.metric,
        "better": looked.better,
        "figure": number(looked.figure),
        "judged": looked.judged,
        "tokens": [list(names) for names in looked.names],
        "places": [place_numbers(place) for place in looked.places],
        "chains": [
            {**chain._asdict(), "shares": {name: nested(x) for name, x in chain.shares.items()}}
            for chain in looked.chains
        ],
        "integrated_gradients": None
        if found is None
        else {
            "baseline": looked.start,
            "attributions": [nested(x) for x in found.attributions],
            "difference": found.difference,
            "error": found.error,
            "steps": found.steps,
        },
        "verdicts": verdicts(looked),
    }


def place_numbers(place: Place) -> dict[str, Any]:
    """The numbers of one place."""
    answer, figure = place.together
    return {
        "name": place.name,
        "label": place.label,
        "queries": list(place.queries),
        "keys": list(place.keys),
        "weights": nested(place.weights),
        "gradients": nested(place.gradients),
        "visible": place.visible.tolist(),
        "heads": [head_numbers(head) for head in place.heads],
        "together": {"answer": answer._asdict(), "figure": plain_numbers(figure._asdict())},
    }


def head_numbers(head: Head) -> dict[str, Any]:
    """The numbers of one head."""
    own = plain_numbers(head._asdict())
    return own | {"answer": head.answer._asdict(), "figure": plain_numbers(head.figure._asdict())}


def plain_numbers(fields: dict[str, Any]) -> dict[str, Any]:
    """The numbers among the fields, NaN as None."""
    return {name: number(x) if isinstance(x, float) else x for name, x in fields.items()}


def number(x: float) -> float | None:
    """The number; None for NaN and infinities, which JSON does not have."""
    return x if math.isfinite(x) else None


def nested(x: Array) -> Any:
    """An array as lists."""
    return x.tolist()
