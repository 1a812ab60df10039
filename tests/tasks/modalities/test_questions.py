"""Questions: their answers by hand, how often each is drawn, and what is no question."""

import numpy as np
import pytest

from numpy_attention.tasks.modalities.questions import (
    ANSWERS,
    ARRANGEMENTS,
    FORMS,
    answer_ids,
    choices,
    drawn_questions,
    encoded,
    longest,
    parsed,
    vocabulary,
    words_of,
)

SQUARE = np.array([[7, 3], [4, 9]]).reshape(1, 4)


@pytest.mark.parametrize(
    "text, answer",
    [
        ("what is right of the seven?", "three"),
        ("what is right of the three?", "none"),
        ("left of the nine, what do you see?", "four"),
        ("which digit stands above the four?", "seven"),
        ("what is below the three?", "nine"),
        ("what is above the five?", "none"),
        ("what is at the bottom left?", "four"),
        ("which is the largest?", "nine"),
        ("what is the smallest digit in the top row?", "three"),
        ("which digit is largest in the left column?", "seven"),
        ("which is the smallest in the left column?", "four"),
        ("what is the smallest digit in the right column?", "three"),
        ("which is the largest in the bottom row?", "nine"),
        ("how many are even?", "one"),
        ("count the odd digits", "three"),
        ("how many are larger than four?", "two"),
        ("how many digits smaller than four are there?", "one"),
        ("is there a five?", "no"),
        ("Do you see a NINE", "yes"),
        ("is there an eight?", "no"),
    ],
)
def test_answers(text, answer):
    question = parsed()[words_of(text)]
    assert ANSWERS[question.answers(SQUARE)[0]] == answer


def test_every_answer_of_a_question_is_equally_frequent():
    rng = np.random.default_rng(0)
    texts, digits, labels = drawn_questions(rng, 6000)
    assert (np.sort(digits, axis=1)[:, 1:] > np.sort(digits, axis=1)[:, :-1]).all()
    questions = [parsed()[words_of(text)] for text in texts]
    for question, own, label in zip(questions[:300], digits, labels, strict=False):
        assert question.answers(own[None])[0] == label
    forms = np.array([FORMS.index(question.form) for question in questions])
    assert abs(np.bincount(forms) - 1000).max() < 4 * np.sqrt(1000)
    even = labels[[place for place, one in enumerate(questions) if one.words == ("even",)]]
    counts = np.bincount(even, minlength=5)
    assert len(counts) == 5
    assert abs(counts - len(even) / 5).max() < 4 * np.sqrt(len(even) / 5)


def test_a_question_with_one_answer_is_not_asked():
    asked = {choice.question.words for form in choices() for choice in form}
    assert ("larger", "eight") in asked
    assert ("larger", "nine") not in asked
    for form in choices():
        for choice in form:
            assert len(choice.by_answer) > 1
            assert sum(map(len, choice.by_answer)) == len(ARRANGEMENTS) == 10 * 9 * 8 * 7


def test_questions_in_ids():
    ids, lengths = encoded([words_of("how many are odd?"), words_of("count the odd digits")])
    assert (ids.shape, lengths.tolist()) == ((2, longest()), [4, 4])
    names = {place: word for word, place in vocabulary().items()}
    assert [names[place] for place in ids[0, :4]] == ["how", "many", "are", "odd"]
    assert not ids[:, 4:].any()
    assert [names[place] for place in answer_ids()] == list(ANSWERS)


@pytest.mark.parametrize(
    "text, told",
    [
        ("what is above the 3?", "text has the word '3'; words of these are expected: a, above, an, are"),
        (" ? ", "text has 0 words; 1 to 9 are expected"),
        ("is " * 10, "text has 10 words; 1 to 9 are expected"),
    ],
)
def test_what_is_no_question(text, told):
    with pytest.raises(ValueError, match=told):
        encoded([words_of(text)])
