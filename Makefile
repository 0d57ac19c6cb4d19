# What a newcomer types. Every target sets up what it needs; set-up is skipped when it is done.

PYTHON := .venv/bin/python
SETUP := sh scripts/setup.sh

.DEFAULT_GOAL := help
.PHONY: families wayland setup-vllm setup-vllm-if-possible soak help setup setup-dev demo test fuzz lint format train-tiny clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup:  ## set up .venv and the programs that a run needs
	@$(SETUP) --extras eval

setup-dev:  ## the same, with what the tests need
	@$(SETUP) --extras dev,eval,train

setup-vllm: setup-dev  ## vLLM in an environment of its own, .venv-vllm
	@$(PYTHON) -m scripts.setup_vllm

demo: setup  ## watch the bundled model work through real web tasks on a virtual desktop
	@$(PYTHON) -m deftly.demo

# They wait as much as they compute: two processes on two cores. Three are a fifth quicker, and starve a browser now and then.
TEST_PROCESSES ?= 2

test: setup-dev  ## lint, types and every test
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target setup-vllm-if-possible setup-triton lint
	@$(PYTHON) -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

FUZZ_RUNS ?= 5000000

fuzz: setup-dev  ## five million coverage-guided inputs over all dialects: about half an hour
	@$(SETUP) --extras dev,eval,train,fuzz
	@$(PYTHON) tests/actions/fuzz_dialects.py -runs=$(FUZZ_RUNS)

setup-vllm-if-possible: setup-dev
	@$(PYTHON) -m scripts.setup_vllm --optional

setup-triton: setup-dev  ## the Triton that torch 2.11 brings, beside the installed one, where it can be had
	@test -d .triton-3.6/triton || $(PYTHON) -m pip install -q --no-deps --target .triton-3.6 triton==3.6.0 \
		|| echo 'no Triton 3.6: the Gluon kernel is compiled with the installed one only'

soak: setup-dev  ## ten minutes of mixed load on the embedded server: memory stays flat, and nothing fails
	@$(PYTHON) -m benchmarks.serve_soak

families: setup-dev setup-vllm  ## every architecture at the size of a toy, the whole way, and served by vLLM: nine minutes
	@DEFTLY_FAMILIES_VLLM=1 $(PYTHON) -m pytest tests/e2e/families -v

WAYLAND_PACKAGES := gnome-shell xwayland xdg-desktop-portal-gnome pipewire wireplumber dbus-daemon libgl1-mesa-dri gir1.2-gtk-3.0 \
	python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-pipewire

wayland: setup-dev  ## the Wayland desktop on a GNOME of its own: as root, installs hundreds of MB of Debian packages
	@apt-get install -y --no-install-recommends $(WAYLAND_PACKAGES)
	@DEFTLY_WAYLAND=1 $(PYTHON) -m pytest tests/agent/computers -k wayland -v

lint: setup-dev  ## ruff and mypy
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

format: setup-dev  ## put the code in shape
	@$(PYTHON) -m ruff check --fix-only .
	@$(PYTHON) -m ruff format .

TINY ?= train-tiny-run
START ?=

train-tiny: setup  ## train the bundled model again, from scratch or from START=FOLDER: hours on two cores; stops and goes on at will
	@$(PYTHON) -m training.tiny.prepare --out $(TINY)/data --rounds 7 --part 1/2 & other=$$!; \
		$(PYTHON) -m training.tiny.prepare --out $(TINY)/data --rounds 7 --part 2/2 && wait $$other
	@MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184 \
		$(PYTHON) -m training.tiny.train --shards $(TINY)/data/shards --run $(TINY)/run $(if $(START),--start $(START))
	@$(PYTHON) -m training.tiny.export --run $(TINY)/run --out $(TINY)/model
	@$(PYTHON) -m deftly eval miniwob --model $(TINY)/model --episodes $(TINY)/episodes --report $(TINY)/report.json
	@$(PYTHON) -m training.tiny.card --model $(TINY)/model --report $(TINY)/report.json

clean:  ## remove .venv, caches and builds
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
