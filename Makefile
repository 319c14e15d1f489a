# make run   imports the test dataset in parallel and shows the available products
# make test  format, ruff, mypy and the tests of behaviour, in minutes; PROCESSES=8 on more cores
# make test-all  everything: pylint, each MongoDB server, the long tests, and coverage
# make test-servers  the tests of the MongoDB store, against each server that can be had
# make servers       builds the servers and mongoimport that tests and benchmarks run beside HPNorton
# make fuzz  any bytes as files, each target for SECONDS=60, or TARGETS=read_csv alone
# make wheel   builds the package that pip installs, into the folder dist, or WHEELS=folder
# make docs    writes docs/cli.md, the page of all flags, from the help of each flag
# PYTHON=... chooses the interpreter (3.11 or newer)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?= 60
WHEELS ?= dist
# Twice as many as two cores: tests wait for processes and for servers.
PROCESSES ?= 4
CODE := src tests scripts benchmarks HPNorton.py
PYTEST := $(BIN)/pytest --quiet --numprocesses $(PROCESSES) --dist worksteal
# Tests start thousands of processes; without bytecode each would compile HPNorton anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := install
.PHONY: install run test test-all servers test-servers fuzz format docs wheel clean

install: $(VENV)/installed

run: install
	./HPNorton.py --dataset test --parallel --resume  # what was imported before is left alone
	./HPNorton.py --dataset test --available-products

test: $(VENV)/installed-dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(PYTEST)

test-all: test-servers
	$(BIN)/pylint --jobs 0 $(CODE)
	$(BIN)/coverage erase
	$(PYTEST) --whole --cov --cov-report=term

servers: $(VENV)/installed-dev
	$(BIN)/python -m tests.servers.build

test-servers: $(VENV)/installed-dev
	$(BIN)/python -m tests.servers.suite

fuzz: $(VENV)/installed-dev
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python scripts/fuzz.py --seconds $(SECONDS) $(TARGETS)

format: $(VENV)/installed-dev
	$(BIN)/ruff format $(CODE)

docs: $(VENV)/installed-dev
	$(BIN)/python scripts/cli_page.py

# setuptools would take modules that are gone from an old folder build.
wheel: $(BIN)/pip
	rm -rf build
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir $(WHEELS) .

clean:
	rm -rf $(VENV) .servers var build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(BIN)/pip:
	scripts/make-venv.sh $(PYTHON) $(VENV)

$(VENV)/installed: $(BIN)/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: $(BIN)/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/installed
