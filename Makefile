# make run   imports the test dataset in parallel and shows the available products
# make test  the whole test suite, coverage, pylint, mypy and the format; PROCESSES=2 is quicker
# make test-servers  the tests of the MongoDB store, against each server that can be had
# make servers       builds the servers and mongoimport that tests and benchmarks run beside HPNorton
# make fuzz  any bytes as files, each target for SECONDS=60, or TARGETS=read_csv alone
# PYTHON=... chooses the interpreter (3.11 or newer)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?= 60
PROCESSES ?= 0
CODE := src tests scripts benchmarks HPNorton.py
# Tests start thousands of processes; without bytecode each would compile HPNorton anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := install
.PHONY: install run test servers test-servers fuzz format clean

install: $(VENV)/installed

run: install
	./HPNorton.py --dataset test --parallel
	./HPNorton.py --dataset test --available-products

test: $(VENV)/installed-dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/pylint --jobs 0 $(CODE)
	$(BIN)/coverage erase
	$(BIN)/pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder \
		--cov --cov-report=term

servers: $(VENV)/installed-dev
	$(BIN)/python -m tests.servers.build

test-servers: $(VENV)/installed-dev
	$(BIN)/python -m tests.servers.suite

fuzz: $(VENV)/installed-dev
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python scripts/fuzz.py --seconds $(SECONDS) $(TARGETS)

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
