"""Writing: the language model of a run, or the one that ships, and its text as it comes."""

from collections.abc import Iterable, Iterator
from typing import Any

from ..files import PathLike
from ..nn.generation import generate
from ..training.run import LEARNED
from ..training.run_folder import read_run
from . import TASKS
from .words.objectives import NextToken
from .words.shipped import ShippedModel, shipped_model


def language_model(folder: PathLike | None) -> ShippedModel:
    """The model, parameters and vocabulary of a run folder; of the model that ships if None.

    Raises
    ------
    ValueError
        If the folder holds no run, or one of a task without a language model.
    OSError
        If it cannot be read.
    """
    if folder is None:
        return shipped_model()
    run = read_run(folder, TASKS)
    objective = run.objectives()[LEARNED]
    if not isinstance(objective, NextToken):
        raise ValueError(
            f"{folder} is a run of {run.settings.task}, which has no language model; a run of text, "
            "python-docs or induction is expected"
        )
    return ShippedModel(objective.model, run.params, run.facts.vocabulary)


def written(
    writer: ShippedModel, prompt: str, length: int, *, stop: str | None = None, **options: Any
) -> Iterator[str]:
    """The text that follows a prompt, in pieces as they come; it ends before `stop`.

    Parameters
    ----------
    writer : from `language_model`
    prompt : at least one character, all of them known to the model
    length : the symbols to write, characters or, of a byte-pair code, groups of them
    stop : a text that ends the writing, and is not given; None for none
    options : those of `nn.generate`

    Raises
    ------
    TypeError, ValueError
        For another prompt, an empty stop, or as `nn.generate`.

    Examples
    --------
    >>> "".join(written(shipped_model(), "Alice", 3, temperature=0, stop="zebra"))[:1]
    ','
    """
    model, params, vocabulary = writer
    if not prompt:
        raise ValueError("prompt is empty; at least one character is expected")
    if stop == "":
        raise ValueError("stop is empty; at least one character is expected")
    ids = vocabulary.encode(prompt, "prompt")
    pieces = (vocabulary.decode([place]) for place in generate(model, params, ids, length, **options))
    return pieces if stop is None else until(pieces, stop)


def until(pieces: Iterable[str], stop: str) -> Iterator[str]:
    """The text of pieces up to where `stop` begins; what may be its beginning is held back.

    Examples
    --------
    >>> [*until(["ab", "c", "d", "cde", "f"], "cde")]
    ['ab', 'cd']
    >>> [*until(["ab", "cd"], "cde")]
    ['ab', 'cd']
    """
    held = ""
    for piece in pieces:
        before, found, _ = (held + piece).partition(stop)
        if found:
            yield from filter(None, [before])
            return
        kept = next(n for n in range(min(len(before), len(stop) - 1), -1, -1) if before.endswith(stop[:n]))
        held = before[len(before) - kept :]
        yield from filter(None, [before[: len(before) - kept]])
    yield from filter(None, [held])
