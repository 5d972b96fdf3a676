"""Ask the one or two experts that can answer, and fuse what they return.

Each question goes to the experts its router finds likely, the likeliest with most weight; where
the router is not sure enough, a general expert is asked beside them (RouterRetriever, Lee et al.
2025, arXiv 2409.02685, asks exactly one). What they return is fused by rank and weight:

    score(d) = sum over visited experts e that found d:  heard_e / (smoothing + rank of d in e)
    heard_e  = weight_e exp(evidence c_e) / sum over visited experts

c_e is the best cosine of question and passage that e brings. As in the merging of CORI (Callan, Lu
and Croft 1995, doi 10.1145/215206.215328), what an expert brings counts beside how likely it was
before.

Without smoothing the first k places are shared out in proportion, as seats are by the method of
D'Hondt; scores of different experts need not be comparable for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from math import exp, fsum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import SettingsError
from rag_router.retrievers.base import Query, Retriever, Searchable, ranked
from rag_router.retrievers.merging import by_passage, merged
from rag_router.retrievers.naming import built
from rag_router.retrievers.routing import ROUTERS, Router
from rag_router.retrievers.routing.experts import (
    RetrievalExpert,
    experts_of,
    indices_of,
)
from rag_router.types import Hit, RouteChoice

if TYPE_CHECKING:
    from rag_router.retrievers.equipment import Equipment

__all__ = ["RoutedRetriever"]

_ALL: Any = "all"
_FUSED: Any = "fused"
_EDGE = 1e-9
"""Odds are finite: a probability is kept this far from 0 and 1."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RoutedRetriever:
    """Ask only the experts that are likely to hold what answers the question.

    Args:
        k: Most hits for a question, and of each expert.
        router: Who chooses, by name or with options.
        artefact: Folder of what the router learned; whoever assembles loads it.
        experts: Those among whom is chosen; an index that none of them looks in is one by itself.
        member: Who looks in an expert's indexes, by name or with options.
        most: Most experts that a question visits, the general one included; None sets no bound.
        share: An expert is visited where its odds are at least this share of the best one's.
        confidence: Below this probability of the best expert, the general one is asked too.
        general: Name of the expert that is asked where no other is likely; None is nobody.
        evidence: How far the best cosine that an expert brings counts beside its odds, >= 0.
        smoothing: How little the very first ranks matter where several experts are fused.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    router: Router = _ALL
    artefact: Path | None = None
    experts: tuple[RetrievalExpert, ...] = ()
    member: Retriever = _FUSED
    most: Annotated[int, Field(ge=1)] | None = None
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.03
    confidence: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    general: str | None = None
    evidence: Annotated[float, Field(ge=0.0)] = 20.0
    smoothing: Annotated[float, Field(ge=0.0)] = 0.0
    name: str = "routed"

    @field_validator("router", mode="before")
    @classmethod
    def _build_router(cls, given: Any) -> Any:
        if isinstance(given, str):
            return ROUTERS.build(given)
        if isinstance(given, dict) and "name" in given:
            return ROUTERS.build(given["name"], **{k: v for k, v in given.items() if k != "name"})
        return given

    @field_validator("member", mode="before")
    @classmethod
    def _build_member(cls, given: Any) -> Any:
        return built(given)

    @field_validator("experts", mode="after")
    @classmethod
    def _named_once(cls, given: tuple[RetrievalExpert, ...]) -> tuple[RetrievalExpert, ...]:
        names = [expert.name for expert in given]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two experts are called {twice[0]!r}")
        return given

    @property
    def calls(self) -> int:
        return self.member.calls

    @property
    def lacks(self) -> tuple[str, ...]:
        return ()

    def equipped(self, equipment: Equipment) -> RoutedRetriever:
        """Return it with its router and its query adapters loaded.

        Raises:
            ArtefactError: one is broken, or was fitted with another embedder.
            UnavailableError: adapters need a library that is not installed.
        """
        from rag_router.retrievers.routing.loading import loaded

        return self if equipment.embedder is None else loaded(self, equipment.embedder)

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        return self.visit(queries, indices, self.choose(queries, indices))

    def choose(
        self, queries: Sequence[Query], indices: Sequence[Searchable]
    ) -> list[tuple[RouteChoice, ...]]:
        """Return for each query the experts to visit, the likeliest first; weights sum to 1.

        Raises:
            SettingsError: the router has learned nothing of one of the experts, or what it
                learned has not been loaded.
        """
        if self.artefact is not None and self.router.knows is None:
            raise SettingsError(
                f"what the router learned, in {self.artefact}, has not been loaded.",
                hint="Build it with rag_router.assembly.load_retriever.",
            )
        names = [expert.name for expert in experts_of(self.experts, indices)]
        # Nobody needs to learn of an expert that is only asked where no other is likely.
        knows = self.router.knows
        routed = [n for n in names if knows is None or n != self.general or n in knows]
        return self.chosen_among(self.router, queries, routed, names)

    def chosen_among(
        self,
        router: Router,
        queries: Sequence[Query],
        routed: Sequence[str],
        names: Sequence[str] = (),
    ) -> list[tuple[RouteChoice, ...]]:
        """Choose by these settings, with this router, wherever the experts are.

        Args:
            router: Who says how likely each is.
            queries: What is asked.
            routed: Names of the experts it chooses among.
            names: Those, and the general one where the router need not know it.
        """
        p = router.probabilities(queries, routed)
        return [self._choices(row, routed, names or routed) for row in p]

    def visit(
        self,
        queries: Sequence[Query],
        indices: Sequence[Searchable],
        choices: Sequence[Sequence[RouteChoice]],
    ) -> list[list[Hit]]:
        """Return for each query what the chosen experts hold for it."""
        found: list[list[tuple[RouteChoice, Hit]]] = [[] for _ in queries]
        for expert in experts_of(self.experts, indices):
            visits = [
                (row, choice)
                for row, chosen in enumerate(choices)
                for choice in chosen
                if choice.name == expert.name
            ]
            asked = self._asked(expert, [queries[row] for row, _ in visits])
            if not asked:
                continue
            lists = self._member(expert).retrieve(asked, indices_of(expert, indices))
            for (row, choice), hits in zip(visits, lists, strict=True):
                found[row] += [(choice, hit) for hit in hits]
        return [self._fuse(pairs) for pairs in found]

    def searches(self, choices: Sequence[RouteChoice], indices: Sequence[Searchable]) -> int:
        """How many searches it takes to visit these experts."""
        names = {choice.name for choice in choices}
        return sum(
            self._member(expert).calls * len(indices_of(expert, indices))
            for expert in experts_of(self.experts, indices)
            if expert.name in names
        )

    def _choices(
        self, p: NDArray[np.float64], routed: Sequence[str], names: Sequence[str]
    ) -> tuple[RouteChoice, ...]:
        likely = {name: float(one) for name, one in zip(routed, p, strict=True)}
        odds = {name: _odds(one) for name, one in likely.items()}
        order = sorted(odds, key=lambda name: (-odds[name], name))
        chosen = [name for name in order if odds[name] >= self.share * odds[order[0]]][: self.most]
        total = fsum(odds[name] for name in chosen)
        weights = {name: odds[name] / total for name in chosen}
        whys = {name: f"p {likely[name]:.2f}" for name in chosen}
        best = likely[order[0]] if order else 0.0
        unsure = self.general in names and self.general not in chosen and best < self.confidence
        if unsure and self.general is not None:
            if self.most is not None:
                weights = dict(list(weights.items())[: self.most - 1])
            kept = fsum(weights.values())
            # What the best expert is not likely to answer is left to the general one.
            weights = {name: best * one / kept for name, one in weights.items()}
            weights[self.general] = 1 - best if weights else 1.0
            whys[self.general] = (
                f"no expert is likelier than {best:.2f}, and {self.confidence:.2f} is asked for"
            )
        return tuple(RouteChoice(name=n, weight=w, why=whys[n]) for n, w in weights.items())

    def _asked(self, expert: RetrievalExpert, queries: Sequence[Query]) -> Sequence[Query]:
        if expert.encoder is None or not queries:
            return queries
        vectors = expert.encoder.encode_queries([query.text for query in queries])
        return [
            replace(query, vector=vector) for query, vector in zip(queries, vectors, strict=True)
        ]

    def _member(self, expert: RetrievalExpert) -> Retriever:
        """Who looks for an expert, with this retriever's `k` where it has one."""
        member = self.member if expert.retriever is None else expert.retriever
        if is_dataclass(member) and any(field.name == "k" for field in fields(member)):
            deep: Retriever = replace(member, k=self.k)
            return deep
        return member

    def _fuse(self, found: Sequence[tuple[RouteChoice, Hit]]) -> list[Hit]:
        weights = self._heard(found)
        # Of what an expert's own members say, rank and words are kept; it is the expert that found.
        told = [[replace(hit, retriever=choice.name, found_by=())] for choice, hit in found]
        return ranked([self._one(hits, weights) for hits in by_passage(told)], self.k)

    def _heard(self, found: Sequence[tuple[RouteChoice, Hit]]) -> dict[str, float]:
        """Weigh experts by how likely they were, and by the best cosine that each brings."""
        weights = {choice.name: choice.weight for choice, _ in found}
        best: dict[str, float] = {}
        for choice, hit in found:
            if hit.similarity is None:
                return weights
            best[choice.name] = max(hit.similarity, best.get(choice.name, hit.similarity))
        top = max(best.values(), default=0.0)
        heard = {n: weights[n] * exp(self.evidence * (c - top)) for n, c in best.items()}
        # A weight of 0 stays 0; where all are 0 there is nothing to share out.
        total = fsum(heard.values()) or 1.0
        return {name: weight / total for name, weight in heard.items()}

    def _one(self, hits: Sequence[Hit], weights: Mapping[str, float]) -> Hit:
        """Make one hit of all that experts say about one passage."""
        # fsum, because the sum must not depend on the order of the experts.
        score = fsum(weights[hit.retriever] / (self.smoothing + hit.rank) for hit in hits)
        return merged(hits, name=self.name, score=score)


def _odds(p: float) -> float:
    kept = min(max(p, _EDGE), 1 - _EDGE)
    return kept / (1 - kept)
