from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import SettingsError, UnknownNameError
from rag_router.registry import Registry


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Sieve:
    """Hold back what is large.

    Args:
        width: Of the holes.
    """

    width: Annotated[float, Field(gt=0.0)] = 1.0


SIEVES: Registry[Sieve] = Registry(
    "sieve", {"wide": f"{__name__}:Sieve", "broken": "no.such.module:Nothing"}
)


def test_names_are_listed_without_importing_what_they_name():
    assert SIEVES.names() == list(SIEVES) == ["broken", "wide"]
    assert "broken" in SIEVES
    assert "narrow" not in SIEVES
    with pytest.raises(ModuleNotFoundError):
        SIEVES.get("broken")


def test_a_component_is_built_from_its_options():
    assert SIEVES.build("wide", width=2) == SIEVES.get("wide")(width=2.0)
    assert SIEVES.summary("wide") == "Hold back what is large."


def test_another_name_for_a_component_builds_it_but_is_not_listed():
    sieves: Registry[Sieve] = Registry(
        "sieve", {"wide_meshed": f"{__name__}:Sieve"}, aliases={"coarse": "wide_meshed"}
    )
    assert sieves.build("coarse", width=2) == sieves.build("wide_meshed", width=2)
    assert (sieves.names(), "coarse" in sieves) == (["wide_meshed"], True)
    assert [sieves.canonical(name) for name in ("coarse", "wide_meshed", "fine")] == [
        *("wide_meshed", "wide_meshed", "fine"),
    ]
    with pytest.raises(UnknownNameError, match=r"Did you mean 'coarse'\?"):
        sieves.build("coarsely")


def test_an_unknown_name_suggests_the_nearest_one():
    with pytest.raises(UnknownNameError, match=r"no sieve named 'wyde'\. Did you mean 'wide'\?"):
        SIEVES.build("wyde")


def test_an_unknown_option_suggests_the_nearest_one():
    with pytest.raises(SettingsError, match=r"widht: .* Did you mean 'width'\?"):
        SIEVES.build("wide", widht=2)


@pytest.mark.parametrize("width", [0.0, -1.0, "wide", None])
def test_an_impossible_value_is_an_error_that_shows_it(width):
    with pytest.raises(SettingsError, match=r"sieve 'wide': width: .*saw " + repr(width)):
        SIEVES.build("wide", width=width)


def test_an_option_called_name_does_not_clash_with_the_name_of_the_component():
    with pytest.raises(SettingsError, match="name: "):
        SIEVES.build("wide", name="x")
