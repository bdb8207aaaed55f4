# Two commands are all the set-up there is: `make demo` and `make test`.
# An empty variable of the environment counts as unset.
PYTHON := $(or $(strip $(PYTHON)),python3)
VENV := $(or $(strip $(VENV)),.venv)
BIN := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)
# One thread per library: worker processes use the cores.
export OMP_NUM_THREADS := $(or $(strip $(OMP_NUM_THREADS)),1)
export DVC_NO_ANALYTICS := 1
# Packages are compiled where they are first imported: all at once takes as long as the rest of their installation, and most of them
# is never imported. So byte code has to be written.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := python -m pip install --quiet --disable-pip-version-check --no-compile

.PHONY: demo test quick check fuzz docs format clean-env mosi mosi-finetuned mustard evidence peers ci-compare ci-experiment ci-leaderboard experiments gpu

demo: $(VENV)/.run
	@dvc repro
	@python -m pipeline results

test: $(VENV)/.dev check
	python -m pytest -n 2 --dist worksteal

# The tests without those that run DVC, extraction, training or a browser for long.
quick: $(VENV)/.dev
	python -m pytest -n 2 --dist worksteal -m "not slow"

check: $(VENV)/.dev
	ruff check .
	ruff format --check .
	mypy
	lint-imports

# The documentation site, docs/_build/html/index.html: without a network, and any dead link is an error.
docs: $(VENV)/.docs
	python -m sphinx --quiet --fail-on-warning --keep-going --nitpicky --builder html docs docs/_build/html

# Damaged files of every kind that is read: make fuzz [SECONDS=1200]. The tests do a little of it each time.
fuzz: SECONDS := $(or $(strip $(SECONDS)),1200)
fuzz: $(VENV)/.dev
	python -m tests.fuzz $(SECONDS)

format: $(VENV)/.dev
	ruff check --fix .
	ruff format .

# torch first and with resolution, everything else exactly as locked: see the head of requirements.lock.
$(VENV)/.run: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Python 3.11 or 3.12 is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch==2.13.0 --constraint requirements.lock
	$(INSTALL) --no-deps --requirement requirements.lock
	touch $@

$(VENV)/.dev: requirements-dev.lock requirements-s3.lock requirements-cluster.lock $(VENV)/.run
	$(INSTALL) --no-deps --requirement requirements-dev.lock --requirement requirements-s3.lock --requirement requirements-cluster.lock
	touch $@

$(VENV)/.docs: requirements-docs.lock $(VENV)/.run
	$(INSTALL) --no-deps --requirement requirements-docs.lock
	touch $@

# The benchmark on CMU-MOSI, whose data is not ours to give: make mosi DATA=folder [SEEDS=11-20]
mosi: DATA := $(or $(strip $(DATA)),../shared/data/mosi)
mosi: $(VENV)/.run
	@python -m benchmarks.mosi --data "$(DATA)" $(if $(SEEDS),--seeds $(SEEDS))

# The same with a text encoder that learns: five minutes or more of a core for each model, kept one by one.
mosi-finetuned: DATA := $(or $(strip $(DATA)),../shared/data/mosi)
mosi-finetuned: $(VENV)/.run
	@GRCF_WORKERS=1 python -m benchmarks.mosi.finetuned --data "$(DATA)" $(if $(SEEDS),--seeds $(SEEDS))

# The benchmark on MUStARD, likewise: make mustard DATA=folder
mustard: DATA := $(or $(strip $(DATA)),../shared/data/mustard)
mustard: $(VENV)/.run
	@python -m benchmarks.mustard --data "$(DATA)"

# Where ranking first helps, on corpora in one folder: make evidence DATA=folder [CORPORA=mosi,mosei] [CONDITIONS=clean,raters_strong] [SPLITS=501] [SEEDS=1-10] [DRAWS=1-5] [SETUP=plain] [METHODS=mae,grcf_all]
evidence: DATA := $(or $(strip $(DATA)),../shared/data)
evidence: $(VENV)/.run
	@python -m benchmarks.evidence --data "$(DATA)" $(if $(CORPORA),--corpora $(CORPORA)) $(if $(CONDITIONS),--conditions $(CONDITIONS)) $(if $(SPLITS),--splits $(SPLITS)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(DRAWS),--draws $(DRAWS)) $(if $(SETUP),--setup $(SETUP)) $(if $(METHODS),--methods $(METHODS))

# MMSA's own networks on exported features, MMSA in a folder of its own: make peers DATA=folder
peers: DATA := $(or $(strip $(DATA)),../shared/data/mosi)
peers: $(VENV)/.run
	@$(INSTALL) --no-deps --upgrade --target .cache/mmsa --requirement benchmarks/peers/requirements.txt
	@python -m benchmarks.peers --data "$(DATA)" --mmsa .cache/mmsa $(if $(SEEDS),--seeds $(SEEDS))

# What .github/workflows/experiment.yml runs: make ci-compare BASE=main
ci-compare: BASE := $(or $(strip $(BASE)),main)
ci-compare: $(VENV)/.run
	@.ci/experiment compare "$(BASE)"

# One experiment, pushed to origin: make ci-experiment SET="margin.base=0.3 rank.learning_rate=0.001"
ci-experiment: $(VENV)/.run
	@.ci/experiment run $(SET)

ci-leaderboard: $(VENV)/.run
	@.ci/experiment leaderboard

# What has to be shown on a GPU, in under eight minutes, with the Python that is there: see benchmarks/gpu. Without a network,
# bring along what `python -m benchmarks.gpu.wheels` collects. `make gpu GPU="--device cpu --small"` is its rehearsal.
gpu: GPU ?=
gpu:
	@$(PYTHON) -m benchmarks.gpu $(GPU)

# All experiments of this commit in a table that fits a terminal; `dvc exp show` has every column.
experiments: $(VENV)/.run
	@dvc exp show --no-pager --hide-workspace --only-changed --precision 3 --drop '^(Created|test_.*|.*pointwise.*|valid_grcf_(pearson|ordered|auroc|f1).*|(data|reports|pipeline|stages)/.*)$$'

clean-env:
	rm -rf $(VENV)
