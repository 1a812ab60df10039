"""Dates as people write them, in pieces that stand for year, month or day.

A form is a pattern as in Unicode's locale data: y and yy, M, MM, MMM and MMMM, d and dd, EEE and EEEE for the
weekday, 'quoted' text; and three of its own: R for the month in Roman numerals, o for the day as 3rd,
oooo for
the third. Two figures of a year mean 1969 to 2068, as in Python's `strptime`; between slashes the month comes
first, between points the day. Forms that need a calendar, as the day of the year, are left out.
"""

import importlib.util
import re
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from .written import Piece

FIELD = re.compile(r"'([^']*)'|(([A-Za-z])\3*)|(.)", re.DOTALL)
TWO_FIGURES = range(1969, 2069)
"""The years that have two figures."""
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
DAYS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
    "nineteenth", "twentieth", "twenty-first", "twenty-second", "twenty-third", "twenty-fourth",
    "twenty-fifth", "twenty-sixth", "twenty-seventh", "twenty-eighth", "twenty-ninth", "thirtieth",
    "thirty-first",
)  # fmt: skip
SUFFIXES = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}


class Language(NamedTuple):
    """A language's names and forms."""

    months: tuple[str, ...]
    short_months: tuple[str, ...]
    weekdays: tuple[str, ...]
    """From Monday on"""
    short_weekdays: tuple[str, ...]
    forms: tuple[str, ...]
    ordinal: Callable[[int], str] = str
    """The day as the field o writes it"""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LANGUAGES = {
    "figures": Language(
        (), (), (), (),
        ("y-MM-dd", "y/MM/dd", "yMMdd", "dd.MM.y", "d.M.y", "dd.MM.yy", "MM/dd/y", "M/d/y", "MM/dd/yy",
         "d. R y", "d-R-yy"),
    ),
    "English": Language(
        _words("January February March April May June July August September October November December"),
        _words("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
        _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
        _words("Mon Tue Wed Thu Fri Sat Sun"),
        ("d MMMM y", "MMMM d, y", "d MMM y", "d-MMM-yy", "MMM d, y", "MMMM o, y", "o MMMM y",
         "'the' o 'of' MMMM y", "'the' oooo 'of' MMMM y", "EEEE, d MMMM y", "EEE d MMM y", "EEE MM/dd/yy",
         "y MMMM d"),
        lambda day: f"{day}{SUFFIXES.get(day, 'th')}",
    ),
    "German": Language(
        _words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
        _words("Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez."),
        _words("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
        _words("Mo Di Mi Do Fr Sa So"),
        ("d. MMMM y", "dd. MMM y", "EEEE, d. MMMM y", "EEE, dd.MM.yy", "EEEE, 'den' d. MMMM y"),
    ),
    "French": Language(
        _words("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
        _words("janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
        _words("lundi mardi mercredi jeudi vendredi samedi dimanche"),
        _words("lun. mar. mer. jeu. ven. sam. dim."),
        ("o MMMM y", "'le' o MMMM y", "EEEE o MMMM y", "d MMM y"),
        lambda day: "1er" if day == 1 else str(day),
    ),
    "Spanish": Language(
        _words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
        _words("ene feb mar abr may jun jul ago sept oct nov dic"),
        _words("lunes martes miércoles jueves viernes sábado domingo"),
        _words("lun mar mié jue vie sáb dom"),
        ("d 'de' MMMM 'de' y", "EEEE, d 'de' MMMM 'de' y", "d MMM y", "d 'de' MMM 'de' y"),
    ),
}  # fmt: skip
"""Names and forms that need no other library."""

FIELDS: dict[str, tuple[str, Callable[[date, Language], str]]] = {
    "y": ("y", lambda day, language: str(day.year)),
    "yy": ("y", lambda day, language: f"{day.year % 100:02d}"),
    "M": ("m", lambda day, language: str(day.month)),
    "MM": ("m", lambda day, language: f"{day.month:02d}"),
    "MMM": ("m", lambda day, language: language.short_months[day.month - 1]),
    "MMMM": ("m", lambda day, language: language.months[day.month - 1]),
    "R": ("m", lambda day, language: ROMAN[day.month - 1]),
    "d": ("d", lambda day, language: str(day.day)),
    "dd": ("d", lambda day, language: f"{day.day:02d}"),
    "o": ("d", lambda day, language: language.ordinal(day.day)),
    "oooo": ("d", lambda day, language: DAYS[day.day - 1]),
    "EEE": ("", lambda day, language: language.short_weekdays[day.weekday()]),
    "EEEE": ("", lambda day, language: language.weekdays[day.weekday()]),
}
"""What a field stands for, and how it is written."""


@cache
def parts_of(form: str) -> tuple[tuple[str, str], ...]:
    """The parts of a form, a field or else a text each.

    Examples
    --------
    >>> parts_of("d. MMM, 'in' y")
    (('d', ''), ('', '.'), ('', ' '), ('MMM', ''), ('', ','), ('', ' '), ('', 'in'), ('', ' '), ('y', ''))
    """
    return tuple((field, quoted or other) for quoted, field, _, other in FIELD.findall(form))


def written_in(form: str, day: date, language: Language) -> tuple[Piece, ...]:
    """A date in a form.

    Examples
    --------
    >>> pieces = written_in("'the' o 'of' MMM yy", date(2020, 3, 23), LANGUAGES["English"])
    >>> [(piece.text, piece.means) for piece in pieces if piece.means]
    [('23rd', 'd'), ('Mar', 'm'), ('20', 'y')]
    """
    pieces = []
    for field, text in parts_of(form):
        means, write = FIELDS.get(field, ("", None))
        pieces.append(Piece(text if write is None else write(day, language), means))
    return tuple(pieces)


class Forms(NamedTuple):
    """Forms, each with its language."""

    anywhere: tuple[tuple[str, Language], ...]
    """Those for any date"""
    clear: tuple[tuple[str, Language], ...]
    """Those for a date of which two figures give the year: all"""

    def of(self, day: date) -> tuple[tuple[str, Language], ...]:
        """The forms that a date may have."""
        return self.clear if day.year in TWO_FIGURES else self.anywhere


def forms_of(languages: Iterable[Language]) -> Forms:
    """The forms of languages."""
    forms = tuple((form, language) for language in languages for form in language.forms)
    return Forms(tuple(each for each in forms if ("yy", "") not in parts_of(each[0])), forms)


SHORTER = {"E": "EEE", "EE": "EEE", "ccc": "EEE", "cccc": "EEEE", "LLL": "MMM", "LLLL": "MMMM"}
"""Fields of other locales by our names."""


def language_of(locale: str) -> Language:
    """A language of babel's: its long forms with the month in letters.

    Raises
    ------
    ValueError
        If babel is not installed, knows no such locale, or has no such form for it.
    """
    if importlib.util.find_spec("babel") is None:
        raise ValueError("locales need babel: pip install 'numpy_attention[data]'")
    from babel import Locale, UnknownLocaleError

    try:
        known: Any = Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"locales holds {locale!r}; a name such as it, nl or pt-BR is expected") from None
    months, weekdays = (
        {kind: tuple(names[kind][key] for key in sorted(names[kind])) for kind in ("wide", "abbreviated")}
        for names in (known.months["format"], known.days["format"])
    )
    forms = (known.date_formats[kind].pattern for kind in ("full", "long", "medium"))
    return Language(
        months["wide"],
        months["abbreviated"],
        weekdays["wide"],
        weekdays["abbreviated"],
        _with_month_names(forms, locale),
    )


def _with_month_names(forms: Iterable[str], locale: str) -> tuple[str, ...]:
    """Those of the forms that we can write, in our fields."""
    plain = (re.sub("[\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]", " ", form) for form in forms)
    ours = [FIELD.sub(lambda match: SHORTER.get(match[0], match[0]), form) for form in plain]
    fields = {form: {field for field, _ in parts_of(form) if field} for form in ours}
    named = tuple(form for form in ours if fields[form] <= set(FIELDS) and fields[form] & {"MMM", "MMMM"})
    if not named:
        raise ValueError(f"locales holds {locale!r}, whose dates have no months in letters; leave it out")
    return named
