"""Routing among six fields: is the right index asked, and what does that bring?

    python -m benchmarks.routing --data FOLDER [--limit 150] [--adapter tatqa]

Each of six corpora (aeronautics, computer science, library science, finance, biomedicine and
Wikipedia) is an index and an expert. Routers learn from one half of the questions, by hash of their
ids, and are judged on the other: whether the right expert came first, and nDCG@10 against one index
of all passages and against an oracle that knows the field. Then a seventh field that no router has
seen is added, and each of the six is taken out and added again. Last, a query adapter is trained.

What experts find is kept while the benchmark runs, so that many routers cost no more than one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.record import RESULTS, record
from benchmarks.routing_corpora import FIELDS, NEW, Pool, index_fields, read_new, read_six
from rag_router.artefacts import fingerprint_of
from rag_router.assembly import load_embedder, open_indexes
from rag_router.cli.options import fetch_announced
from rag_router.eval.datasets import is_held_out, sample
from rag_router.eval.expert_training import fit_adapter
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.eval.retrieval import RetrievalRun, measure_retrieval, retrieval_summary
from rag_router.eval.route_fields import RouteField
from rag_router.eval.route_fitting import embedded
from rag_router.eval.route_outcomes import outcomes
from rag_router.models.base import Embedder
from rag_router.retrievers import RETRIEVERS, Query, Retriever
from rag_router.retrievers.routed import RoutedRetriever
from rag_router.retrievers.routing import ROUTERS
from rag_router.retrievers.routing.learned import LearnedRouter
from rag_router.retrievers.routing.lesson import RouteLesson
from rag_router.retrievers.routing.oracle import OracleRouter
from rag_router.settings import Settings
from rag_router.types import Hit, Question

_K = 50
"""Passages of an expert that are kept; ten documents are judged."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A retriever that searches an index for a question once.

    Args:
        member: Who searches; at most `_K` hits are asked of it.
        k: Most hits.
    """

    member: Retriever
    k: int = 8
    found: dict[tuple[str, str], list[Hit]] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return self.member.name

    @property
    def calls(self) -> int:
        return self.member.calls

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Any]) -> list[list[Hit]]:
        """Return what was found before, and find what was not."""
        places = "\0".join(index.name for index in indices)
        unknown = [query for query in queries if (places, query.text) not in self.found]
        fresh = self.member.retrieve(unknown, indices)
        self.found.update(
            {(places, query.text): hits for query, hits in zip(unknown, fresh, strict=True)}
        )
        return [self.found[places, query.text][: self.k] for query in queries]


@dataclass(frozen=True)
class Remembering:
    """An embedder that embeds a question once.

    Args:
        embedder: Who embeds.
    """

    embedder: Embedder
    known: dict[str, NDArray[np.float32]] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return self.embedder.name

    @property
    def fingerprint(self) -> str:
        return self.embedder.fingerprint

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed what is not known, and return all."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self.known]
        self.known.update(zip(fresh, self.embedder.encode_queries(fresh), strict=True))
        return np.stack([self.known[text] for text in texts])


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--limit", default=150, show_default=True, help="Most held-out questions of a field.")
@click.option(
    "--train", default=150, show_default=True, help="Most questions of a field that all search for."
)
@click.option("--adapter", "adapters", multiple=True, default=("tatqa",), show_default=True)
@click.option("--part", type=click.Choice(["all", "routing", "adapters"]), default="all")
def main(data: Path, limit: int, train: int, adapters: tuple[str, ...], part: str) -> None:
    """Measure, print and record; a part that is not measured stays as the newest result has it."""
    settings = Settings()
    index_fields(data, settings.home)
    embedder = load_embedder(settings, fetch=fetch_announced)
    settings = settings.model_copy(update={"indexes": (*FIELDS, NEW)})
    opened = open_indexes(settings, embedder)
    six, new = read_six(data), read_new(data)
    newest = sorted(RESULTS.glob("????-??-??-routing.json"))[-1:]
    figures: dict[str, Any] = {
        key: value
        for path in newest
        for key, value in json.loads(path.read_text(encoding="utf-8"))["figures"].items()
    }
    figures["fields"] = {
        name: {"passages": len(index), "questions": len(one.queries)}
        for (name, index), one in zip(opened.items(), (*six, new), strict=True)
    }
    if part != "adapters":
        keeping = Remembering(embedder)
        figures |= _routing(opened, six, new, keeping, limit=limit, train=train)
    figures.setdefault("adapters", {})
    for name in adapters if part != "routing" else ():
        one = next(one for one in six if one.expert == name)
        begin = time.perf_counter()
        artefact = fit_adapter(name, embedder, opened[name], one.queries, one.qrels)
        figures["adapters"][name] = {
            **artefact.card.metrics,
            "learned_from": artefact.card.notes["learned_from"],
            "held_out": artefact.card.notes["held_out"],
            "epoch": artefact.card.notes["epoch"],
            "reciprocal_ranks": artefact.card.notes["reciprocal_ranks"],
            "minutes": round((time.perf_counter() - begin) / 60, 2),
        }
        print(name, figures["adapters"][name], flush=True)
    texts = [text for one in (*six, new) for text in one.queries.values()]
    record(
        "routing",
        figures,
        data_hash=fingerprint_of(*texts),
        models={embedder.name: embedder.fingerprint},
        limit=limit,
        train=train,
        load=round(os.getloadavg()[0], 1),
    )


def _routing(
    opened: Mapping[str, Any],
    six: Sequence[RouteField],
    new: RouteField,
    embedder: Any,
    *,
    limit: int,
    train: int,
) -> dict[str, Any]:
    learned = {one.expert: _half(one, held_out=False) for one in (*six, new)}
    asked = {one.expert: _some(_half(one, held_out=True), limit) for one in (*six, new)}
    places = [opened[name] for name in FIELDS]
    member = Kept(member=RETRIEVERS.build("fused", k=_K))
    routed = RoutedRetriever(member=member, k=10)
    vectors = embedded(list(learned.values()), embedder)
    lesson = _lesson([learned[name] for name in FIELDS], vectors)
    # Outcomes are dear: every expert searches for every question.
    some = [_some(learned[name], train) for name in FIELDS]
    queries = {k: q for k, q in vectors.items() if k in _keys(some)}
    found = outcomes(routed, places, queries, _qrels(some), on_progress=_say)
    searched = replace(_lesson(some, vectors), found=found)
    routers: dict[str, LearnedRouter] = {}
    fitting: dict[str, float] = {}
    for name in (
        "combined",
        "linear",
        "outcome",
        "neighbours",
        "pilots",
        "pilots_released",
    ):
        begin = time.perf_counter()
        built = ROUTERS.build(name)
        assert isinstance(built, LearnedRouter)
        if name == "pilots_released":
            built = replace(built, pilots=8)  # type: ignore[call-arg]  # pilots are its option
        routers[name] = built.fit(searched if built.reads_outcomes else lesson)
        fitting[name] = round(time.perf_counter() - begin, 2)
        print("fitted", name, fitting[name], "s", flush=True)
    right = {text: (name,) for name, one in asked.items() for text in one.queries.values()}
    rows: dict[str, Retriever] = {
        f"routed/{name}": replace(routed, router=router) for name, router in routers.items()
    }
    rows["routed/all"] = routed
    rows["routed/oracle"] = replace(routed, router=OracleRouter(right=right))
    rows["merged/dense"] = RETRIEVERS.build("dense", k=_K)
    run = _measure(rows, places, embedder, [asked[name] for name in FIELDS])
    pool = Pool(places)
    pooled = _measure(
        {f"pool/{name}": RETRIEVERS.build(name, k=_K) for name in ("sparse", "dense", "fused")},
        [pool],
        embedder,
        [asked[name] for name in FIELDS],
    )
    summary = retrieval_summary(run)["retrievers"] | retrieval_summary(pooled)["retrievers"]
    out: dict[str, Any] = {
        "n": len(run.queries),
        "retrievers": summary,
        "fit_s": fitting,
        "against": _against(run, pooled),
        "shares": _shares(routed, routers["combined"], places, embedder, asked),
    }
    for name, row in summary.items():
        print(name, {k: v for k, v in row.items() if "by_field" not in k}, flush=True)
    out["added"] = _added(routed, routers, opened, asked, learned, vectors, embedder)
    out["left_out"] = _left_out(routed, places, asked, learned, vectors, embedder)
    return out


def _against(run: RetrievalRun, pooled: RetrievalRun) -> dict[str, Any]:
    """Compare the routed rows with the best pool and the oracle, question by question."""
    ndcg = {name: one.by_query(name)["ndcg@10"] for one in (run, pooled) for name in one.found}
    over = {name: _over_fields(values, run.fields) for name, values in ndcg.items()}
    best = max((name for name in over if name.startswith("pool/")), key=lambda name: over[name])
    rows: dict[str, Any] = {"best_pool": best}
    for name in run.choices:
        gaps = [ndcg[name][query] - ndcg[best][query] for query in ndcg[best]]
        ends = Bootstrap().mean(gaps)
        rows[name] = {
            "minus_best_pool": round(over[name] - over[best], 4),
            "minus_best_pool_by_question": [round(v, 4) for v in (ends.value, ends.low, ends.high)],
            "of_oracle": round(over[name] / over["routed/oracle"], 4),
        }
    return rows


def _shares(
    routed: RoutedRetriever,
    router: LearnedRouter,
    places: Sequence[Any],
    embedder: Any,
    asked: Mapping[str, RouteField],
) -> dict[str, Any]:
    """Visit more experts or fewer: what does that bring?"""
    rows: dict[str, Retriever] = {
        str(share): replace(routed, router=router, share=share)
        for share in (1.0, 0.2, 0.1, 0.05, 0.03, 0.01)
    }
    run = _measure(rows, places, embedder, [asked[name] for name in FIELDS])
    keep = ("ndcg@10_over_fields", "right_visited", "visited")
    return {
        name: {key: row[key] for key in keep}
        for name, row in retrieval_summary(run)["retrievers"].items()
    }


def _added(
    routed: RoutedRetriever,
    routers: Mapping[str, LearnedRouter],
    opened: Mapping[str, Any],
    asked: Mapping[str, RouteField],
    learned: Mapping[str, RouteField],
    vectors: Mapping[str, Query],
    embedder: Any,
) -> dict[str, Any]:
    """Add the seventh field, and see whether anything changed for the six."""
    six, seven = [opened[name] for name in FIELDS], list(opened.values())
    lesson = _lesson([learned[NEW]], vectors)
    out = {}
    for name in ("combined", "neighbours", "pilots"):
        more = routers[name].added(NEW, lesson)
        before = _measure(
            {"six": replace(routed, router=routers[name])},
            six,
            embedder,
            [asked[field] for field in FIELDS],
        )
        after = _measure(
            {"seven": replace(routed, router=more)}, seven, embedder, list(asked.values())
        )
        out[name] = _change(routers[name], more, before, after, NEW)
        # What the router makes of the new field before it has learned of it.
        strange = replace(routed, router=routers[name]).choose(
            [vectors[key] for key in vectors if key.startswith(f"{NEW}/")][:200], six
        )
        likely = routers[name].probabilities(
            [vectors[key] for key in vectors if key.startswith(f"{NEW}/")][:200], list(FIELDS)
        )
        out[name]["unseen_below_confidence"] = round(float((likely.max(axis=1) < 0.5).mean()), 4)
        out[name]["unseen_visited"] = round(float(np.mean([len(c) for c in strange])), 4)
        print("added", name, out[name], flush=True)
    return out


def _left_out(
    routed: RoutedRetriever,
    places: Sequence[Any],
    asked: Mapping[str, RouteField],
    learned: Mapping[str, RouteField],
    vectors: Mapping[str, Query],
    embedder: Any,
) -> dict[str, Any]:
    """Take each field out, fit the others, and add it again."""
    out = {}
    for name in FIELDS:
        rest = [field for field in FIELDS if field != name]
        fewer = ROUTERS.build("neighbours")
        assert isinstance(fewer, LearnedRouter)
        fewer = fewer.fit(_lesson([learned[field] for field in rest], vectors))
        more = fewer.added(name, _lesson([learned[name]], vectors))
        before = _measure(
            {"fewer": replace(routed, router=fewer)},
            [place for place in places if place.name != name],
            embedder,
            [asked[field] for field in rest],
        )
        after = _measure(
            {"more": replace(routed, router=more)},
            places,
            embedder,
            [asked[field] for field in FIELDS],
        )
        out[name] = _change(fewer, more, before, after, name)
        print("left out", name, out[name], flush=True)
    return out


def _change(
    fewer: LearnedRouter,
    more: LearnedRouter,
    before: RetrievalRun,
    after: RetrievalRun,
    new: str,
) -> dict[str, Any]:
    same = all(
        array.tobytes() == more.arrays[name].tobytes() for name, array in fewer.arrays.items()
    )
    old, fresh = (
        next(iter(retrieval_summary(run)["retrievers"].values())) for run in (before, after)
    )
    was, now = old["ndcg@10_by_field"], fresh["ndcg@10_by_field"]
    return {
        "parameters_identical": same,
        "ndcg@10_of_others": old["ndcg@10_over_fields"],
        "ndcg@10_of_others_after": round(float(np.mean([now[field] for field in was])), 4),
        "largest_change": round(max(abs(now[field] - was[field]) for field in was), 4),
        "ndcg@10_of_new": now[new],
        "right_first_of_new": fresh["right_first_by_field"][new],
    }


def _measure(
    rows: Mapping[str, Retriever],
    places: Sequence[Any],
    embedder: Any,
    fields: Sequence[RouteField],
) -> RetrievalRun:
    return measure_retrieval(
        rows,
        places,
        embedder,
        {f"{one.expert}/{i}": text for one in fields for i, text in one.queries.items()},
        _qrels(fields),
        fields={f"{one.expert}/{i}": one.expert for one in fields for i in one.queries},
    )


def _over_fields(values: Mapping[str, float], fields: Mapping[str, str]) -> float:
    of: dict[str, list[float]] = {}
    for query, value in values.items():
        of.setdefault(fields[query], []).append(value)
    return float(np.mean([np.mean(some) for some in of.values()]))


def _lesson(fields: Sequence[RouteField], vectors: Mapping[str, Query]) -> RouteLesson:
    return RouteLesson(
        vectors=np.stack([vectors[key].vector for key in _keys(fields)]),
        fields=tuple(one.expert for one in fields for _ in one.queries),
    )


def _keys(fields: Sequence[RouteField]) -> list[str]:
    return [f"{one.expert}/{id_}" for one in fields for id_ in one.queries]


def _qrels(fields: Sequence[RouteField]) -> dict[str, Mapping[str, int]]:
    return {f"{one.expert}/{id_}": judged for one in fields for id_, judged in one.qrels.items()}


def _half(one: RouteField, *, held_out: bool) -> RouteField:
    judged = {i: t for i, t in one.queries.items() if any(g > 0 for g in one.qrels[i].values())}
    kept = {i: text for i, text in judged.items() if is_held_out(i) == held_out}
    return RouteField(expert=one.expert, queries=kept, qrels={i: one.qrels[i] for i in kept})


def _some(one: RouteField, limit: int) -> RouteField:
    chosen = sample([Question(id=i, text=text) for i, text in one.queries.items()], limit)
    kept = {question.id: question.text for question in chosen}
    return RouteField(expert=one.expert, queries=kept, qrels={i: one.qrels[i] for i in kept})


def _say(done: int, total: int) -> None:
    if done % 960 == 0 or done == total:
        print(f"searched {done:,} of {total:,}", flush=True)


if __name__ == "__main__":
    main()
