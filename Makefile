# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MODELS := gemma-3-270m smollm2-135m-instruct all-minilm-l6-v2

.PHONY: sbom help demo test test-fast check format lint types layers docs bench models install clean

help:
	@echo "make demo    set up, fetch the small models, index the examples, answer real questions"
	@echo "make test    set up, fetch the small models, run all tests"
	@echo "make check   format, lint, types, layers, generated documents, fast tests"
	@echo "make sbom    what the package is made of, as CycloneDX, in build/sbom.cdx.json"
	@echo "make bench   everything that takes longer; writes dated results to benchmarks/results"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rag_router needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	touch $@

models: $(STAMP)
	$(BIN)/rag-router models fetch $(MODELS)

# The demo keeps a data folder of its own, so that it never touches yours.
demo: models
	$(BIN)/python examples/demo.py --home .demo

test: models
	$(BIN)/python -m pytest

test-fast: $(STAMP)
	$(BIN)/python -m pytest -m "not model"

check: format lint types layers docs test-fast

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

# Fails where a generated part of a document is stale; `make docs FIX=--write` renews it.
docs: $(STAMP)
	$(BIN)/python docs/generate.py $(FIX)

bench: models
	$(BIN)/python -m benchmarks.run

# What the package is made of; needs the extra `security`.
sbom: $(STAMP)
	$(BIN)/python deploy/sbom.py build/sbom.cdx.json

clean:
	rm -rf $(VENV) .bench .demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
