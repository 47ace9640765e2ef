PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUNDLE := build/bundle
SERVER_BUNDLE := build/server-bundle
LOCKS := packaging/locks
# Only what the locks name, and only if it is what it was when they were written; our own code needs nothing else.
# What is imported is compiled then.
FETCH := -m pip install -q --require-hashes --no-compile
OURS := -m pip install -q --no-deps --no-build-isolation
# The same commit makes the same bytes, whenever and wherever it is built.
DATED := SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} PYTHONHASHSEED=0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run test lint typecheck format docs mutations corpus bench fuzz wheel bundle deb rpm server-bundle server-deb server-image reproducible packages-test recipes-test lock clean

help:                    ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

run: $(VENV)/.run        ## server, agent and page on this machine, until Ctrl-C
	@$(BIN)/aipolicy trial --policy policies/example.yaml --data .aipolicy

# What failed is run once more, alone: a test of live processes may lose a race against a busy machine, a fault of
# the product is there again. Both runs are printed.
test: lint               ## every check and every test
	$(BIN)/pytest -q -n 3 --dist loadgroup || $(BIN)/pytest -q -n 1 --dist loadgroup --last-failed --last-failed-no-failures none

lint: $(VENV)/.develop   ## style, types per platform, import direction, freshness of generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) -s -j 3 typecheck
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

typecheck: mypy-linux mypy-darwin mypy-win32

mypy-%: $(VENV)/.develop
	@$(BIN)/mypy --platform $* --cache-dir .mypy_cache/$*

format: $(VENV)/.develop ## put the code in its usual form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.develop   ## write the generated pages and schemas anew
	$(BIN)/python docs/generate.py

mutations: $(VENV)/.develop ## break the code on purpose: some test must notice each time
	$(BIN)/python tests/mutations.py

corpus: $(VENV)/.develop ## real tools in every form, and look-alikes: precision and recall
	@PYTHONPATH=tests $(BIN)/python -m corpus

bench: $(VENV)/.develop  ## every benchmark, printed as ratios
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

fuzz: $(VENV)/.develop   ## look for texts that break a promise, MINUTES=5 for each kind
	@$(BIN)/python $(FETCH) -r $(LOCKS)/fuzz.txt
	@for target in loader checker fmt versions schema; do PYTHONPATH=tests $(BIN)/python -m fuzz $$target --minutes $(or $(MINUTES),5) || exit 1; done

wheel: $(VENV)/.develop  ## build the wheel into dist/
	$(DATED) $(BIN)/python -m build --wheel --no-isolation --outdir dist

bundle: $(BUNDLE)/.made  ## the agent in a folder that needs no Python: build/bundle/aipolicy

deb: bundle              ## the agent's package for Debian and Ubuntu, into dist/
	packaging/build_deb agent

rpm: bundle              ## the agent's package for Fedora and RHEL, into dist/
	packaging/agent/build_rpm

server-bundle: $(SERVER_BUNDLE)/.made ## the server in a folder that needs no Python: build/server-bundle/aipolicy-server

server-deb: server-bundle ## the server's package for Debian and Ubuntu, into dist/
	packaging/build_deb server

BUILDAH := buildah --root $(CURDIR)/build/image/store --runroot $(CURDIR)/build/image/run --storage-driver vfs
server-image: server-bundle ## the server's image, build/image/aipolicy-server.tar for `podman load`; needs root, mmdebstrap, buildah
	packaging/server/rootfs build/image/rootfs
	rm -f build/image/aipolicy-server.tar
	$(BUILDAH) build --quiet --format docker --isolation chroot -f packaging/server/Containerfile -t aipolicy-server .
	$(BUILDAH) push --quiet aipolicy-server docker-archive:build/image/aipolicy-server.tar:aipolicy-server:latest
	rm -rf build/image/store build/image/run

reproducible:            ## wheel, deb and rpm of the last commit, built twice: the same bytes?
	packaging/reproducible

packages-test: deb rpm server-deb $(VENV)/.develop ## what the packages hold, and one of them in a container of its own
	AIPOLICY_PACKAGES=1 $(BIN)/pytest -q tests/packaging

recipes-test: deb $(VENV)/.develop ## the recipes of docs/rollout.md: linted and, where possible, run
	AIPOLICY_PACKAGES=1 $(BIN)/pytest -q tests/packaging/test_ansible_role.py tests/packaging/test_msi_in_wine.py \
	  tests/packaging/test_macos_recipe.py tests/packaging/test_mdm_recipes.py tests/packaging/test_scripts.py

# The system's Python, not one that somebody compiled: its libraries name no folder that a stranger could make.
SYSTEM_PYTHON ?= /usr/bin/python3
BUNDLED := $(shell git ls-files agent policies packaging/bundling.py packaging/own_environment.py packaging/third_party) pyproject.toml $(LOCKS)/agent.txt $(LOCKS)/bundle.txt
$(BUNDLE)/.made: $(BUNDLED) $(shell git ls-files packaging/agent/entries packaging/agent/aipolicy.spec)
	$(call freeze,agent bundle,packaging/agent/aipolicy.spec,aipolicy)
$(SERVER_BUNDLE)/.made: $(BUNDLED) $(LOCKS)/server.txt $(shell git ls-files server packaging/server/entries packaging/server/aipolicy-server.spec)
	$(call freeze,agent server bundle,packaging/server/aipolicy-server.spec,aipolicy-server)

# freeze LOCKS SPEC NAME
define freeze
	@test -x $(@D)/venv/bin/python || $(SYSTEM_PYTHON) -m venv $(@D)/venv
	@$(@D)/venv/bin/python $(FETCH) --only-binary :all: $(patsubst %,-r $(LOCKS)/%.txt,$(1))
	@$(@D)/venv/bin/python $(OURS) --force-reinstall .
	@$(DATED) $(@D)/venv/bin/pyinstaller --log-level ERROR --noconfirm --distpath $(@D) --workpath $(@D)/work $(2)
	@$(DATED) $(@D)/venv/bin/python packaging/third_party/bill.py $(3) $(@D)/work/$(3) $(@D)
	@touch $@
endef

lock: $(VENV)/.run       ## write the locks anew from pyproject.toml; newest versions with NEWEST=1
	@$(BIN)/python $(FETCH) --only-binary :all: -r $(LOCKS)/lock.txt
	@$(LOCKS)/write $(CURDIR)/$(BIN)/uv $(if $(NEWEST),--upgrade)

clean:                   ## remove all that make made
	rm -rf $(VENV) .aipolicy dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.run: pyproject.toml $(LOCKS)/agent.txt $(LOCKS)/server.txt
	@echo "setting up $(VENV) (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit("aipolicy needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(FETCH) --only-binary :all: -r $(LOCKS)/agent.txt -r $(LOCKS)/server.txt
	@$(BIN)/python $(OURS) -e .
	@touch $@

$(VENV)/.develop: $(VENV)/.run $(LOCKS)/develop.txt
	@$(BIN)/python $(FETCH) -r $(LOCKS)/agent.txt -r $(LOCKS)/server.txt -r $(LOCKS)/develop.txt
	@touch $@
