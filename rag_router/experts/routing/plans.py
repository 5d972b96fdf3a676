"""Which expert for which category, where not all experts can be paid for.

Composition of Experts (SambaNova 2024, arXiv 2412.01868), second step. With shares p_c of the
categories, accuracies w_cm, sizes s_m and prices r_m:

    maximise    sum_c p_c sum_m w_cm x_cm
    subject to  sum_m x_cm = 1  for all c,    x_cm <= y_m,    x, y binary
                sum_m s_m y_m <= memory                       (what must be kept in memory)
                sum_c p_c sum_m r_m x_cm <= spending          (the mean price of a question)

The paper has the first budget. Both solvers are exact: `plan_by_enumeration` looks at every set of
experts, `plan_by_program` hands the mixed-integer program to HiGHS (scipy).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import SettingsError, UnavailableError

__all__ = ["Plan", "Task", "plan", "plan_by_enumeration", "plan_by_program"]

_FEW: Final = 20_000
"""Maps from category to expert that are looked at one by one before a solver is asked."""

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """What is to be planned, for `categories` categories and `experts` experts.

    Attributes:
        shares: How frequent each category is, sum 1, shape (categories,).
        accuracy: Of each expert on each category, in [0, 1], shape (categories, experts).
        sizes: What each expert takes of the memory, >= 0, shape (experts,).
        prices: What a question to it costs, >= 0, shape (experts,).
        memory: Most that all chosen experts may take together; None is no limit.
        spending: Most that a question may cost on average; None is no limit.
    """

    shares: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    sizes: NDArray[np.float64]
    prices: NDArray[np.float64]
    memory: float | None = None
    spending: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """An expert for every category.

    Attributes:
        experts: Number of the expert of each category.
        accuracy: That is to be expected, in [0, 1].
    """

    experts: tuple[int, ...]
    accuracy: float


def plan(task: Task) -> Plan:
    """Find the best plan, whichever way is quicker.

    Raises:
        SettingsError: no expert fits into the budgets.
        UnavailableError: there are too many plans to look at, and scipy is not installed.
    """
    categories, experts = task.accuracy.shape
    ways = 2**experts if task.spending is None else experts**categories * 2**experts
    return plan_by_enumeration(task) if ways <= _FEW else plan_by_program(task)


def plan_by_enumeration(task: Task) -> Plan:
    """Find the best plan by looking at every set of experts that fits into the memory.

    Raises:
        SettingsError: no plan keeps within the budgets.
    """
    best: Plan | None = None
    for chosen in _affordable_sets(task):
        for experts in _maps(task, chosen):
            found = Plan(experts, _value(task, experts))
            within = task.spending is None or _price(task, experts) <= task.spending + _ROUNDING
            if within and (best is None or found.accuracy > best.accuracy + _ROUNDING):
                best = found
    if best is None:
        raise _nobody(task)
    return best


def plan_by_program(task: Task) -> Plan:
    """Find the best plan as a mixed-integer linear program.

    Raises:
        SettingsError: no plan keeps within the budgets.
        UnavailableError: scipy is not installed.
    """
    try:
        from scipy.optimize import Bounds, LinearConstraint, milp
    except ImportError as exc:
        raise UnavailableError(
            "a plan for so many experts and categories needs scipy, which is not installed.",
            hint="Install it: pip install 'rag-router[eval]'; or let fewer experts compete.",
        ) from exc
    categories, experts = task.accuracy.shape
    gain = (task.shares[:, None] * task.accuracy).ravel()
    limits: list[Any] = []
    one_each = np.zeros((categories, categories * experts + experts))
    uses = np.zeros((categories * experts, categories * experts + experts))
    for category, expert in product(range(categories), range(experts)):
        place = category * experts + expert
        one_each[category, place] = 1.0
        uses[place, place], uses[place, categories * experts + expert] = 1.0, -1.0
    limits.append(LinearConstraint(one_each, 1.0, 1.0))
    limits.append(LinearConstraint(uses, -np.inf, 0.0))
    if task.memory is not None:
        taken = np.append(np.zeros(categories * experts), task.sizes)
        limits.append(LinearConstraint(taken[None], -np.inf, task.memory))
    if task.spending is not None:
        spent = (task.shares[:, None] * task.prices).ravel()
        row = np.append(spent, np.zeros(experts))
        limits.append(LinearConstraint(row[None], -np.inf, task.spending))
    solved = milp(
        np.append(-gain, np.zeros(experts)),
        constraints=limits,
        integrality=np.ones(len(gain) + experts),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    if solved.x is None:
        raise _nobody(task)
    chosen = solved.x[: categories * experts].reshape(categories, experts).argmax(axis=1)
    found = tuple(int(expert) for expert in chosen)
    return Plan(found, _value(task, found))


def _affordable_sets(task: Task) -> Iterator[tuple[int, ...]]:
    """Every set of experts that fits into the memory, the small ones first."""
    experts = range(task.accuracy.shape[1])
    for size in range(1, len(experts) + 1):
        for chosen in combinations(experts, size):
            taken = float(task.sizes[list(chosen)].sum())
            if task.memory is None or taken <= task.memory + _ROUNDING:
                yield chosen


def _maps(task: Task, chosen: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The maps from category to one of these experts that may be the best."""
    if task.spending is None:
        best = task.accuracy[:, list(chosen)].argmax(axis=1)
        yield tuple(chosen[place] for place in best)
    else:
        yield from product(chosen, repeat=len(task.accuracy))


def _value(task: Task, experts: tuple[int, ...]) -> float:
    return float(task.shares @ task.accuracy[np.arange(len(experts)), list(experts)])


def _price(task: Task, experts: tuple[int, ...]) -> float:
    return float(task.shares @ task.prices[list(experts)])


def _nobody(task: Task) -> SettingsError:
    return SettingsError(
        f"no expert fits into the budgets: memory {task.memory}, spending {task.spending}.",
        hint=f"The smallest expert takes {task.sizes.min():g} and the cheapest costs "
        f"{task.prices.min():g}; raise the budgets to at least these.",
    )
