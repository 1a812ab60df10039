"""Time and memory over the length as a figure with logarithmic axes."""

from pathlib import Path
from typing import Any

from benchmarks.speed.peers import installed


def draw(points: list[dict[str, Any]], path: Path) -> bool:
    """Write the figure; False if matplotlib is not installed."""
    if installed("matplotlib") is None:
        return False
    import matplotlib

    # reproducible output, with text as text
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none"})
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    measured = [point for point in points if point["heads"] == 1 and "seconds" in point]
    for who, see in dict.fromkeys((point["who"], point["see"]) for point in measured):
        line = [point for point in measured if (point["who"], point["see"]) == (who, see)]
        lengths = [point["length"] for point in line]
        left.loglog(lengths, [point["seconds"] for point in line], marker=".", label=f"{who}, {see}")
        right.loglog(lengths, [max(point["bytes"], 1e5) / 1e6 for point in line], marker=".")
    left.set(xlabel="L", ylabel="seconds")
    right.set(xlabel="L", ylabel="MB above inputs and outputs")
    left.legend(fontsize="small")
    figure.savefig(path, format="svg", metadata={"Date": None})
    return True
