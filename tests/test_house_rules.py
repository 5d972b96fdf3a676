"""Rules of the house that a machine can keep."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import rag_router

ROOT = Path(__file__).parent.parent
PACKAGE = Path(rag_router.__file__).parent
LINKS = {"gates", "retrievers", "indices", "api", "eval"}
HEAVY = {"torch", "transformers", "sqlalchemy", "langchain_core", "faiss", "sentence_transformers"}

SOURCES = sorted(PACKAGE.rglob("*.py"))
EVERYTHING = [
    path
    for folder in ("rag_router", "tests", "benchmarks", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = [module_of(path) for path in SOURCES]


def named(path):
    return str(path.relative_to(ROOT)) if isinstance(path, Path) else str(path)


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(tree):
    """Names of all modules that are imported anywhere, relative imports left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def called(tree, name):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node.lineno


@pytest.mark.parametrize("path", EVERYTHING, ids=named)
def test_nothing_is_imported_through_the_links_at_the_root(path):
    assert not [name for name in imported(tree_of(path)) if name.partition(".")[0] in LINKS]


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_the_package_prints_nothing_unpickles_nothing_and_trusts_no_remote_code(path):
    tree = tree_of(path)
    assert list(called(tree, "print")) == []
    banned = {"pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
    assert not [name for name in imported(tree) if name.partition(".")[0] in banned]
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except in line {node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_every_module_begins_with_a_docstring_unless_it_is_empty(path):
    tree = tree_of(path)
    if tree.body:
        assert ast.get_docstring(tree)


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_exports_exists_once_and_says_what_it_is(name):
    module = import_module(name)
    exported = getattr(module, "__all__", [])
    assert len(exported) == len(set(exported))
    for public in exported:
        thing = getattr(module, public)
        ours = getattr(thing, "__module__", "").startswith("rag_router")
        if ours and (inspect.isclass(thing) or inspect.isroutine(thing)):
            assert inspect.getdoc(thing), f"{name}.{public} has no docstring"
            if inspect.isclass(thing):
                # A dataclass without a docstring is given its signature for one.
                assert not thing.__doc__.startswith(f"{public}(")


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_defines_something_public_says_what_it_exports(name):
    module = import_module(name)
    public = [
        key
        for key, thing in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == name
    ]
    assert not public or hasattr(module, "__all__")


def loaded_after(statement):
    """Top-level modules that a fresh interpreter has loaded after the statement."""
    code = f"{statement}\nimport sys; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import rag_router",
        "from rag_router.cli.main import cli",
        "from rag_router.cli.main import cli; cli(['--help'], standalone_mode=False)",
        "from rag_router.settings import load_settings; load_settings(environment={})",
    ],
)
def test_the_command_line_starts_without_the_heavy_libraries(statement):
    assert loaded_after(statement) & HEAVY == set()


def test_the_links_at_the_root_lead_into_the_package_where_they_are_links():
    for name in LINKS:
        link = ROOT / name
        if link.is_symlink():
            assert link.resolve() == PACKAGE / name


def test_every_command_is_listed_with_a_summary():
    from rag_router.cli import main

    assert set(main._COMMANDS) == set(main._SUMMARIES)
