import pytest

from numpy_attention.study.exercises.catalogue import EXERCISES, SETS, exercise, exercise_of


def test_the_sets_are_there():
    assert {name: [each.name for each in exercises] for name, exercises in SETS.items()} == {
        "there": ["softmax", "scale", "causal-mask", "attention"],
        "back": ["values-back", "softmax-back", "score-back", "attention-back"],
        "around": ["layer-norm-back", "adam", "cross-entropy-back", "embedding-back", "heads", "grouped-back",
                   "rotary-back", "online-softmax"],
    }  # fmt: skip
    assert len({each.function for each in EXERCISES.values()}) == len(EXERCISES)


def test_an_unknown_name_is_answered_by_the_nearest():
    with pytest.raises(ValueError, match=r"no exercise 'sotfmax' \(did you mean 'softmax'\?\)"):
        exercise("sotfmax")


@pytest.mark.parametrize(
    "file, source, name",
    [("a.py", "def softmax(x): ...", "softmax"),
     ("attention_back.py", "def softmax(x): ...\ndef attention_back(d): ...", "attention-back"),
     ("anna_softmax-back_2.py", "def softmax(x): ...\ndef softmax_back(d): ...", "softmax-back"),
     ("a.py", "def softmax(x:\n    half written", "softmax")],
)  # fmt: skip
def test_a_file_answers_what_it_defines_and_is_named_after(file, source, name, tmp_path):
    (tmp_path / file).write_text(source)
    assert exercise_of(tmp_path / file).name == name


@pytest.mark.parametrize(
    "source, words",
    [("x = 1", "defines no function of an exercise"), ("def softmax(): ...\ndef adam(): ...",
                                                       "name the file after"),
     ("\0", "defines no function"), ("#" * 2**21, "at most 1,048,576")],
)  # fmt: skip
def test_other_files_are_refused(source, words, tmp_path):
    (tmp_path / "a.py").write_text(source)
    with pytest.raises(ValueError, match=words):
        exercise_of(tmp_path / "a.py")
