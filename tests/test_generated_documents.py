from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from rag_router.cli.components import described
from rag_router.models.catalogue import CATALOGUE

SCRIPT = Path(__file__).parents[1] / "docs" / "generate.py"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_the_table_of_components_has_a_row_for_each(generate):
    found = rows(generate.components())
    assert found[0] == ["kind", "name", "what it does", "source", "cost"]
    wanted = [(kind, f"`{name}`") for kind, some in described().items() for name in some]
    assert [(row[0], row[1]) for row in found[2:]] == wanted
    assert {len(row) for row in found} == {5}


def test_the_table_of_models_has_a_row_for_each(generate):
    found = rows(generate.models())
    assert [row[0] for row in found[2:]] == [f"`{name}`" for name in CATALOGUE]
    assert {len(row) for row in found} == {6}
    assert ["(optional)" in row[5] for row in found[2:]] == (
        [not model.default for model in CATALOGUE.values()]
    )


def test_only_what_stands_between_the_marks_is_renewed(generate):
    text = "before\n<!-- generated: models -->\nold\n<!-- end -->\nafter\n"
    fresh = generate.renewed(text)
    assert fresh == (
        f"before\n<!-- generated: models -->\n{generate.models()}<!-- end -->\nafter\n"
    )
    assert generate.renewed(fresh) == fresh


def test_a_document_without_marks_stays_as_it_is(generate):
    assert generate.renewed("nothing\n<!-- end -->\n") == "nothing\n<!-- end -->\n"


def test_every_document_has_the_parts_it_is_said_to_have(generate):
    for path in generate.DOCUMENTS:
        assert "<!-- generated: " in path.read_text(encoding="utf-8")


def test_a_part_that_nobody_makes_is_an_error(generate):
    with pytest.raises(KeyError, match="modles"):
        generate.renewed("<!-- generated: modles -->\n<!-- end -->")
