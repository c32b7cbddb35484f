# Each target sets itself up: a virtual environment in .venv, made once per change of pyproject.toml.
#
#   make demo [FOR=20s]   the main job on this machine, nothing to configure
#   make test             all tests but the long ones and the fault tests
#   make check            lint, format and types
#   make faults           the kill test and the other fault tests at full length (KILLS=1000)
#   make faults-ci        the same, short enough for every change (KILLS=200)
#   make quality          runs the tests that show what connectors and profiles are worth; writes the tables of it
#   make quality-table    the tables alone, from what was shown before and what is written by hand
#   make zoneminder       the tests against the real ZoneMinder, which it installs (Debian, as root)
#   make bench            the benchmarks, against the goals written beside them
#   make clean            remove the virtual environment and what tools left

PYTHON ?= python3
VENV   ?= .venv
FOR    ?=
ARGS   ?=

BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q
STAMPS := $(VENV)/stamps
SHOWN  := build/quality

# The tests start hundreds of bridges: what was compiled once is kept, also where the environment says otherwise.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check faults faults-ci quality quality-table zoneminder bench clean peers

help:
	@sed -n 's/^#   //p' Makefile

# The first line anybody sees on a machine that cannot make an environment says what to install.
$(STAMPS)/environment:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'Install python3-venv: apt-get install python3-venv'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Install Python 3.11 or later, or name it: make PYTHON=/path/to/python3.11'; exit 1; }
	@echo 'Setting up $(VENV), once ...'
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: $(STAMPS)/environment pyproject.toml
	@$(PIP) install -e '.[poll,websocket]'
	@touch $@

$(STAMPS)/dev: $(STAMPS)/environment pyproject.toml
	@$(PIP) install -e '.[dev]'
	@touch $@ $(STAMPS)/runtime

$(STAMPS)/bench: $(STAMPS)/environment pyproject.toml
	@$(PIP) install -e '.[dev,bench]'
	@touch $@ $(STAMPS)/dev $(STAMPS)/runtime

# The real peers some tests need. Installed only where that is allowed; the tests say themselves what is missing.
peers:
	@.ci/peers

demo: $(STAMPS)/runtime
	@$(BIN)/vms-bridge demo $(if $(FOR),--for $(FOR)) $(ARGS)

test: $(STAMPS)/dev peers
	@$(BIN)/python -m pytest -m 'not slow' -n 3 --dist loadfile --ignore tests/faults $(ARGS)

check: $(STAMPS)/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

faults: $(STAMPS)/dev peers
	@KILLS=$${KILLS:-1000} $(BIN)/python -m pytest tests/faults --timeout 7200 $(ARGS)

faults-ci: $(STAMPS)/dev peers
	@KILLS=$${KILLS:-200} $(BIN)/python -m pytest tests/faults --timeout 1200 $(ARGS)

# A test that fails (1) makes a hole in the table; a run that breaks off makes none at all.
quality: $(STAMPS)/dev peers
	@$(BIN)/python -m pytest -m shows -n 3 --dist loadfile --ignore tests/faults --quality $(SHOWN)/tests.json $(ARGS) \
	  || [ $$? -eq 1 ]
	@KILLS=$${KILLS:-200} $(BIN)/python -m pytest -m shows tests/faults --timeout 1200 --quality $(SHOWN)/faults.json \
	  || [ $$? -eq 1 ]
	@$(BIN)/python -m tests.quality $(SHOWN)/tests.json $(SHOWN)/faults.json

quality-table: $(STAMPS)/dev
	@$(BIN)/python -m tests.quality

zoneminder: $(STAMPS)/dev
	@sh tests/vms/zoneminder/real_install.sh
	@$(BIN)/python -m pytest tests/vms/zoneminder/test_the_real_one.py --timeout 600 $(ARGS)

bench: $(STAMPS)/bench
	@$(BIN)/python -m tests.benchmarks $(ARGS)

clean:
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
