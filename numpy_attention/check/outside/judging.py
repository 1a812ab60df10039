"""Judge a candidate for one rule: every case, every number, and the mistake that explains wrong ones."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np

from ...functional.base.admission import explained
from ...functional.base.wording import did_you_mean
from ..candidate.frameworks import NumPy, get_framework
from ..candidate.sandbox import run_sandboxed
from ..cases.compare import FAIL, compare_tensor, format_of
from ..pairs.function_rules import FUNCTIONS, Rule
from ..referee.coverage import Coverage
from ..referee.findings import CandidateProblem
from ..referee.report import CandidateReport
from ..rounding.formats import Roundoff, roundoff
from .calling import RuleCall, RuleCandidate, RuleResults, frameworks_of
from .cases import RECIPES, RuleCase, draw_cases, draw_steps
from .expected import call_for, expected_of
from .explaining import explain, plant
from .optimizers import OPTIMIZERS, OptimizerCandidate
from .outcome import JudgedCase, outcome_of, simplest_failure
from .steps import OF_ATTENTION, OTHER_WORDS, elsewhere

JUDGED = (*RECIPES, *OPTIMIZERS)
"""The names of what can be judged besides attention."""


def rule_named(name: str) -> Rule:
    """The rule of a name in JUDGED, in the form in which a candidate is called."""
    own = OPTIMIZERS | OF_ATTENTION
    return own[name] if name in own else next(rule for rule in FUNCTIONS if rule.name == name)


class RuleRun(NamedTuple):
    """What all cases of a run share; `fixed` are arguments of which the candidate leaves no choice.

    `without_lse`: the candidate returns no lse, or takes no cotangent of it.
    """

    candidate: RuleCandidate | OptimizerCandidate
    framework: NumPy
    rounding: Roundoff
    fixed: dict[str, Any]
    seed: int
    timeout: float
    without_lse: bool = False

    def call(self, case: RuleCase) -> RuleCall:
        """The call that a case makes of this candidate."""
        arguments = self.candidate.adapted(case.arguments | self.fixed)
        call = call_for(self.candidate.rule, arguments, self.rounding.storage, self.seed)
        if self.without_lse and call.d_lse is not None:
            call = call._replace(d_lse=np.zeros_like(call.d_lse))
        gradients_of_out = self.candidate.returns_gradients or self.framework.differentiates
        return call if gradients_of_out or call.d_out.ndim else call._replace(d_out=np.ones(()))


@explained
def check_rule(
    function: Any, rule: str, *, names: Mapping[str, str] | None = None, dtype: str = "float32",
    arithmetic: str | None = None, framework: str | None = None, device: str | None = None, seed: int = 0,
    timeout: float = 60.0, name: str | None = None,
) -> CandidateReport:  # fmt: skip
    """Judge somebody else's softmax, layer norm, loss, optimizer, …: every number under a derived bound.

    The truth is this package's pair in float64. The bound is that of the textbook formula, each operation
    with its own rounding, carried through the formula and its derivative.

    Parameters
    ----------
    function : a function of the rule's arguments, differentiated by PyTorch or JAX; or one that also takes
        d_out and returns (out, gradients); or a pair (forward, backward) in this package's form. For an
        optimizer, step(params, grads, state, **options) -> (params, state), a torch.optim.Optimizer class,
        or (init, update) as optax has them. A NumPy function without gradients is judged on its output.
    rule : "softmax", "layer_norm", "attend", "sparsemax", "adam", …; an unknown one is refused with all
        names, and attention itself with where it is judged.
    names : {the candidate's parameter: the rule's argument}, where the names are not common ones.
    dtype, arithmetic : of inputs and results, and of the computation, as in `check_candidate`.
    framework, device : of its arrays; found by trial calls if None.
    seed, timeout : of all random numbers; seconds for one call.
    name : in the report.

    Raises
    ------
    TypeError, ValueError
        For an unknown rule, and a candidate that cannot be called: the message says how to write it.

    Examples
    --------
    >>> from numpy_attention import softmax_forward, softmax_backward
    >>> check_rule((softmax_forward, softmax_backward), "softmax").ok
    True
    >>> report = check_rule((softmax_forward, lambda d_out, saved: saved.weights * d_out), "softmax")
    >>> report.outcome, report.worst["out"].ok, report.worst["d_x"].ok
    ('FAIL', True, False)
    """
    start = time.monotonic()
    rule = OTHER_WORDS.get(str(rule), rule)
    rule = next((known for known in JUDGED if known.replace(" ", "_") == rule), rule)
    if rule not in JUDGED:
        for other, sentence in elsewhere().items():
            if str(rule) in (other, other.replace(" ", "_")):
                raise ValueError(sentence)
        near = did_you_mean(str(rule), JUDGED)
        raise ValueError(f"rule is {rule!r}{near}; one of {', '.join(JUDGED)} is expected")
    optimizer, halves = rule in OPTIMIZERS, ("float16", "bfloat16")
    if optimizer and dtype in halves:
        arithmetic = arithmetic or dtype  # moments are kept in the parameters' dtype, as PyTorch does
    candidate = (OptimizerCandidate if optimizer else RuleCandidate)(function, rule_named(rule), names or {})
    own = name or str(getattr(candidate.function, "__name__", type(candidate.function).__name__))
    tried = (framework,) if framework else frameworks_of(candidate.function, dtype)
    run, notes, failure = _first_call(candidate, tried, device, roundoff(dtype, arithmetic), seed, timeout)
    report = _refused(run, failure) if failure else _judge(run, notes)
    return report._replace(name=own, seconds=time.monotonic() - start)


def _cases(run: RuleRun) -> list[RuleCase]:
    name, kept = run.candidate.rule.name, run.rounding.storage
    return (draw_steps if name in OPTIMIZERS else draw_cases)(name, kept, run.seed)


def _setting(run: RuleRun) -> dict[str, Any]:
    return dict(framework=run.framework.name, dtype=run.rounding.storage.name, seed=run.seed,
                arithmetic=run.rounding.name, profile=f"as {run.candidate.rule.name}")  # fmt: skip


def _refused(run: RuleRun, failure: str) -> CandidateReport:
    """The report on a candidate that does not take the plain case."""
    problem = CandidateProblem(f"the plain case {_cases(run)[0].name}", failure)
    return CandidateReport("", _setting(run), FAIL, failure, problems=(problem,))


def _judge(run: RuleRun, notes: tuple[str, ...]) -> CandidateReport:
    candidate, rule = run.candidate, run.candidate.rule
    defaults = {p.name: p.default for p in candidate.wanted if p.default not in (p.empty, None)}
    left_out = {
        n: f"not taken, {defaults[n]!r} assumed" if n in defaults else "not taken"
        for n in candidate.parameters.absent
    }
    judged: list[JudgedCase] = []
    declined: dict[str, tuple[str, ...]] = {}
    for case in _cases(run):
        if candidate.supported(case.needs) or {*case.needs} & {*run.fixed}:
            continue
        result = _judge_case(run, rule, case)
        if result.declined:
            declined[result.declined] = (*declined.get(result.declined, ()), case.name)
        else:
            judged.append(result)
    verdicts = tuple(verdict for case in judged for verdict in case.verdicts)
    tensors = {verdict.tensor for verdict in verdicts}
    if rule.name not in OPTIMIZERS and not tensors - {"out", "lse"}:
        left_out["gradients"] = "none returned"
    if judged and judged[0].call.d_lse is not None and "lse" not in tensors:
        left_out["lse"] = "none returned"
    control = plant(rule, judged, run.rounding)
    own = run.framework.dtype(run.rounding.storage)
    dtypes = {
        n: x.dtype for case in judged for n, x in case.tensors.items() if x.dtype != own and x.numbers.ndim
    }
    outcome, reason = outcome_of(judged, control, dtypes)
    draw = "draw_steps" if rule.name in OPTIMIZERS else "draw_cases"
    return CandidateReport(
        "", _setting(run) | {"cases": len(judged)}, outcome, reason, verdicts=verdicts,
        problems=tuple(CandidateProblem(c.case.name, p) for c in judged for p in c.problems),
        left_out=left_out, control=control, notes=notes, diagnosis=explain(rule, judged), dtypes=dtypes,
        coverage=Coverage(declined=declined),
        simplest=cast(Any, simplest_failure(rule.name, draw, run.seed, judged)),
    )  # fmt: skip


def _first_call(
    candidate: Any, names: tuple[str, ...], device: str | None, rounding: Roundoff, seed: int, timeout: float
) -> tuple[RuleRun, tuple[str, ...], str]:
    """The run in the first framework that takes the plain case, notes, and "" or the first failure."""
    failures, queue, tried = [], [*names], set()
    while queue:
        tried.add(name := queue.pop(0))
        framework, notes = get_framework(name, device), []
        if (dtype := framework.dtype(rounding.storage)) != rounding.storage.name and name == "jax":
            rounding = roundoff(dtype)
            notes.append("jax without x64 turns float64 into float32 (set JAX_ENABLE_X64=1)")
        run = RuleRun(candidate, framework, rounding, {}, seed, timeout)
        plain = _cases(run)[0]
        result = run_sandboxed(partial(candidate.call, run.call(plain), framework), timeout)
        if result.failure:
            failures.append((run, (), result.failure))
            continue
        returned = result.value.framework
        if returned in ("torch", "jax") and returned not in tried:
            queue.insert(0, returned)
            continue
        fixed = _reduction(run, plain, result.value)
        notes += [f"{argument}={value!r}, by its result" for argument, value in fixed.items()]
        without_lse = "lse" not in result.value.tensors or not candidate.uses_d_lse
        return run._replace(fixed=fixed, without_lse=without_lse), tuple(notes), ""
    return failures[0]


def _reduction(run: RuleRun, case: RuleCase, results: RuleResults) -> dict[str, str]:
    """The reduction of a loss that has no such parameter: none by its shape, else the nearest number."""
    if "reduction" not in run.candidate.parameters.absent:
        return {}
    out, arguments = results.tensors["out"].numbers, run.candidate.adapted(case.arguments)
    if out.ndim:
        return {"reduction": "none"}
    numbers = {
        how: run.candidate.rule.forward(**arguments | {"reduction": how})[0] for how in ("mean", "sum")
    }
    return {"reduction": min(numbers, key=lambda how: abs(float(numbers[how]) - float(out)))}


def _judge_case(run: RuleRun, rule: Rule, case: RuleCase) -> JudgedCase:
    """The verdicts on one case; exceptions are declined where the case is optional or has an option."""
    call = run.call(case)
    expected = expected_of(rule, call, run.rounding)
    result = run_sandboxed(partial(run.candidate.call, call, run.framework), run.timeout)
    judged = JudgedCase(case, call, expected, {})
    if result.failure:
        refused = isinstance(result.error, NotImplementedError) or case.optional or case.needs
        if refused and not result.hung:
            return judged._replace(declined=result.failure)
        return judged._replace(problems=(result.failure,))
    tensors = {name: x for name, x in result.value.tensors.items() if name in expected.values}
    verdicts = []
    for name in tensors:
        kept = format_of(tensors[name].dtype, call.kept)
        bound = expected.allowed(name, kept)
        numbers, right = tensors[name].numbers, expected.values[name]
        verdicts.append(compare_tensor(case.name, name, numbers, right, bound, kept))
    problems = [f"changes its argument {name}" for name in result.value.changed]
    gradients = [f"d_{name}" for name in call.leaves if name in run.candidate.parameters.names]
    if call.d_out.size and any(name in tensors for name in gradients):
        problems += [f"returns no gradient for {name[2:]}" for name in gradients if name not in tensors]
    verdicts.sort(key=lambda verdict: [*expected.values].index(verdict.tensor))
    return judged._replace(tensors=tensors, verdicts=tuple(verdicts), problems=tuple(problems))
