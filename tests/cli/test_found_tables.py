"""Tables as they are found: each trains, or is refused in one sentence that says what to do."""

import csv
import gzip
import re
import shlex

import numpy as np
import pytest

from numpy_attention.cli import main
from numpy_attention.tasks import TASKS
from numpy_attention.training.run_folder import read_run

QUICK = ["--epochs", "1", "--hidden-dim", "3", "--batch-size", "4", "--tokens", "2"]


def lines(header, rows, end="\n"):
    return end.join([*([] if header is None else [header]), *rows]) + end


def numbered(form, count=40):
    """Rows of two numbers x, y, a class c and a row number i."""
    rng = np.random.default_rng(0)
    return [
        form.format(x=round(rng.normal() + i % 2, 2), y=round(rng.normal(), 1), c="ab"[i % 2], i=i)
        for i in range(count)
    ]


IRIS = [
    "5.1,3.5,1.4,0.2,Iris-setosa",
    "7.0,3.2,4.7,1.4,Iris-versicolor",
    "6.3,3.3,6.0,2.5,Iris-virginica",
] * 9
WINE_HEADER = '"fixed acidity";"volatile acidity";"alcohol";"pH";"quality"'
WINE = ["7.4;0.7;9.4;3.51;5", "7.8;0.88;9.8;3.2;5", "11.2;0.28;9.8;3.16;6", "6.7;0.58;9.2;3.28;6"] * 8
ADULT = [
    "39, State-gov, 77516, Bachelors, 13, <=50K",
    "54, ?, 180211, Some-college, 10, >50K",
    "52, Self-emp, 209642, HS-grad, 9, >50K",
] * 9
TITANIC_HEADER = "PassengerId,Survived,Pclass,Name,Sex,Age,Fare"
TITANIC = [
    '{i},0,3,"Braund, Mr. Owen Harris",male,22,7.25',
    '{i},1,1,"Cumings, Mrs. John ""Florence""",female,38,71.2833',
    '{i},0,3,"Moran, Mr. James",male,,8.4583',
    '{i},1,3,"Heikkinen, Miss. Laina",female,26,7.925',
]
TITANIC = [TITANIC[i % 4].format(i=i) for i in range(40)]
EXCEL = lines(
    "sep=;", ["Größe;Höhe;Klasse", *(row.replace(".", ",") for row in numbered("{x};{y};{c}"))], "\r\n"
)
HOUSES = [f"{i},{60 + i % 40},{8450 + 37 * i},{200_000 + 1713 * i}" for i in range(60)]
GERMAN = lines("# Messung vom 3. Mai, Gerät 2", ["Länge;Breite;Art", *numbered("{x};{y};{c}")])
PANDAS = lines(",x,y,c", numbered("{i},{x},{y},{c}"))
R = lines('"x"\t"y"\t"c"', numbered('"{i}"\t{x}\t{y}\t"{c}"'))
PLAIN = lines("x,y,c", numbered("{x},{y},{c}"))

