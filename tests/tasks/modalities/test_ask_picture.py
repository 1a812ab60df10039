"""The task ask-picture: its data, a run of it, its report, and questions and images of your own."""

import numpy as np
import pytest

from numpy_attention.files import write_npz
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.images import read_digits
from numpy_attention.tasks.modalities import ask_picture
from numpy_attention.tasks.modalities.answering import Answering
from numpy_attention.tasks.modalities.ask_picture import ASK_PICTURE, digit_images, resampled
from numpy_attention.tasks.modalities.questions import FORMS
from numpy_attention.tasks.modalities.reasoner import reasoned
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run

SETTINGS = with_defaults(
    {"task": "ask-picture", "layers": 1, "hidden_dim": 8, "heads": 2, "epochs": 2, "batch_size": 8}
)


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setattr(ask_picture, "EPOCH", 24)
    monkeypatch.setattr(ask_picture, "JUDGED", 30)
    return load(SETTINGS)


def test_held_out_canvases_have_held_out_digits(data):
    assert (data.train.size, data.test.size, data.validation) == (24, 30, None)
    for questions, images in ((data.train, read_digits()[0][:898]), (data.test, read_digits()[0][898:])):
        rows = {row.tobytes() for row in images}
        assert {(16 * row).tobytes() for row in questions.cut_out.reshape(-1, 64)} <= rows


def test_with_patience_training_digits_validate(data):
    rows = {row.tobytes() for row in read_digits()[0][:898]}
    validation = load(SETTINGS._replace(patience=2)).validation
    assert {(16 * row).tobytes() for row in validation.cut_out.reshape(-1, 64)} <= rows


def test_every_epoch_has_other_canvases_but_equally_many(data):
    one, other = (resampled(np.random.default_rng(seed), SETTINGS, data) for seed in (0, 1))
    assert one.size == other.size == 24
    assert not np.array_equal(one.images, other.images)
    assert one.texts.tolist() != other.texts.tolist()
    images = {image.tobytes() for image in data.images.x}
    assert 0.7 < np.mean([digit.tobytes() not in images for digit in one.cut_out.reshape(-1, 64)]) < 0.9


def test_the_perfect_reasoner_has_the_digits_that_are_recognised(data, monkeypatch):
    monkeypatch.setattr(ask_picture, "recognised", lambda questions, images: questions.digits[:, ::-1])
    right = reasoned(data.test, data.test.digits[:, ::-1]) == data.test.labels
    assert 0 < right.mean() < 1
    assert ask_picture.baselines(SETTINGS, data)["perfect reasoner"].accuracy == right.mean()
    run = start_run(ASK_PICTURE, SETTINGS, data)
    found = ask_picture.right_answers(run, data)
    np.testing.assert_array_equal(found["perfect reasoner"], right)
    monkeypatch.setattr(Answering, "readings", lambda self, params, asked: np.eye(10)[asked.digits])
    lines = ask_picture.report(run, data, {})
    assert lines[1].endswith("of the digits right; by what the model's patches are read as, 1.000")
    assert lines[2] == "right, it would reach 1.0000"


def test_a_run_learns_is_resumed_and_answers(data, tmp_path):
    whole = list(run_epochs(start_run(ASK_PICTURE, SETTINGS, data), data))
    assert whole[-1].history[-1]["loss"] < whole[0].history[0]["loss"]
    run_folder.save_run(tmp_path / "run", whole[0])
    kept = run_folder.read_run(tmp_path / "run", {"ask-picture": ASK_PICTURE})
    *_, last = run_epochs(kept, load(kept.settings, facts=kept.facts))
    for name, x in flatten(last.params).items():
        np.testing.assert_array_equal(x, flatten(whole[-1].params)[name], err_msg=name)
    rows = ASK_PICTURE.held_out(last, data)
    assert list(rows) == [
        "words and patches",
        "words, question only",
        "patches, image only",
        "perfect reasoner",
    ]
    for own, figures in zip(ask_picture.right_answers(last, data).values(), rows.values(), strict=True):
        assert own.mean() == figures.accuracy
    lines = ASK_PICTURE.held_out_lines(last, data, rows)
    assert [line.split()[0] for line in lines if line.split()[:1] and line.split()[0] in names()] == names()
    assert max(len(line) for line in lines) <= 100
    shown = ASK_PICTURE.attention_map(last, data)
    assert shown.weights.shape == (len(shown.rows), 16) == (data.test.lengths[0], len(shown.columns))
    sheet = ASK_PICTURE.sheet(last, data)
    assert len(sheet.images) == len(sheet.titles) == len(sheet.heat) == sheet.columns * len(FORMS)
    first = int(data.test.lengths[np.flatnonzero(data.test.forms == 0)[0]])
    assert sheet.heat[1 : 1 + first].min() > 0
    assert not sheet.images[1 + first : sheet.columns].any()
    text = ASK_PICTURE.translate(last, "How many are larger than four?")
    larger = ["zero", "one", "two", "three", "four"][(data.test.digits[0] > 4).sum()]
    assert text.splitlines()[-1] == f"By the digits that stand there: {larger}"
    with pytest.raises(ValueError, match="text has the word 'kittens'; words of these are expected"):
        ASK_PICTURE.translate(last, "how many kittens are there?")


def names():
    return [form.name for form in FORMS]


def own_images(tmp_path, classes, each=3, side=11):
    x = np.random.default_rng(0).random((each * len(classes), side, side))
    write_npz(tmp_path / "own.npz", {"x": x, "y": np.tile(classes, each)})
    return SETTINGS._replace(npz=str(tmp_path / "own.npz"))


def test_images_of_your_own(data, tmp_path):
    settings = own_images(tmp_path, np.arange(10))
    train, test = digit_images(settings)
    assert (train.x.shape, test.x.shape) == ((20, 8, 8), (10, 8, 8))
    assert sorted(test.y) == list(range(10))
    with np.load(settings.npz) as file:
        own = file["x"][:, -1, -1] / file["x"][:, 0, 0]
    small = train.x[:, -1, -1] / train.x[:, 0, 0]  # corners stay corners
    assert np.isclose(small[:, None], own).any(axis=1).all()
    assert load(settings).test.size == 30


@pytest.mark.parametrize(
    "classes, each, told",
    [
        (
            np.array(["cat", "dog"]),
            3,
            "y has the classes cat, dog; the ten digits 0 to 9 are expected, for ques",
        ),
        (np.arange(9), 3, "y has the classes 0, 1, 2, 3, 4, 5, 6, 7, 8; the ten digits"),
        (np.arange(10), 1, "no class has two examples"),
    ],
)
def test_images_that_are_no_digits(tmp_path, classes, each, told):
    with pytest.raises(ValueError, match=told):
        digit_images(own_images(tmp_path, classes, each))


def test_a_digit_with_one_image_is_refused(tmp_path):
    y = np.array([*range(10), *range(9)])
    write_npz(tmp_path / "own.npz", {"x": np.ones((19, 8, 8)), "y": y})
    with pytest.raises(ValueError, match="9 has one image; two or more are expected, for one is held out"):
        digit_images(SETTINGS._replace(npz=str(tmp_path / "own.npz")))
