# make demo   install into .venv and run the demo on the CPU
# make gallery  train every synthetic config for some minutes, write docs/gallery.md and its pictures; goes on where it was stopped
# make site   write the documentation as a site that can be searched, in build/site; warnings are errors
# make test   install with the test tools and run the tests; make test PYTEST='-k metrics -x' passes options on
# make test-all  the slow ones, too, and all that take turns by default
# make docs-test  every command and tutorial of the documentation, and the site in a browser where there is one
# make proofs train what docs/proofs.md shows, about 80 minutes on one core; make proofs PROOFS="'ring, GAN'"
# make mutants  change important lines, one at a time, and see a test fail on each; make mutants MUTANTS='norms health'
# make lint   check style (ruff) and types (mypy); the tests do so, too
# make clean  remove .venv and caches
PYTHON ?= python3
VENV ?= .venv
PYTEST ?=
PROOFS ?=
GALLERY ?=
MUTANTS ?=

BIN := $(VENV)/bin
# One thread per process: the tests run two processes, and two pools of threads would fight for the cores.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
INPUTS := setup.cfg setup.py pyproject.toml constraints.txt

.PHONY: demo gallery site test test-all docs-test proofs mutants lint clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	$(BIN)/python tools/demo.py

gallery: $(VENV)/.installed
	$(ONE_THREAD) $(BIN)/python tools/gallery.py $(GALLERY)

site: $(VENV)/.installed-site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

test: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m pytest $$($(BIN)/python -c 'import xdist; print("-n", 2, "--dist", "worksteal")' 2>/dev/null) $(PYTEST)

test-all: $(VENV)/.installed-dev
	$(MAKE) test PYTEST='-m "" $(PYTEST)'

docs-test:
	$(MAKE) test PYTEST='-m "" $(PYTEST) tests/test_docs.py tests/test_tutorials.py tests/test_site.py tests/test_figures.py'

proofs: $(VENV)/.installed
	$(ONE_THREAD) $(BIN)/python tools/proofs/run.py $(PROOFS)

mutants: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python tests/run_mutants.py $(MUTANTS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache build dist *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(INPUTS) | $(BIN)/python
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.installed-dev: $(INPUTS) | $(BIN)/python
	$(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-site: $(INPUTS) | $(BIN)/python
	$(PIP_INSTALL) -e '.[site]'
	@touch $@ $(VENV)/.installed
