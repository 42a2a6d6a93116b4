# make demo: the main job on a CPU. make test: the tests. Both install into .venv first; second calls start at once.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/installed
DEMO := demo
# Real lenses to predict at the end of the demo, if the folder is there.
REAL_LENSES ?= ../shared/data/slacs_dev
REAL := $(if $(wildcard $(REAL_LENSES)/*.fits),real_lenses.images=$(REAL_LENSES) \
	$(if $(wildcard $(REAL_LENSES)/catalogue.csv),real_lenses.catalogue=$(REAL_LENSES)/catalogue.csv))

.PHONY: install demo test lint

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else "Python 3.11 to 3.13 is needed, this is %d.%d; try make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip uv
	$(VENV)/bin/uv pip install --python $(VENV)/bin/python --compile-bytecode --constraint constraints.txt --editable '.[test]'
	@echo "compiling the renderer (once, a minute or two)"
	@$(VENV)/bin/python -c 'from lenstream.simulate.warm_up import compile_ahead; compile_ahead("float32")' & \
	$(VENV)/bin/python -c 'from lenstream.simulate.warm_up import compile_ahead; compile_ahead("float64")'; s=$$?; wait; exit $$s
	@touch $@

demo: $(STAMP)
	$(VENV)/bin/lenstream run $(DEMO) $(REAL)

# Two at a time; threads of torch that wait for each other would take longer than one thread.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadfile

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
