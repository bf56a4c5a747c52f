# The recipes of this project; `make` alone lists them. CI runs check and test through .ci/run.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help demo test check format bench record clean

help:
	@echo 'make demo    run the checklist of specs/ in the sandbox and report'
	@echo 'make test    all tests, with branch coverage'
	@echo 'make check   format, lint, types, import layers'
	@echo 'make format  format the code'
	@echo 'make bench   benchmarks, each against its baseline'
	@echo 'make record  record the cassettes of specs/ again, from emulated systems over sockets'
	@echo 'make clean   remove what the recipes made'

# A second call finds the stamp and installs nothing, unless the dependencies changed.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'installing into .venv'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)
	@$(BIN)/talkqa generate --check
	@$(BIN)/talkqa run

# coverage starts before pytest: the plugin is an entry point, imported before pytest-cov would begin to look. The
# functional tests run beside, without it: it would double their time. They take longer, so that two share them.
test: $(INSTALLED)
	@$(BIN)/coverage erase
	@log=$$(mktemp); $(BIN)/python -m pytest tests/functional -n 2 --dist loadfile >"$$log" 2>&1 & functional=$$!; \
	$(BIN)/coverage run -m pytest --ignore tests/functional; others=$$?; \
	echo 'waiting for the functional tests'; wait $$functional; ended=$$?; cat "$$log"; rm -f "$$log"; \
	test $$ended = 0 && test $$others = 0
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

record: $(INSTALLED)
	$(BIN)/python -m tests.record_cassettes

clean:
	rm -rf .venv .talkqa .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
