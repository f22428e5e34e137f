# Every target does its own set-up in .venv, from a bare clone with nothing but Python >= 3.11 and pip.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# One thread a test process: the tests already run two processes, and more threads than cores only wait for each other.
TEST_ENV := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false

.PHONY: help setup demo test browser check docs package audit chaos bench clean

help:            ## what each target does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 10

setup: $(READY)  ## a virtual environment with the exact versions of constraints.txt

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'latentscape needs Python 3.11 or newer; name one with `make PYTHON=python3.11 ...`' >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,test]'
	@touch $(READY)

demo: $(READY)   ## train two small models on data we write, then look at what they learned (under 8 minutes)
	$(BIN)/latentscape demo --output demo-output

test: $(READY)   ## fast tests, then the slow ones: whole studies, real models
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 -m 'not slow'
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 --dist worksteal -m 'slow and not chaos'

browser:         ## Debian's Chromium for the tests of the pages, where it is missing and may be installed
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium >/dev/null; } || \
		echo 'no Chromium: the tests that drive a page in a browser will say so and skip'

check: $(READY)  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

docs: $(READY)   ## the documentation as a site that works offline, in site/; no warning passes
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

package: $(READY)  ## build wheel and sdist, check them, and try the wheel in an empty environment (two minutes)
	$(BIN)/python .ci/package.py

audit: $(READY)  ## known holes in the pinned versions, by the public advisory feed; says so where it can't be reached
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[audit]'
	@$(BIN)/python .ci/audit.py || [ $$? -eq 2 ]

chaos: $(READY)  ## kill it, starve it, feed it the worst; writes its figures into docs/reliability.md (about an hour)
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 -m chaos
	$(TEST_ENV) $(BIN)/python -m chaos

bench: $(READY)  ## maps and pages against peers, then one machine against a cluster: what they cost (an hour and a half)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/maps.py
	$(BIN)/python benchmarks/explorer.py
	$(BIN)/python benchmarks/scale.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scale_retrieval.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scale_retrieval.py --ray
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scale_maps.py shards
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scale_maps.py map

clean:           ## remove the virtual environment and what the targets wrote
	rm -rf .venv demo-output site
