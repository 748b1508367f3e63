# All targets use the virtual environment .venv, which `make .venv` makes and keeps up to date.
PYTHON ?= python3
# Which FAISS wheel: cpu, gpu (CUDA 12) or gpu-cu13 (CUDA 13). Exactly one: they overwrite one another.
DEVICE ?= cpu
DEMO ?= demo-shop
SHOP ?= $(DEMO)/shop
# Where `make screenshots` puts them.
SHOTS ?= screenshots
# Rows of the benchmark of search, beside whichever peers of the extra `bench` are installed.
ROWS ?= 100000,1000000
# How long the load benchmark of the API watches latency and memory.
MINUTES ?= 10
BIN := .venv/bin

.PHONY: .venv demo test check format screenshots openapi bench bench-api bench-search serve clean

.venv: .venv/installed-$(DEVICE)

.venv/installed-$(DEVICE): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -e $@ || rm -rf .venv  # another device: its FAISS wheel must go first
	test -e $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(DEVICE),pretrained,dev]'
	touch $@

# What the tests of the page in a browser need beside Debian's chromium; without it they are skipped.
.venv/browser: .venv/installed-$(DEVICE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	touch $@

demo: .venv
	$(BIN)/vsearch demo $(DEMO)

test: .venv
	$(BIN)/python -m pytest

check: .venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

screenshots: .venv .venv/browser demo
	$(BIN)/python -m tests.browser.screenshots $(SHOTS) --demo $(DEMO)

format: .venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: .venv
	$(BIN)/python -m api.openapi_file

bench: .venv
	XLA_FLAGS= $(BIN)/python -m pytest tests/benchmarks -m slow -s --timeout 3600

bench-api: .venv
	XLA_FLAGS= $(BIN)/python -m tests.benchmarks.api_load $(SHOP) --minutes $(MINUTES)

bench-search: .venv
	$(BIN)/python -m tests.benchmarks.search_speed --rows $(ROWS)
	XLA_FLAGS= $(BIN)/python -m tests.benchmarks.search_rebuild --items $(ROWS)

serve: .venv
	$(BIN)/vsearch serve $(SHOP)

clean:
	rm -rf .venv demo-shop screenshots build *.egg-info .mypy_cache .ruff_cache .pytest_cache
