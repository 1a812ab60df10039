"""Numbers in words, German and English, in pieces with the digit that each stands for.

German says the ones before the tens and writes one long word: 324,567 is
dreihundertvierundzwanzigtausendfünfhundertsiebenundsechzig, in English three hundred twenty-four thousand
five hundred sixty-seven.
"""

from .written import Piece

LARGEST = 999_999

GERMAN = (
    "null", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf",
    "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn",
)  # fmt: skip
GERMAN_TENS = ("zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")
ENGLISH = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
ENGLISH_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

THOUSANDS, UNITS = "abcd", "efgh"
"""What pieces stand for: the digit of the hundreds, "hundred", tens and ones; before "thousand", after it."""
THOUSAND = "K"


def german(number: int) -> tuple[Piece, ...]:
    """The German words of a number from 0 to 999,999.

    Examples
    --------
    >>> print(*(piece.text for piece in german(324_501)))
    drei hundert vier und zwanzig tausend fünf hundert eins
    """
    thousands, units = divmod(number, 1000)
    pieces = [*_german_below_thousand(thousands, THOUSANDS), Piece("tausend", THOUSAND)] if thousands else []
    if units or not thousands:
        last = _german_below_thousand(units, UNITS)
        pieces += [*last[:-1], last[-1]._replace(text="eins")] if units % 100 == 1 else last
    return tuple(pieces)


def _german_below_thousand(number: int, place: str) -> list[Piece]:
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    pieces = [Piece(GERMAN[hundreds], place[0]), Piece("hundert", place[1])] if hundreds else []
    if rest >= 20:
        before = [Piece(GERMAN[ones], place[3]), Piece("und")] if ones else []
        return [*pieces, *before, Piece(GERMAN_TENS[tens - 2], place[2])]
    return [*pieces, Piece(GERMAN[rest], place[3])] if rest or not hundreds else pieces


def english(number: int) -> tuple[Piece, ...]:
    """The English words of a number from 0 to 999,999; each but the first begins with a space or a hyphen.

    Examples
    --------
    >>> print(*(piece.text for piece in english(324_501)), sep="|")
    three| hundred| twenty|-four| thousand| five| hundred| one
    """
    thousands, units = divmod(number, 1000)
    pieces = (
        [*_english_below_thousand(thousands, THOUSANDS), Piece("thousand", THOUSAND)] if thousands else []
    )
    if units or not thousands:
        pieces += _english_below_thousand(units, UNITS)
    first, *others = pieces
    spaced = [piece if piece.text[0] == "-" else piece._replace(text=" " + piece.text) for piece in others]
    return (first, *spaced)


def _english_below_thousand(number: int, place: str) -> list[Piece]:
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    pieces = [Piece(ENGLISH[hundreds], place[0]), Piece("hundred", place[1])] if hundreds else []
    if rest >= 20:
        after = [Piece("-" + ENGLISH[ones], place[3])] if ones else []
        return [*pieces, Piece(ENGLISH_TENS[tens - 2], place[2]), *after]
    return [*pieces, Piece(ENGLISH[rest], place[3])] if rest or not hundreds else pieces
