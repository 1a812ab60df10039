"""The panel of a run of digits: images, bars, and every epoch in numbers."""

import numpy as np

from numpy_attention.study.web.replay import EpochView, Replay
from numpy_attention.study.web.run_panel import run_data, run_html
from tests.support.runs import a_run, some_data


def test_tokens_bars_and_numbers_of_every_epoch():
    data = some_data(tokens=5)
    run = a_run(epochs=2, data=data)
    weights = np.full((1, 5), 0.2)
    views = [
        EpochView(n, np.nan if n == 0 else 0.5, weights, weights - 0.2, np.full((1, 2), 0.5))
        for n in range(3)
    ]
    shown = Replay(run, data, {"yes, recognised": 3}, tuple(views))
    html = run_html(shown)
    assert html.count('class="o weight"') == 5
    assert html.count("<tr><th>0<td>") == 2
    assert "Yes, recognised: example 4" in html
    assert run_data(shown)["epochs"][0]["loss"] == "nan"
    for question, printed in (("which digit?", "Which digit? "), ("the digit", "The digit. ")):
        task = run.task._replace(question=lambda settings, data, question=question: question)
        assert f"<p>{printed}" in run_html(shown._replace(run=run._replace(task=task)))
