# Three commands for a user: make demo, make test, make clean.

PYTHON ?= $(shell for candidate in python3.13 python3.12 python3.14 python3; do \
	if command -v $$candidate >/dev/null 2>&1 && \
	   $$candidate -c 'import sys; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; \
	then echo $$candidate; break; fi; done)
BIN = .venv/bin

.PHONY: demo test lint calibrate clean

demo: .venv/installed  ## Fit three literatures and a field trial, credit two plans, and write report/index.html
	$(BIN)/socbayes demo --output report

test: .venv/installed lint  ## Everything that must hold
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/installed: requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
	  echo "socbayes needs Python 3.12, 3.13 or 3.14, and none of python3.13, python3.12, python3.14, python3 is one."; \
	  echo "Install one of them, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.13"; exit 1; fi
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

calibrate: .venv/installed  ## Simulation-based calibration of every model, into docs/calibration
	$(BIN)/python benchmarks/calibrate.py

clean:  ## Remove the virtual environment and what the demo wrote
	rm -rf .venv report
