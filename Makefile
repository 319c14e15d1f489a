# make run   imports the test dataset in parallel and shows the available products
# make test  the whole test suite, coverage, pylint, mypy and the format
# make test-servers  the tests of the MongoDB store, against each server that can be had
# make servers       builds the servers and mongoimport that tests and benchmarks run beside HPNorton
# PYTHON=... chooses the interpreter (3.11 or newer)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := src tests scripts benchmarks HPNorton.py

.DEFAULT_GOAL := install
.PHONY: install run test servers test-servers format clean

install: $(VENV)/installed

run: install
	./HPNorton.py --dataset test --parallel
	./HPNorton.py --dataset test --available-products

test: $(VENV)/installed-dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/pylint $(CODE)
	$(BIN)/coverage erase
	$(BIN)/pytest --cov --cov-report=term

servers: $(VENV)/installed-dev
	$(BIN)/python -m tests.servers.build

test-servers: $(VENV)/installed-dev
	$(BIN)/python -m tests.servers.suite

format: $(VENV)/installed-dev
	$(BIN)/ruff format $(CODE)

clean:
	rm -rf $(VENV) .servers var build .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(BIN)/pip:
	scripts/make-venv.sh $(PYTHON) $(VENV)

$(VENV)/installed: $(BIN)/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: $(BIN)/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/installed
