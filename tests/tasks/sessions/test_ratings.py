"""Files of ratings: MovieLens' forms, order in time, leave-one-out, and what is refused."""

import numpy as np
import pytest

from numpy_attention.tasks.sessions.ratings import judged_last, read_ratings, training_windows

ROWS = [(1, 30, 5, 104), (2, 10, 3, 100), (1, 10, 4, 101), (1, 20, 1, 102), (2, 20, 2, 99), (3, 30, 5, 7),
        (1, 40, 3, 101), (2, 30, 4, 101)]  # fmt: skip
HEADER = "userId,movieId,rating,timestamp\n"


def written(path, separator=",", header=HEADER):
    path.write_text(header + "".join(separator.join(map(str, row)) + "\n" for row in ROWS))
    return path


def test_movielens_forms_are_one_table(tmp_path):
    forms = {
        "ratings.csv": (",", HEADER, None),
        "u.data": ("\t", "", "tab"),
        "ratings.dat": ("::", "", ":"),
    }
    for name, (separator, header, delimiter) in forms.items():
        items, names, left_out = read_ratings(written(tmp_path / name, separator, header), delimiter)
        assert [[names[place] for place in one] for one in items] == [
            ["10", "40", "20", "30"],  # 10 and 40 at the same time: as in the file
            ["20", "10", "30"],
        ]
        assert (names, left_out) == (("30", "10", "20", "40"), 1)


def test_other_names_dates_and_texts(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text(
        "Date;User ID;item_id\n2024-02-01;ann;x y\n2024-01-31 23:59:59;ann;b\n"
        "2024-02-01T01:00:01+01:00;ann;c\n1706832000;ann;d\n2024-02-01T00:00:02;ann;e\n"
    )
    items, names, _ = read_ratings(file, ";")
    assert [names[place] for place in items[0]] == ["b", "x y", "c", "e", "d"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; ratings with user, item and time are expected"),
        ("user,item,time\n", "has a header and no rows"),
        ("user,item,rating\n1,2,3\n", "has no column of the time, called time, timestamp, date, datetime"),
        ("name,item,time\n1,2,3\n", "has no column of the user, called user, userid, uid"),
        ("user,genre,time\n1,2,3\n", "has no column of the item, called item, itemid, iid, movie, movieid"),
        ("1::2::3::4\n1::2::3::4\n", "no column of the user.* is expected; write --delimiter :"),
        ("user,item,movie,time\n1,2,3,4\n", "has two columns of the item"),
        ("1,2,3\n1,3,4\n", "line 1 holds numbers only; a header that names user, item and time"),
        ("user,item,time\n1,2,3\n,2,3\n", "line 3: the user is missing"),
        ("user,item,time\n1,,3\n", "line 2: the item is missing"),
        ("user,item,time\n1,2,\n", "line 2: the time is missing; a finite number"),
        ("user,item,time\n1,2,nan\n", "line 2: the time is 'nan'; a finite number"),
        ("user,item,time\n1,2,inf\n", "line 2: the time is 'inf'; a finite number"),
        ("user,item,time\n1,2,1_000\n", "line 2: the time is '1_000'; a finite number"),
        ("user,item,time\n1,2,yesterday\n", "line 2: the time is 'yesterday'; a finite number"),
        ("user,item,time\n1,2\n", "line 2 has 2 cells, the header has 3"),
        ("user,item,time\n1,1,1\n1,2,2\n1,3,3\n2,1,1\n", "no user has 4 ratings or more"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, text, message):
    (tmp_path / "own.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"own\.csv.*{message}"):
        read_ratings(tmp_path / "own.csv")


def test_ratings_of_equal_time_are_in_the_order_of_the_file(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text("user,item,time\n2,late,1\n1,first,5\n1,late,5\n1,third,6\n1,fourth,7\n")
    items, names, _ = read_ratings(file)
    assert [names[place] for place in items[0]] == ["first", "late", "third", "fourth"]


def test_an_item_had_twice_anywhere_is_ranked_again():
    histories = (np.array([0, 1, 2, 0]), np.array([3, 4, 5, 6]))
    assert judged_last(histories, 3, left_off=0).known is None
    assert judged_last(histories, 3, left_off=1).known is None


def test_every_item_of_the_training_part_but_the_first_is_a_target_once():
    histories = tuple(np.arange(100 * n, 100 * n + n) for n in (3, 4, 9, 17))
    windows = training_windows(histories, 5)
    wanted = np.concatenate([items[1:-2] for items in histories])
    np.testing.assert_array_equal(windows.targets, wanted)
    assert windows.rows.shape[1] == 6


def test_one_item_of_each_user_is_judged_after_those_before_it():
    histories = np.array([5, 6, 7]), np.array([1, 2, 3, 4, 5, 6])
    last, before = (judged_last(histories, 4, left_off) for left_off in (0, 1))
    assert last.targets.tolist() == [7, 6]
    assert before.targets.tolist() == [6, 5]
    assert last.judged.sum(axis=1).tolist() == [1, 1]
    assert last.rows.tolist() == [[5, 6, 7, 0, 0], [2, 3, 4, 5, 6]]
    assert [known.tolist() for known in last.known] == [[5, 6], [1, 2, 3, 4, 5]]
    repeated = judged_last((np.array([5, 6, 5]),), 4, 0)
    assert (repeated.known, repeated.targets.tolist()) == (None, [5])
