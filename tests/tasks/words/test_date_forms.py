"""Dates in many forms: known texts, no two dates alike, other languages by babel."""

import importlib.util
import sys
from datetime import date
from types import SimpleNamespace

import pytest

from numpy_attention.tasks.words import date_forms
from numpy_attention.tasks.words.date_forms import LANGUAGES, forms_of, language_of, written_in
from numpy_attention.tasks.words.written import joined

FORMS = forms_of(LANGUAGES.values())
KNOWN = {
    "MM/dd/yy": "03/01/20",
    "dd.MM.y": "01.03.2020",
    "d. R y": "1. III 2020",
    "'the' oooo 'of' MMMM y": "the first of March 2020",
    "MMMM o, y": "March 1st, 2020",
    "EEE MM/dd/yy": "Sun 03/01/20",
    "EEEE, d. MMMM y": "Sonntag, 1. März 2020",
    "'le' o MMMM y": "le 1er mars 2020",
    "d 'de' MMM 'de' y": "1 de mar de 2020",
}


@pytest.mark.parametrize("form", KNOWN)
def test_a_date_in_a_form(form):
    (language,) = {language for known, language in FORMS.clear if known == form}
    assert joined(written_in(form, date(2020, 3, 1), language)) == KNOWN[form]


def test_every_form_says_year_month_and_day():
    for form, language in FORMS.clear:
        means = {letter for piece in written_in(form, date(2020, 11, 22), language) for letter in piece.means}
        assert means == set("ymd"), form


def test_no_text_has_two_meanings():
    meanings = {}
    for day in map(date.fromordinal, range(date(1967, 1, 1).toordinal(), date(2071, 1, 1).toordinal(), 61)):
        for form, language in FORMS.of(day):
            text = joined(written_in(form, day, language)).lower()
            assert meanings.setdefault(text, day) == day, text


def test_two_figures_of_a_year_stand_only_where_they_are_clear():
    assert {"MM/dd/yy"} & {form for form, _ in FORMS.of(date(1969, 1, 1))}
    assert not [form for form, _ in FORMS.of(date(1968, 12, 31)) if "yy" in form]
    assert not [form for form, _ in FORMS.of(date(2069, 1, 1)) if "yy" in form]


def test_names_are_complete():
    for language in list(LANGUAGES.values())[1:]:
        sizes = [len(set(names)) for names in language[:4]]
        assert sizes == [12, 12, 7, 7]


def italian(name):
    """What babel knows of a locale, of which there is one here."""
    if name != "it_IT":
        raise ValueError(name)
    months = {
        "wide": {n: f"mese{n}" for n in range(1, 13)},
        "abbreviated": {n: f"m{n}" for n in range(1, 13)},
    }
    days = {"wide": {n: f"giorno{n}" for n in range(7)}, "abbreviated": {n: f"g{n}" for n in range(7)}}
    forms = {"full": "cccc d\u202fMMMM y", "long": "d MMMM y G", "medium": "dd/MM/y"}
    patterns = {kind: SimpleNamespace(pattern=form) for kind, form in forms.items()}
    return SimpleNamespace(months={"format": months}, days={"format": days}, date_formats=patterns)


@pytest.fixture
def babel(monkeypatch):
    locale = SimpleNamespace(parse=italian)
    monkeypatch.setitem(sys.modules, "babel", SimpleNamespace(Locale=locale, UnknownLocaleError=KeyError))
    monkeypatch.setattr(date_forms.importlib.util, "find_spec", lambda name: name)


def test_a_language_of_babel_has_the_forms_with_months_in_letters(babel):
    language = language_of("it-IT")
    assert language.forms == ("EEEE d MMMM y",)
    assert joined(written_in(language.forms[0], date(2020, 3, 1), language)) == "giorno6 1 mese3 2020"


def test_an_unknown_locale_is_named(babel):
    with pytest.raises(ValueError, match="locales holds 'xx'; a name such as it, nl or pt-BR is expected"):
        language_of("xx")


def test_a_missing_babel_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(date_forms.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^locales need babel: pip install 'numpy_attention\[data\]'$"):
        language_of("it")


@pytest.mark.skipif(importlib.util.find_spec("babel") is None, reason="babel is not installed")
@pytest.mark.parametrize("locale", ["it", "nl", "pt-BR", "sv"])
def test_babel_itself(locale):
    language = language_of(locale)
    assert len(language.months) == 12
    assert "2020" in joined(written_in(language.forms[0], date(2020, 3, 1), language))
