"""The task next-item: what is judged, its table of distances, a run, and ratings of one's own."""

import dataclasses

import numpy as np
import pytest

from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import TASKS, load, with_defaults
from numpy_attention.tasks.sessions import next_item
from numpy_attention.tasks.sessions.next_item import (
    OPTIMAL,
    UNIFORM,
    baseline_rankings,
    mean_weights,
    recommended,
)
from numpy_attention.tasks.sessions.ranking import Sessions
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run

SIZES = {"hidden_dim": 6, "heads": 3, "epochs": 1, "batch_size": 8}
ROWS = ["self-attention", f"self-attention, {UNIFORM}", "popularity", "first-order Markov",
        "second-order Markov"]  # fmt: skip


@pytest.fixture(scope="module")
def run():
    with pytest.MonkeyPatch.context() as patch:
        for name, size in (("TRAINING", 40), ("JUDGED", 11), ("LENGTH", 9)):
            patch.setattr(next_item, name, size)
        data = load(with_defaults({"task": "next-item", **SIZES}))
        *_, last = run_epochs(
            start_run(TASKS["next-item"], with_defaults({"task": "next-item", **SIZES}), data), data
        )
        return data, last


@pytest.fixture
def ratings(tmp_path):
    rng, file = np.random.default_rng(0), tmp_path / "ratings.csv"
    lines = [
        f"{user},m{item},{time}"
        for user in range(9)
        for time, item in enumerate(rng.permutation(13)[: user + 2])
    ]
    file.write_text("\n".join(["user,item,time", *lines, "9,new,1", "9,m1,2", "9,only here,3"]) + "\n")
    return with_defaults({"task": "next-item", "csv": str(file), "context": 5, **SIZES})


def test_held_out_sessions_are_judged_from_the_third_item_on(run):
    data, _ = run
    assert (data.train.size, data.validation.size, data.test.size) == (40, 5, 11)
    assert data.test.rows.shape == (11, 9)
    assert data.test.judged[0].tolist() == [False] + 7 * [True]
    assert not np.array_equal(data.train.rows[:11], data.test.rows)


def test_no_ranking_has_a_lower_loss_than_the_optimal_one():
    data = load(with_defaults({"task": "next-item"}))
    data = data._replace(test=data.test.some(slice(200)))
    rankings = baseline_rankings(data)
    assert list(rankings) == [*ROWS[2:], OPTIMAL]
    for measure in ("loss", "hit_rate", "ndcg"):
        values = [getattr(one, measure) for one in rankings.values()]
        assert values == sorted(values, reverse=measure == "loss"), measure
    assert rankings[OPTIMAL].hit_rate > rankings["second-order Markov"].hit_rate + 0.1


def test_every_line_of_the_report(run):
    data, last = run
    rows = last.task.held_out(last, data)
    assert list(rows) == [*ROWS, OPTIMAL]
    lines = last.task.held_out_lines(last, data, rows)
    start = lines.index("77 items to rank, each among all 240")
    assert [line.split("  ")[0] for line in lines[start + 2 : start + 8]] == list(rows)
    ours, best = (float(lines[start + place].split()[-1]) for place in (2, 7))
    share = float(next(line for line in lines if "Bayes-optimal ranking" in line).split()[-4])
    assert share == pytest.approx(ours / best, abs=1e-3)
    table = lines[-6:]
    assert [line.split("  ")[0].strip() for line in table] == [
        f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2, 3)
    ]
    for line in table:
        assert sum(map(float, line.split()[4:])) == pytest.approx(1, abs=4e-3)


def test_weights_by_distance_are_those_of_the_judged_places(run):
    data, last = run
    one = Sessions(data.test.rows[:1], np.arange(8)[None] == 5)
    objective = last.objectives()["learned"]
    reference = dataclasses.replace(objective.model, attention="reference")
    _, saved = reference.forward(last.params, one.rows[:, :-1])
    weights = saved.stack.layers[1].self_attn.attention.weights[0, :, 5]
    found = mean_weights(last, one)
    np.testing.assert_allclose(found[1, :, :6], weights[:, 5::-1])
    assert not found[..., 6:].any()
    shown = last.task.attention_map(last, data)
    assert shown.weights.shape == (6, 8)
    np.testing.assert_allclose(shown.weights.sum(axis=1), 1, rtol=1e-6)


