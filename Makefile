PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/installed
COMPILE := $(VENV)/bin/python -c 'from lenstream.simulate.warm_up import compile_ahead; compile_ahead'
DEMO := demo
# A folder of FITS cut-outs of real lenses to predict at the end of the demo, with published values in catalogue.csv.
REAL_LENSES ?=
REAL := $(if $(REAL_LENSES),real_lenses.images=$(REAL_LENSES) \
	$(if $(wildcard $(REAL_LENSES)/catalogue.csv),real_lenses.catalogue=$(REAL_LENSES)/catalogue.csv))
# A checker looks for the package in a folder of its name, which a checkout need not have.
TYPED := $(VENV)/typed

.PHONY: help install demo test mutants lint docs

help:
	@echo "make install   everything, into .venv"
	@echo "make demo      the main job on a CPU: pre-train, evaluate, report (REAL_LENSES=folder predicts real lenses, too)"
	@echo "make test      the tests"
	@echo "make mutants   small changes of the code that no test sees, by name: hours (FILES=ssl: of a folder or file only)"
	@echo "make lint      style and types"
	@echo "make docs      the documentation: docs/_build/html/index.html"
	@echo "each installs first what is missing; make PYTHON=python3.12 ... chooses a Python"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else "Python 3.11 to 3.13 is needed, this is %d.%d; try make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip uv
	$(VENV)/bin/uv pip install --python $(VENV)/bin/python --compile-bytecode --constraint constraints.txt --editable '.[all,test,docs]'
	@echo "compiling the renderer (once, a minute or two)"
	@$(COMPILE)'("float32")' & $(COMPILE)'("float64")'; s=$$?; wait $$! && exit $$s
	@$(COMPILE)'("labels")'
	@touch $@

demo: $(STAMP)
	$(VENV)/bin/lenstream run $(DEMO) $(REAL)

# Two at a time, in the order of tests/conftest.py; threads of torch that wait for each other take longer than one.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

mutants: $(STAMP)
	nice -n 10 $(VENV)/bin/python benchmarks/mutants.py $(addprefix --path ,$(FILES))

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	@mkdir -p $(TYPED) && ln -sfn '$(CURDIR)' $(TYPED)/lenstream
	MYPYPATH=$(TYPED) $(VENV)/bin/mypy

docs: $(STAMP)
	$(VENV)/bin/python -m sphinx --fail-on-warning --keep-going --quiet --builder html docs docs/_build/html
	@echo "built docs/_build/html/index.html"
