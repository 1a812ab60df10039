"""Chains of tiles and the trees above them."""

from numpy_attention.distributed.graph import Chains, tree


def test_a_chain_ends_after_so_many_tiles():
    chains = Chains(3)
    before = [chains.follow((0,), ("t", n)) for n in range(7)]
    assert before == [None, ("t", 0), ("t", 1), None, ("t", 3), ("t", 4), None]
    assert chains.ends == {(0,): [("t", 2), ("t", 5), ("t", 6)]}


def test_places_have_chains_of_their_own():
    chains = Chains(2)
    assert [chains.follow((n % 2,), ("t", n)) for n in range(4)] == [None, None, ("t", 0), ("t", 1)]


def test_a_tree_joins_all_keys_in_their_order():
    tasks = {}
    top = tree(tasks, "m", (5,), [("t", n) for n in range(5)], 2, ("join",))

    def leaves(key):
        return [leaf for each in tasks[key][1] for leaf in leaves(each)] if key in tasks else [key[1]]

    assert leaves(top) == [0, 1, 2, 3, 4]
    assert len(tasks) == 6
    assert all(len(keys) <= 2 for _, keys in tasks.values())


def test_one_key_needs_no_join_unless_an_item_is_taken_out_of_it():
    tasks, join, first = {}, ("join",), ("item", 3)
    assert tree(tasks, "m", (), [("t", 0)], 4, join) == ("t", 0)
    assert tree(tasks, "m", (), [], 4, join) is None
    assert tree(tasks, "m", (), [], 4, join, first) is None
    assert tree(tasks, "m", (), [("t", 0)], 4, join, first) == ("m-0", 0)
    assert tasks == {("m-0", 0): ("item", 3, [("t", 0)])}


def test_items_are_taken_out_below_and_joined_above():
    tasks = {}
    top = tree(tasks, "m", (), [("t", n) for n in range(3)], 2, ("join",), ("item", 3))
    assert tasks == {
        ("m-0", 0): ("item", 3, [("t", 0), ("t", 1)]),
        ("m-0", 1): ("item", 3, [("t", 2)]),
        top: ("join", [("m-0", 0), ("m-0", 1)]),
    }