def test_uniform_weights_are_uniform(run):
    objective = run[1].objectives()[UNIFORM]
    model = dataclasses.replace(objective.model, attention="reference")
    _, saved = model.forward(run[1].params_of(UNIFORM), [[3, 1, 4, 1]])
    np.testing.assert_allclose(saved.stack.layers[0].self_attn.attention.weights[0, 0, 3], np.full(4, 0.25))


def test_recommended_items_are_the_likeliest(run):
    _, last = run
    lines = recommended(last, "a1, b2,c20").splitlines()
    ids = [[0, 21, 59]]
    logits = last.objectives()["learned"].model.forward(last.params, ids)[0][0, -1]
    assert [line.split()[0] for line in lines] == [next_item.NAMES[i] for i in np.argsort(-logits)[:10]]
    with pytest.raises(ValueError, match=r"^'z1' is no item of the run.*; its items, separated by commas"):
        recommended(last, "a1,z1")
    for nothing in ("", " \n"):
        with pytest.raises(ValueError, match=r"^'' is no item of the run"):
            recommended(last, nothing)


def test_an_item_with_a_comma_is_quoted(tmp_path):
    rows = [f'{user},"film, {item}",{item}' for user in range(3) for item in range(4)]
    (file := tmp_path / "own.csv").write_text("\n".join(["user,item,time", *rows]))
    settings = with_defaults({"task": "next-item", "csv": str(file), **SIZES})
    (last,) = run_epochs(start_run(TASKS["next-item"], settings, data := load(settings)), data)
    assert len(recommended(last, '"film, 0", "film, 1"').splitlines()) == 4
    with pytest.raises(ValueError, match=r"^'film' is no item"):
        recommended(last, "film, 0")


def test_recommended_items_follow_the_last_ones_of_a_long_list(run):
    names = next_item.NAMES[:25]
    said = recommended(run[1], ",".join(names))
    assert said == recommended(run[1], ",".join(names[-19:]))
    assert said != recommended(run[1], ",".join(names[:19]))


def test_the_last_item_is_held_out_and_the_one_before_validates(tmp_path):
    (file := tmp_path / "own.csv").write_text(
        "user,item,time\n1,a,1\n1,b,2\n1,c,3\n1,d,4\n2,a,1\n2,b,2\n2,d,3\n2,c,4\n"
    )
    data = load(with_defaults({"task": "next-item", "csv": str(file)}))
    parts = (data.train, data.validation, data.test)
    symbols = [[data.vocabulary.symbols[place] for place in part.targets] for part in parts]
    assert symbols == [["b", "b"], ["c", "d"], ["d", "c"]]
    assert "2 held-out items in nobody's training part" in data.cleaned


def test_ratings_of_ones_own(ratings, tmp_path):
    data = load(ratings)
    assert data.cleaned == (
        "ratings of 9 users for 15 items, the last of each user held out, the one before for validation; "
        "1 user with fewer than 3 left out; 1 held-out item in nobody's training part; "
        "items that a user had are not recommended again"
    )
    assert data.vocabulary.symbols[-2:] == ("new", "only here")
    (first,) = run_epochs(start_run(TASKS["next-item"], ratings, data), data)
    run_folder.save_run(tmp_path / "run", first)
    kept = run_folder.read_run(tmp_path / "run", TASKS)
    again = load(kept.settings, facts=kept.facts)
    rows = kept.task.held_out(kept, again)
    assert list(rows) == ROWS
    assert rows == first.task.held_out(first, data)
    assert not any("Bayes" in line for line in kept.task.held_out_lines(kept, again, rows))
    for name, x in flatten(kept.params).items():
        np.testing.assert_array_equal(x, flatten(first.params)[name])


def test_a_short_context_and_a_delimiter_without_a_file_are_refused():
    with pytest.raises(ValueError, match=r"^context is 18; at least 19 is expected$"):
        load(with_defaults({"task": "next-item", "context": 18}))
    with pytest.raises(ValueError, match=r"^delimiter belongs to csv"):
        load(with_defaults({"task": "next-item", "delimiter": ";"}))
