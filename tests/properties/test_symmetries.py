"""Permutations, rotations and slices under which attention is invariant."""

import numpy as np

import numpy_attention as na
from numpy_attention.check.reference.oracle import Results
from tests.support.cases import RESULT_AXES, summed_to
from tests.support.formula import SMALLEST, U, formula, g
from tests.support.judges import assert_within
from tests.support.strategies import for_all


def assert_commutes(case, *moves):
    """Reindexing the arguments reindexes the results."""
    moved, (expected, bound) = case, (case.run(), formula(case)[1])
    for axis, index in moves:
        moved = moved.taken(axis, index)
        expected, bound = (case.results_taken(x, axis, index) for x in (expected, bound))
    assert_within(moved.run(), expected, bound, formula(moved)[1])


@for_all()
def test_keys_may_change_places_together_with_their_values(case):
    assert_commutes(case, ("S", case.rng().permutation(case.shape[-1])))


@for_all()
def test_queries_may_change_places(case):
    assert_commutes(case, ("L", case.rng().permutation(case.shape[-2])))


@for_all(without=("one head",))
def test_heads_may_change_places_group_by_group(case):
    rng, group = case.rng(), case.group
    groups = rng.permutation(case.key.shape[-3])
    heads = [g * group + h for g in groups for h in rng.permutation(group)]
    assert_commutes(case, ("G", groups), ("H", np.array(heads, dtype=int)))


@for_all(without=("one head",), having=("batch",))
def test_batch_entries_may_change_places(case):
    assert_commutes(case, (0, case.rng().permutation(case.batch[0])))


@for_all(without=("one head", "broadcast batch"), having=("batch",))
def test_a_slice_of_the_batch_alone_gives_the_same(case):
    case = case.in_double()
    numbers, (_, bound) = case.run(), formula(case)
    n, axes = case.batch[0], len(case.batch)
    alone = [case.taken(0, [b]) for b in range(n)]
    parts, bounds = [part.run() for part in alone], [formula(part)[1] for part in alone]

    def together(name, whole, pieces):
        """Joined along the batch, or summed where the argument is shared."""
        if whole is None:
            return None
        if np.ndim(whole) == axes + len(RESULT_AXES[name]) and np.shape(whole)[0] == n != 1:
            return np.concatenate(pieces) if pieces else whole
        return sum(pieces, start=np.zeros_like(whole))

    def all_together(each):
        pieces = zip(*each, strict=True) if each else [()] * len(numbers)
        return Results(*map(together, Results._fields, numbers, pieces))

    assert_within(all_together(parts), numbers, bound, all_together(bounds))


def sizes_of_scores(case, query, key):
    """|scale| query @ keyᵀ for query and key of magnitudes."""
    key = np.repeat(key, case.group, axis=-3) if case.group > 1 else key
    return abs(case.scale_used) * (query @ np.swapaxes(key, -1, -2))


@for_all()
def test_scaling_the_query_up_and_the_scale_down_cancels(case):
    case = case.in_double()
    numbers, (_, bound) = case.run(), formula(case)

    def judged(a, judge, *bounds):
        moved = case.but(query=case.query * a, scale=case.scale_used / a)
        got = moved.run()
        d_scale = None if case.scale is None else got.d_scale / a
        judge(got._replace(d_query=got.d_query * a, d_scale=d_scale), numbers, *bounds)

    judged(4.0, assert_within, Results(*[SMALLEST] * len(numbers)))  # exact, but for subnormal numbers
    rounding = 3 * U * sizes_of_scores(case, abs(case.query), abs(case.key))
    judged(case.rng().uniform(0.3, 3), assert_within, bound, formula(case, scores_error=rounding)[1])


@for_all()
def test_query_and_key_may_be_rotated_together(case):
    case = case.in_double()
    D = case.query.shape[-1]
    turn = np.linalg.qr(case.rng().standard_normal((D, D)))[0]
    numbers, (_, bound) = case.run(), formula(case)
    expected = numbers._replace(d_query=numbers.d_query @ turn, d_key=numbers.d_key @ turn)
    moved = case.but(query=case.query @ turn, key=case.key @ turn)

    # what turning loses: in the products, in the arguments themselves, and what turn lacks of a rotation
    query, key = abs(case.query) @ abs(turn), abs(case.key) @ abs(turn)
    askew = abs(turn @ turn.T - np.eye(D)) + g(D) * abs(turn) @ abs(turn.T)
    lost = 2 * g(D) * sizes_of_scores(case, query, key)
    lost = lost + sizes_of_scores(case, abs(case.query) @ askew, abs(case.key))
    _, moved_bound = formula(moved, scores_error=lost)
    argument = sizes_of_gradients(case, g(D) * query, g(D) * key)
    bound = bound._replace(
        d_query=(bound.d_query + g(D) * abs(numbers.d_query)) @ abs(turn) + argument.d_query,
        d_key=(bound.d_key + g(D) * abs(numbers.d_key)) @ abs(turn) + argument.d_key,
    )
    assert_within(moved.run(), expected, bound, moved_bound)


def sizes_of_gradients(case, query, key):
    """The sums |d_products| @ key and |d_products|ᵀ @ query for query and key of magnitudes."""
    case = case.but(path="attention", how=None)
    options = {name: x for name, x in case.options.items() if name != "scale"}
    _, saved = na.attend_forward(case.forward()[1].scores, case.value, **options)
    d_scores = na.attend_backward(case.d_out, saved, d_weights=case.d_weights, d_lse=case.d_lse).d_scores
    query = np.broadcast_to(query, (*case.shape[:-1], query.shape[-1]))
    _, saved_1 = na.STEPS.score.forward(query, key, abs(case.scale_used))
    sizes = na.STEPS.score.backward(abs(d_scores), saved_1)
    return sizes._replace(d_query=summed_to(sizes.d_query, case.query.shape))


@for_all(having=("grouped heads",))
def test_grouped_heads_are_repeated_heads_with_gradients_summed(case):
    case = case.in_double()
    key, value = (np.repeat(x, case.group, axis=-3) for x in (case.key, case.value))
    repeated = case.but(key=key, value=value)

    G = case.key.shape[-3]

    def grouped(numbers):
        def summed(d):
            return d.reshape(*d.shape[:-3], G, case.group, *d.shape[-2:]).sum(axis=-3)

        return numbers._replace(d_key=summed(numbers.d_key), d_value=summed(numbers.d_value))

    bounds = formula(case)[1], grouped(formula(repeated)[1])
    assert_within(grouped(repeated.run()), case.run(), *bounds)