TRAINS = {
    "wine": (lines(WINE_HEADER, WINE), "--label quality --delimiter ;"),
    "titanic": (lines(TITANIC_HEADER, TITANIC), "--label Survived --drop PassengerId,Name,Sex,Pclass"),
    "pandas": (PANDAS, "--label c --drop Unnamed:+0"),
    "German": (GERMAN, "--label Art --delimiter ;"),
    "CR": (PLAIN.replace("\n", "\r"), "--label c"),
    "UTF-16": (PLAIN.replace(",", "\t").encode("utf-16"), "--label c --delimiter tab"),
    "sep=": (lines("sep=;", [PLAIN.replace(",", ";")]), "--label c"),
    "decimal commas": (EXCEL.encode("utf-8-sig"), "--label Klasse --decimal ,"),
    "a class called as its column": (PLAIN.replace("a\n", "c\n"), "--label c"),
    "columns called as years": (PLAIN.replace("x,y,c", "x,2020,b"), "--label b"),
    "text": (lines(TITANIC_HEADER, TITANIC), "--label Survived --drop PassengerId,Pclass --drop-text"),
    "few rows": (lines("x,y,c", numbered("{x},{y},{c}", 12)), "--label c --batch-size 32"),
    "empty rows at the end": (PLAIN + "  \n,,\n,,\n", "--label c"),
}
REFUSED = {
    "iris": (lines(None, IRIS), "species", "has no column 'species'; .*; is the line with the names"),
    "a typo": (PLAIN.replace("c\n", "kind\n", 1), "kid", r"no column 'kid' \(did you mean 'kind'"),
    "iris, a class": (lines(None, IRIS), "Iris-setosa", "'Iris-setosa' is a label in line 4, and the name"),
    "wine": (lines(WINE_HEADER, WINE), "quality", "one column and 4 semicolons; write --delimiter ';'"),
    "adult": (lines(None, ADULT), "<=50K", "'<=50K' is a label in line 4, and the name of its column"),
    "adult, named": (
        lines("age, work, weight, school, years, income", ADULT),
        "income",
        "'State-gov' is not a number; --drop work,school leaves the columns of text out",
    ),
    "titanic": (lines(TITANIC_HEADER, TITANIC), "Survived", "column 'Name': .* --drop Name,Sex leaves"),
    "Excel": (EXCEL.encode("cp1252"), "Klasse", "line 2, character 3 is no text in UTF-8: .* save the file"),
    "Excel, UTF-8": (EXCEL.encode("utf-8-sig"), "Klasse", "line 3, .*a decimal point, and no separators of"),
    "a row in between": (PLAIN.replace("\n", "\n,,\n", 2), "c", "t.csv, line 2: the row is empty; remove it"),
    "an address": ("", "c", "https://a.org/t.csv is an address; download the file first"),
    "pandas": (PANDAS, "c", "'Unnamed: 0' has no name and counts the rows; --drop 'Unnamed: 0' leaves it"),
    "R": (R, "c", "one column and 2 tabs; write --delimiter tab"),
    "UTF-16": (PLAIN.replace(",", "\t").encode("utf-16"), "c", "2 tabs; write --delimiter tab"),
    "gzip": (gzip.compress(PLAIN.encode()), "c", "is compressed with gzip; unpack it first"),
    "a login page": ("<!doctype html><title>Sign in</title>", "c", "is a web page or XML, no table"),
    "JSON": ('{"rows": [[1, 2, "a"]]}', "c", "is JSON, no table"),
    "houses": (lines("Id,LotFrontage,LotArea,SalePrice", HOUSES), "SalePrice", "60 different numbers, a reg"),
    "numbers only": (lines(None, ["1.5,2,0", "3.5,4,1"] * 9), "0", "line 1 holds numbers only; a header"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, content):
    (folder / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("how", TRAINS)
def test_tables_that_train_and_are_evaluated_alike(capsys, folder, how):
    content, options = TRAINS[how]
    write(folder, content)
    words = [word.replace("+", " ") for word in options.split()]
    assert main(["train", "--csv", "t.csv", *words, *QUICK, "--out", "run"]) == 0
    assert main(["eval", "run", "--csv", "t.csv"]) == 0  # the run remembers separator and columns
    assert main(["predict", "run", "--csv", "t.csv"]) == 0
    assert capsys.readouterr().err == ""
    dropped = words[words.index("--drop") + 1].split(",") if "--drop" in words else []
    assert not set(dropped) & set(read_run("run", TASKS).facts.columns)


@pytest.mark.parametrize("how", REFUSED)
def test_tables_that_are_refused_say_what_to_do(capsys, folder, how):
    content, label, message = REFUSED[how]
    write(folder, content)
    file = "https://a.org/t.csv" if how == "an address" else "t.csv"
    refused(capsys, ["train", "--csv", file, "--label", label, *QUICK, "--out", "run"], message)
    assert [path.name for path in folder.iterdir()] == ["t.csv"]


def refused(capsys, words, message):
    assert main(words) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert re.search(message, error), error


def suggested(capsys, words):
    """The option that a refused command is told to add, and the rest of the sentence."""
    assert main(words) == 2
    return re.search(r"; (?:one more )?(--drop.*) leaves (.*)", capsys.readouterr().err).groups()


def test_what_to_drop_can_be_pasted_and_holds_what_is_dropped_already(capsys, folder):
    ticket = ["A/5 2117", "PC 17599", "113803", "373450"]
    odd = [f"{row},{ticket[i % 4]},a b,{i},no,{i}" for i, row in enumerate(TITANIC)]
    write(folder, lines(TITANIC_HEADER + ',Ticket,"it\'s, here",Row,-x,Number', odd))
    words = ["train", "--csv", "t.csv", "--label", "Survived", *QUICK]
    option, rest = suggested(capsys, [*words, "--drop", "PassengerId", "--drop", "Pclass,Row"])
    assert rest == "the columns of text out"
    names = ["PassengerId", "Pclass", "Row", "Name", "Sex", "Ticket", "it's, here", "-x"]
    assert next(csv.reader([shlex.split(option)[1]])) == names
    assert main([*words, *shlex.split(option), "--drop", "Age"]) == 0  # Fare and Number are left
    note = "note                the column 'Number' counts the rows; --drop"
    assert note in capsys.readouterr().out
    option, _ = suggested(
        capsys, [*words, "--drop=-x,Name,Sex,Ticket,PassengerId,Pclass", "--drop", "Row,Age"]
    )
    assert option.startswith("--drop='-x,Name")


@pytest.mark.parametrize("name", ["n" * 60, "a\nb"])
def test_what_to_drop_is_said_shortly_where_it_is_long(capsys, folder, name):
    names = [f'"{name}{i}"' for i in range(30)]
    write(folder, lines(",".join(["x,y,c", *names]), numbered("{x},{y},{c}" + ",t" * 30)))
    words = ["train", "--csv", "t.csv", "--label", "c", *QUICK]
    assert suggested(capsys, words) == ("--drop-text", "out every column of text")
    assert main([*words, "--drop-text", "--out", "run"]) == 0
    assert read_run("run", TASKS).facts.columns == ("x", "y")
    write(folder, lines("c,x,y,m", numbered("{c},{x},{y},")))
    assert suggested(capsys, [*words, "--drop", "x"])[0] == "--drop x,m"


def test_points_are_refused_among_decimal_commas_and_other_files_may_have_them(capsys, folder):
    write(folder, EXCEL.encode("utf-8-sig"))
    words = ["train", "--csv", "t.csv", "--label", "Klasse", *QUICK, "--out", "run"]
    refused(
        capsys, words, "'-?\\d,\\d+' is not a number; a decimal point, .* \\(--decimal , reads commas\\)$"
    )
    assert main([*words, "--decimal", ","]) == 0
    whole = predicted(capsys, "run", "--csv", "t.csv")
    write(folder, EXCEL.replace(",", ".").encode())
    refused(capsys, ["eval", "run", "--csv", "t.csv"], "is not a number; a decimal comma, and no separators")
    assert predicted(capsys, "run", "--csv", "t.csv", "--decimal", ".") == whole
    refused(capsys, ["eval", "run", "--decimal", "."], "--decimal belongs to --csv FILE")
    refused(capsys, ["eval", "run", "--csv", "t.csv", "--decimal", ";"], "a point or a comma is expected")


def predicted(capsys, *words):
    capsys.readouterr()
    assert main(["predict", *words]) == 0
    return capsys.readouterr().out


def test_row_names_of_r_are_named(capsys, folder):
    write(folder, R)
    words = ["train", "--csv", "t.csv", "--label", "c", "--delimiter", "tab", *QUICK]
    refused(
        capsys, words, "every line has 4 cells and the header 3, as R writes row names; write it with row"
    )


def test_another_separator_at_evaluation(capsys, folder):
    write(folder, PLAIN)
    assert main(["train", "--csv", "t.csv", "--label", "c", *QUICK, "--out", "run"]) == 0
    assert main(["eval", "run"]) == 0
    write(folder, PLAIN.replace(",", ";"))
    capsys.readouterr()
    for command in ("eval", "predict"):
        refused(capsys, [command, "run", "--csv", "t.csv"], "2 semicolons; write --delimiter ';'")
        assert main([command, "run", "--csv", "t.csv", "--delimiter", ";"]) == 0
        capsys.readouterr()
    refused(capsys, ["eval", "run", "--delimiter", ";"], "--delimiter belongs to --csv FILE")
    refused(
        capsys, ["eval", "run", "--csv", "t.csv", "--delimiter", "ab"], "delimiter is 'ab'; one character"
    )


def test_columns_to_drop_must_exist_and_not_be_the_label(capsys, folder):
    write(folder, PLAIN)
    words = ["train", "--csv", "t.csv", "--label", "c", *QUICK]
    refused(capsys, [*words, "--drop", "x,z"], "t.csv has no column 'z'; its header has x, y, c")
    refused(capsys, [*words, "--drop", "c"], "drop names 'c', which is the label; other columns are expected")
    refused(capsys, [*words, "--drop", "y"], "t.csv has 1 column beside the label")
    refused(capsys, ["train", "--drop", "y"], "drop belongs to the task csv; the task is digit-bags")


def test_labels_that_differ_in_case_are_two_classes_with_a_note(capsys, folder):
    write(folder, PLAIN.replace("a\n", "B\n", 9))
    assert main(["train", "--csv", "t.csv", "--label", "c", *QUICK]) == 0
    note = "note                the labels 'B' and 'b' are spelled differently: two classes"
    assert capsys.readouterr().out.count(note) == 1


def test_long_names_are_cut(capsys, folder):
    long = "n" * 60_000
    write(folder, PLAIN.replace("x,y,c", f"{long},y,{long}c").replace("a\n", long + "\n"))
    assert main(["train", "--csv", "t.csv", "--label", f"{long}c", *QUICK]) == 0
    assert len(capsys.readouterr().out) < 4000
    write(folder, PLAIN.replace("x,y,c", f"{long},y,c").replace(",a\n", f"{long},a\n", 1))
    assert main(["train", "--csv", "t.csv", "--label", "c", *QUICK]) == 2
    assert len(capsys.readouterr().err) < 400
