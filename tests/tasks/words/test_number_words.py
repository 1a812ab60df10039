"""Numbers in German and English words."""

import pytest

from numpy_attention.tasks.words.number_words import english, german
from numpy_attention.tasks.words.written import joined

KNOWN = {
    0: ("null", "zero"),
    1: ("eins", "one"),
    16: ("sechzehn", "sixteen"),
    21: ("einundzwanzig", "twenty-one"),
    30: ("dreißig", "thirty"),
    100: ("einhundert", "one hundred"),
    101: ("einhunderteins", "one hundred one"),
    717: ("siebenhundertsiebzehn", "seven hundred seventeen"),
    1000: ("eintausend", "one thousand"),
    1001: ("eintausendeins", "one thousand one"),
    21_012: ("einundzwanzigtausendzwölf", "twenty-one thousand twelve"),
    101_000: ("einhunderteintausend", "one hundred one thousand"),
    324_567: (
        "dreihundertvierundzwanzigtausendfünfhundertsiebenundsechzig",
        "three hundred twenty-four thousand five hundred sixty-seven",
    ),
}


@pytest.mark.parametrize("number", KNOWN)
def test_words_are_those_of_the_language(number):
    assert (joined(german(number)), joined(english(number))) == KNOWN[number]


def test_all_numbers_differ_and_both_languages_stand_for_the_same():
    some = [*range(2000), *range(0, 1_000_000, 997)]
    for write in (german, english):
        assert len({joined(write(number)) for number in some}) == len(set(some))
    for number in some:
        ours, theirs = (
            sorted(piece.means for piece in write(number) if piece.means) for write in (german, english)
        )
        assert ours == theirs
        assert len(set(ours)) == len(ours)
