"""What routers share that learn of each expert by itself.

Every expert has parameters and a curve of its own, learned from its questions against all others
(one against the rest). A score looks better on the questions it was learned from than on others,
so the curve is fitted to cross-fitted scores (Platt 1999, "Probabilistic outputs for support vector
machines", section 2.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact
from rag_router.calibration import Platt
from rag_router.component import STRICT
from rag_router.errors import DataError, SettingsError, UnknownNameError
from rag_router.retrievers.base import Query
from rag_router.retrievers.routing.lesson import RouteLesson
from rag_router.retrievers.routing.logistic import balanced_curve
from rag_router.retrievers.routing.seen import as_kept, as_read

__all__ = ["LearnedRouter", "Taught", "folds_of"]

FOLDS: Final = 5

_SEEN, _SCALES, _CURVE = "seen", "scales", "curve"


@plain_dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """Questions of one expert, and all others.

    Attributes:
        own: Embeddings of the expert's questions, shape (n, dimension).
        fields: From which field each of them is, n of them.
        others: Embeddings of all other experts' questions, by expert.
    """

    own: NDArray[np.float64]
    fields: tuple[str, ...]
    others: Mapping[str, NDArray[np.float64]]

    def all_others(self) -> NDArray[np.float64]:
        """Embeddings of all others, one expert after the other, shape (m, dimension)."""
        return np.concatenate([self.others[name] for name in sorted(self.others)])

    def weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How much own and other questions count: half each, every other expert the same."""
        other = np.concatenate(
            [np.full(len(self.others[n]), 1 / len(self.others[n])) for n in sorted(self.others)]
        )
        return np.full(len(self.own), 1 / len(self.own)), other / other.sum()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LearnedRouter:
    """A learned score and a curve for each expert. Subclasses say what is learned.

    Args:
        fewest: Labelled questions that an expert needs, >= 10.
        kept: Most labelled questions to learn from and keep, of each expert.
        arrays: What was learned; empty until fitted.
    """

    fewest: Annotated[int, Field(ge=10)] = 10
    kept: Annotated[int, Field(ge=10, le=20_000)] = 1_000
    arrays: Arrays = Arrays()

    options_kept: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that change what is read or learned; an artefact brings them back."""

    reads_outcomes: ClassVar[bool] = False
    """Whether it learns from who found what, and not from whose field a question is."""

    def labels(self, lesson: RouteLesson) -> tuple[str | None, ...]:
        """Name the expert that each question speaks for; None for none."""
        return lesson.best() if self.reads_outcomes else lesson.fields

    def taught(self, lesson: Taught) -> Mapping[str, NDArray[Any]]:
        """Learn what tells an expert's questions from all others; return its arrays."""
        raise NotImplementedError

    def score(
        self, learned: Mapping[str, NDArray[Any]], vectors: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Score questions by what was learned of one expert, shape (questions,)."""
        raise NotImplementedError

    def chosen(self, lesson: Taught, seed: int) -> Self:
        """Return this router as it learns best of one expert; options may be chosen here."""
        del lesson, seed
        return self

    @property
    def knows(self) -> tuple[str, ...]:
        return tuple(sorted({name.partition("/")[0] for name in self.arrays}))

    def probabilities(
        self, queries: Sequence[Query], experts: Sequence[str]
    ) -> NDArray[np.float64]:
        if not queries or not experts:
            return np.zeros((len(queries), len(experts)))
        vectors = np.stack([query.vector for query in queries]).astype(np.float64)
        return np.stack([self._probability(name, vectors) for name in experts], axis=1)

    def fit(self, lesson: RouteLesson) -> Self:
        """Return this router with what it learns of all experts of a lesson.

        Raises:
            DataError: there are fewer than two experts, an expert has too few labelled questions,
                or an embedding is not finite.
        """
        by_expert = self._by_expert(lesson)
        arrays: dict[str, NDArray[Any]] = {}
        for name, (vectors, fields) in by_expert.items():
            others = {other: rows for other, (rows, _) in by_expert.items() if other != name}
            arrays |= self._learned(name, Taught(vectors, fields, others), lesson.seed)
        return replace(self, arrays=Arrays(arrays))

    def added(self, name: str, lesson: RouteLesson) -> Self:
        """Return this router with one more expert; what was learned of the others stays.

        Args:
            name: The new expert.
            lesson: Its questions; those that speak for others are left out.

        Raises:
            SettingsError: the expert is known already, or nothing has been fitted yet.
            DataError: it has too few labelled questions.
        """
        if not self.arrays:
            raise SettingsError(
                f"there are no experts that {name!r} could be added to.",
                hint="Fit all of them first: rag-router route fit.",
            )
        if name in self.knows:
            raise SettingsError(
                f"an expert named {name!r} is known already.",
                hint="Remove it first, or give the new one another name.",
            )
        vectors, fields = self._by_expert(lesson, only=name)[name]
        others = {other: as_read(*self._kept_of(other)) for other in self.knows}
        learned = self._learned(name, Taught(vectors, fields, others), lesson.seed)
        return replace(self, arrays=Arrays({**self.arrays, **learned}))

    def without(self, name: str) -> Self:
        """Return this router with one expert less; what was learned of the others stays.

        Raises:
            UnknownNameError: it knows no such expert.
        """
        if name not in self.knows:
            raise UnknownNameError("expert", name, self.knows)
        rest = {key: array for key, array in self.arrays.items() if key.partition("/")[0] != name}
        return replace(self, arrays=Arrays(rest))

    @property
    def learned(self) -> dict[str, NDArray[Any]]:
        return dict(self.arrays)

    @property
    def options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.options_kept}

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this router as it was fitted."""
        kept = {name: artefact.card.notes[name] for name in self.options_kept}
        return replace(self, **kept, arrays=Arrays(artefact.weights))

    def _probability(self, name: str, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        learned = self._of(name)
        if not learned:
            known = ", ".join(self.knows) or "none"
            raise SettingsError(
                f"the router has learned nothing of the expert {name!r}; it knows {known}.",
                hint="Fit it (rag-router route fit), add the expert (rag-router route add), or "
                "leave that index out.",
            )
        slope, intercept = (float(value) for value in learned[_CURVE])
        return Platt((slope,), intercept)(self.score(learned, vectors))

    def _of(self, name: str) -> dict[str, NDArray[Any]]:
        begin = f"{name}/"
        return {k.removeprefix(begin): v for k, v in self.arrays.items() if k.startswith(begin)}

    def _kept_of(self, name: str) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        learned = self._of(name)
        return learned[_SEEN], learned[_SCALES]

    def _learned(self, name: str, lesson: Taught, seed: int) -> dict[str, NDArray[Any]]:
        router = self.chosen(lesson, seed)
        own, others = [], []
        for rest, test in folds_of(lesson, seed):
            learned = router.taught(rest)
            own.append(router.score(learned, test.own))
            others.append(router.score(learned, test.all_others()))
        curve = balanced_curve(np.concatenate(own), np.concatenate(others))
        seen, scales = as_kept(lesson.own.astype(np.float32))
        arrays = {
            **router.taught(lesson),
            _SEEN: seen,
            _SCALES: scales,
            _CURVE: np.array([*curve.slopes, curve.intercept]),
        }
        return {f"{name}/{part}": array for part, array in arrays.items()}

    def _by_expert(
        self, lesson: RouteLesson, *, only: str | None = None
    ) -> dict[str, tuple[NDArray[np.float64], tuple[str, ...]]]:
        """Sort questions by the expert they speak for; keep as many as are kept."""
        if not np.isfinite(lesson.vectors).all():
            raise DataError("an embedding of a question is not finite.")
        labels = self.labels(lesson)
        names = {label for label in labels if label is not None} if only is None else {only}
        if only is None and len(names) < 2:
            raise DataError(
                f"a router chooses among two experts or more; saw questions of "
                f"{', '.join(sorted(names)) or 'none'}.",
                hint="Give questions of each: --data law=FILE --data news=FILE.",
            )
        random = np.random.default_rng(lesson.seed)
        found = {}
        for name in sorted(names):
            rows = np.array([row for row, label in enumerate(labels) if label == name], dtype=int)
            if len(rows) < self.fewest:
                said = " that it is the best expert for" if self.reads_outcomes else ""
                raise DataError(
                    f"the expert {name!r} has {len(rows)} labelled questions{said}, and "
                    f"{self.fewest} are needed.",
                    hint="Give more questions of its field, or leave the expert out.",
                )
            if len(rows) > self.kept:
                rows = np.sort(random.permutation(rows)[: self.kept])
            # What is learned from is what is kept, so that an expert that is added later learns
            # the same as if it had been there.
            vectors = as_read(*as_kept(lesson.vectors[rows]))
            found[name] = (vectors, tuple(lesson.fields[row] for row in rows))
        return found


def folds_of(lesson: Taught, seed: int, folds: int = FOLDS) -> Iterator[tuple[Taught, Taught]]:
    """Yield what to learn from and what to judge, each question judged once."""
    own = _fold(len(lesson.own), seed, folds)
    others = {name: _fold(len(rows), seed, folds) for name, rows in lesson.others.items()}
    for number in range(folds):
        yield tuple(  # type: ignore[misc]  # mypy cannot count what a generator makes
            Taught(
                lesson.own[(own == number) == judged],
                tuple(
                    field
                    for field, fold in zip(lesson.fields, own, strict=True)
                    if (fold == number) == judged
                ),
                {
                    name: rows[(others[name] == number) == judged]
                    for name, rows in lesson.others.items()
                },
            )
            for judged in (False, True)
        )


def _fold(count: int, seed: int, folds: int) -> NDArray[np.int64]:
    fold = np.empty(count, dtype=np.int64)
    fold[np.random.default_rng(seed).permutation(count)] = np.arange(count) % folds
    return fold
