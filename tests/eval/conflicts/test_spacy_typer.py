from __future__ import annotations

from dataclasses import dataclass

import pytest

from rag_router.errors import UnavailableError, UsageError
from rag_router.eval.conflicts import AnswerType, typer_named
from rag_router.eval.conflicts.spacy_typer import SpacyTyper


@dataclass(frozen=True)
class Span:
    label_: str
    start_char: int
    end_char: int


@dataclass(frozen=True)
class Read:
    ents: list[Span]


def finds(label: str, name: str) -> SpacyTyper:
    """A typer whose pipeline finds one entity, wherever it stands."""

    def pipeline(text: str) -> Read:
        at = text.find(name)
        return Read([Span(label, at, at + len(name))] if at >= 0 else [])

    return SpacyTyper(pipeline=pipeline)


def type_of(typer: SpacyTyper, answer: str, before: str = "They met ", after: str = " again."):
    return typer.type_of(answer, question="?", before=before, after=after)


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("PERSON", AnswerType.PERSON),
        ("DATE", AnswerType.DATE),
        ("CARDINAL", AnswerType.NUMERIC),
        ("PERCENT", AnswerType.NUMERIC),
        ("ORG", AnswerType.ORGANIZATION),
        ("GPE", AnswerType.LOCATION),
        ("FAC", AnswerType.LOCATION),
        ("NORP", AnswerType.OTHER),
        ("WORK_OF_ART", AnswerType.OTHER),
    ],
)
def test_labels_of_entities_are_types_of_answers(label, kind):
    assert type_of(finds(label, "Ada"), "Ada") is kind


def test_an_article_more_or_less_does_not_matter_but_a_word_does():
    typer = finds("ORG", "the Bee Gees")
    assert type_of(typer, "Bee Gees", before="sung by the ") is AnswerType.ORGANIZATION
    assert type_of(typer, "the Bee Gees") is AnswerType.ORGANIZATION
    assert type_of(typer, "Bee", before="the ", after=" Gees") is AnswerType.OTHER
    assert type_of(typer, "Gees", before="now the Bee ") is AnswerType.OTHER
    assert type_of(typer, "nobody") is AnswerType.OTHER


def test_only_the_neighbourhood_of_the_answer_is_read():
    lengths = []

    def pipeline(text: str) -> Read:
        lengths.append(len(text))
        return Read([Span("PERSON", 300, 303)])

    typer = SpacyTyper(pipeline=pipeline)
    assert type_of(typer, "Ada", before="a" * 5_000, after="b" * 5_000) is AnswerType.PERSON
    assert lengths == [300 + 3 + 300]


def test_a_model_that_is_not_there_says_what_to_install():
    with pytest.raises(UnavailableError, match="no_such_model") as caught:
        typer_named("spacy:no_such_model")
    assert "python -m spacy download no_such_model" in caught.value.hint
    assert "'rules'" in caught.value.hint


@pytest.mark.parametrize("name", ["rule", "spacy", "spacy:", "rules:x", ""])
def test_other_names_are_refused_with_what_there_is(name):
    with pytest.raises(UsageError, match=f"no typer named {name!r}") as caught:
        typer_named(name)
    assert "rules" in caught.value.hint or "spacy:MODEL" in caught.value.hint
