"""The text of `explain --text`: its numbers are those of the arrays, and it fits into 100 columns."""

import numpy as np

from numpy_attention.study.words import blame
from numpy_attention.study.words_page import shown, words_page
from tests.study.test_words import IDS, model_of

SYMBOLS = ["a b", "cd", "e\n", "f", "<", "gggggggggggg"]


def page_and_blame():
    found = blame(*model_of(), IDS, 1, 2)
    return list(words_page(found, SYMBOLS)), found


def test_numbers_and_width():
    lines, found = page_and_blame()
    assert lines[0] == "6 symbols, at layer 1, head 2; both count from 0"
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert text.count("✓") == len(found.laws) + 4
    assert "WRONG" not in text
    row = next(line for line in lines if line.startswith(" 4 <"))
    s = int(np.abs(found.maps["whole model"][3]).argmax())
    assert f"{found.losses[3]:.3f}" in row
    assert row.split()[-3:-1] == [str(s), shown(SYMBOLS[s])]
    assert row.endswith(f"{found.maps['whole model'][3, s]:.3f}")
    worst = int(found.losses.argmax())
    assert (
        f"The largest loss, {max(found.losses):.3f} at symbol {worst + 1} {shown(SYMBOLS[worst + 1])}" in text
    )


def test_the_largest_number_of_a_loss_is_the_largest_without_its_sign():
    lines, found = page_and_blame()
    d_scores = found.maps["d_scores"]
    largest = np.abs(d_scores).argmax(axis=1)
    assert (largest != d_scores.argmax(axis=1)).any()
    assert [int(line[36:38]) for line in lines[5:10]] == largest.tolist()


def test_a_long_text_has_no_map_of_weights_but_says_where():
    found = page_and_blame()[1]
    long = found._replace(
        losses=np.ones(13), weights=np.eye(13), d_scores=np.zeros((13, 13, 13)),
        **dict.fromkeys(("d_key", "d_value", "d_embedded"), np.zeros((13, 13, 2))),
    )  # fmt: skip
    lines = list(words_page(long, "abcdefghijklmn"))
    assert "Weights and d_scores of 13 x 13 symbols do not fit here: --html FILE shows them." in lines
