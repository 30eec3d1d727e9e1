# Everything people and CI run. All that is built or fetched lies in CACHE, outside the checkout; results lie in build/.
#
# Needed: Rust, Python 3.11 or later, and terraform or tofu. Where neither is installed, or for the tests with both,
# OpenTofu is built once from its Go module, which needs Go.

CACHE  := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/xeks
VENV   := $(CACHE)/venv
PYTHON ?= $(shell command -v python3.11 2>/dev/null || command -v python3 2>/dev/null)
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PYTHONDONTWRITEBYTECODE := 1
export PYTHONPATH := $(CURDIR)/tests/sweep:$(CURDIR)/tests/races:$(CURDIR)/tests/acceptance:$(CURDIR)/tests/aws_emulator:$(CURDIR)/tests/policies

PROVIDER := build/terraform-provider-xeks

# ROLES=all, for acceptance, sweep and races: with a provider that reads all roles at once however few it needs.
ROLES    ?=
READING  := $(if $(filter all,$(ROLES)),--features all-roles-at-once)
export XEKS_ROLES := $(ROLES)

PLUGINS  := $(HOME)/.terraform.d/plugins

# Keyed by the content of the pins, so that a changed pin is installed and nothing else ever is.
VENV_READY := $(VENV)/installed-$(shell cksum < tests/aws_emulator/requirements.txt | tr ' ' '-')

# Another evaluation of IAM policies, an npm package, that ours is compared with where there is Node.js.
NPM             := $(shell command -v npm 2>/dev/null)
SIMULATOR       := $(CACHE)/simulator
SIMULATOR_READY := $(SIMULATOR)/installed-$(shell cksum < tests/evaluate/package-lock.json | tr ' ' '-')

# The CLIs to drive: those that are installed, and OpenTofu from its Go module where it is missing and Go is there.
TOFU_VERSION := $(shell awk '$$1 == "github.com/opentofu/opentofu" { print $$2; exit }' tools/tofu/go.mod)
TOFU_BUILT   := $(CACHE)/bin/tofu-$(TOFU_VERSION)
TERRAFORM    ?= $(shell command -v terraform 2>/dev/null)
TOFU         ?= $(or $(shell command -v tofu 2>/dev/null),$(if $(shell command -v go 2>/dev/null),$(TOFU_BUILT)))
CLI          := $(or $(TERRAFORM),$(TOFU))

# Tools in Rust, built from their sources at the version in their name, like OpenTofu.
DENY      := $(CACHE)/bin/cargo-deny-0.20.2
ABOUT     := $(CACHE)/bin/cargo-about-0.9.3
CYCLONEDX := $(CACHE)/bin/cargo-cyclonedx-0.5.9

# Linters in Go, each a module in tools/ that pins it; skipped where there is no Go.
GO           := $(shell command -v go 2>/dev/null)
GO_TOOL       = $(CACHE)/bin/$(1)-$(shell cksum < tools/$(1)/go.sum | tr ' ' '-')
ACTIONLINT   := $(call GO_TOOL,actionlint)
TFLINT       := $(call GO_TOOL,tflint)
TFPLUGINDOCS := $(call GO_TOOL,tfplugindocs)
GO_TOOLS     := $(if $(GO),$(ACTIONLINT) $(TFLINT) $(TFPLUGINDOCS))

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help build test unit emulator policies acceptance e2e smoke sweep races clients demo playground lint deny format docs states golden bench fuzz install dist checksums cli

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

build: ## the stripped release binary, build/terraform-provider-xeks
	cargo build --locked --release --bin terraform-provider-xeks $(READING)
	@mkdir -p build
	@cmp -s $(CARGO_TARGET_DIR)/release/terraform-provider-xeks $(PROVIDER) \
	  || { cp $(CARGO_TARGET_DIR)/release/terraform-provider-xeks $(PROVIDER).new && mv $(PROVIDER).new $(PROVIDER); }

test: unit emulator policies acceptance e2e ## every test: unit, the AWS emulator, acceptance with terraform and with tofu, and the real control plane

unit: $(VENV_READY) $(if $(NPM),$(SIMULATOR_READY)) ## the Rust tests, those against the AWS emulator included
	XEKS_VENV=$(VENV) $(if $(NPM),XEKS_SIMULATOR=$(SIMULATOR)) cargo test --locked
	@$(if $(NPM),,echo '!!! EVALUATION OF POLICIES NOT COMPARED WITH ANOTHER: Node.js with npm is not installed')

emulator: $(VENV_READY) ## the tests of the AWS emulator that the other tests run against
	$(VENV)/bin/python -m pytest tests/aws_emulator -n 3 --dist loadfile

policies: $(VENV_READY) ## every IAM policy and AWS call in the sources against the Service Authorization Reference
	$(VENV)/bin/python -m pytest tests/policies

acceptance: build cli $(filter $(TOFU_BUILT),$(TOFU)) clients $(VENV_READY) ## the real CLIs against two accounts (PYTEST='-k name' narrows it)
	$(VENV)/bin/python -m pytest tests/acceptance -n 4 --dist loadfile --no-loadscope-reorder --provider $(PROVIDER) \
	  $(if $(TERRAFORM),--cli $(TERRAFORM)) $(if $(TOFU),--cli $(TOFU)) $(PYTEST)
	@$(if $(TERRAFORM),,echo '!!! NOT TESTED WITH TERRAFORM: it is not installed')
	@$(if $(TOFU),,echo '!!! NOT TESTED WITH OPENTOFU: install tofu, or Go to build it')
	@$(VENV)/bin/python tests/acceptance/clients.py --missing

# E2E='--only live,hops' runs some of its parts; --keep keeps the logs.
e2e: build cli clients $(VENV_READY) ## both stories against etcd, kube-apiserver and aws-iam-authenticator, in network namespaces
	PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tests/e2e $(VENV)/bin/python tests/e2e/e2e.py --provider $(PROVIDER) --cli $(CLI) $(E2E)

smoke: build cli $(VENV_READY) ## the stories in two AWS accounts of yours (SMOKE='--help'; CONTRIBUTING, Smoke test)
	$(VENV)/bin/python tests/smoke/smoke.py --provider $(PROVIDER) --cli $(CLI) $(SMOKE)

sweep: build cli $(VENV_READY) ## every fault on every AWS call of every operation, in half an hour on two cores (SWEEP='irsa/*/create' narrows it)
	$(VENV)/bin/python tests/sweep/sweep.py --provider $(PROVIDER) --cli $(CLI) --only '$(SWEEP)'

RACES ?= 20
races: build cli $(VENV_READY) ## two states at once that share things, 20 times each (RACES=100), then crowds: 15 minutes
	$(VENV)/bin/python tests/races/races.py --provider $(PROVIDER) --cli $(CLI) --count $(RACES)
	$(VENV)/bin/python -m pytest tests/acceptance/test_races.py tests/acceptance/test_consistency.py -m long --long \
	  --provider $(PROVIDER) --cli $(CLI)

clients: $(VENV_READY) ## what the tests run in the story's pods: the app's Node packages, programs in Go
	$(VENV)/bin/python tests/acceptance/clients.py

demo: build cli $(VENV_READY) ## both stories in two accounts, from nothing to proof and back
	$(VENV)/bin/python tests/demo/demo.py --provider $(PROVIDER) --cli $(CLI)

playground: build cli $(VENV_READY) ## two accounts with a cluster, to try things in until Ctrl-C
	$(VENV)/bin/python tests/demo/playground.py --provider $(PROVIDER) --cli $(CLI)

lint: build cli deny $(VENV_READY) $(GO_TOOLS) ## formats, clippy, ruff, gofmt, shellcheck, tflint, tfplugindocs, actionlint, dependencies, and whether the generated docs are up to date
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	$(VENV)/bin/ruff check tests tools
	$(VENV)/bin/ruff format --check tests tools
	@if command -v gofmt >/dev/null; then test -z "$$(gofmt -l -d tests/clients | tee /dev/stderr)"; else echo 'gofmt is not installed: skipped'; fi
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run tests/bench/run; else echo 'shellcheck is not installed: skipped'; fi
	$(CLI) fmt -check -diff -recursive examples
	$(CLI) fmt -check -diff -recursive modules
	$(VENV)/bin/python tools/modules.py --check
	$(VENV)/bin/python tools/calls.py --check
	$(VENV)/bin/python tools/docs.py --provider $(PROVIDER) --cli $(CLI) --check
ifneq ($(GO),)
	$(ACTIONLINT)
	@for root in examples/stories/*/ modules/*/ modules/*/examples/*/; do $(TFLINT) --chdir=$$root || exit 1; done
	@mkdir -p build
	$(VENV)/bin/python tools/docs.py --provider $(PROVIDER) --cli $(CLI) --schema build/schema.json
	$(TFPLUGINDOCS) validate --provider-name xeks --providers-schema build/schema.json > build/tfplugindocs.log 2>&1 || { tail -20 build/tfplugindocs.log; exit 1; }
else
	@echo '!!! NOT CHECKED WITH ACTIONLINT, TFLINT AND TFPLUGINDOCS: Go is not installed'
endif

deny: $(DENY) ## where dependencies come from, under which licence, and what is known against them
	$(DENY) --locked check --hide-inclusion-graph --show-stats bans licenses sources
	@if $(DENY) fetch db; then $(DENY) --locked check --disable-fetch advisories; \
	  else echo '!!! ADVISORIES NOT CHECKED: the database of RustSec can not be reached from here'; fi

format: cli $(VENV_READY) ## rewrites all sources in their format
	cargo fmt
	$(VENV)/bin/ruff check --fix tests tools
	$(VENV)/bin/ruff format tests tools
	$(CLI) fmt -recursive examples
	$(CLI) fmt -recursive modules

docs: build cli $(VENV_READY) $(if $(NPM),$(SIMULATOR_READY)) ## the pages in docs/ that are generated; the modules' tables
	$(VENV)/bin/python tools/docs.py --provider $(PROVIDER) --cli $(CLI)
	$(VENV)/bin/python tools/modules.py
	$(VENV)/bin/python tools/calls.py
	XEKS_WRITE=1 $(VENV)/bin/python -m pytest tests/acceptance/test_setups.py --provider $(PROVIDER) --cli $(CLI)
	$(if $(NPM),XEKS_WRITE=1 XEKS_SIMULATOR=$(SIMULATOR) cargo test --locked --test evaluate)
	XEKS_WRITE=1 cargo test --locked --test containment the_page

states: build cli $(VENV_READY) ## tests/states: what applies of all modes store; what is there already stays
	XEKS_WRITE=1 cargo test --locked --test states a_schema_changes
	XEKS_WRITE=1 $(VENV)/bin/python -m pytest tests/acceptance/test_states.py -k modes --provider $(PROVIDER) --cli $(CLI)

golden: build cli $(VENV_READY) ## tests/golden anew: what is planned, called, stored and made (CONTRIBUTING, Golden files)
	XEKS_WRITE=1 cargo test --locked --lib golden
	XEKS_WRITE=1 $(VENV)/bin/python -m pytest tests/acceptance/test_golden.py tests/acceptance/test_golden_cases.py -n 3 \
	  --provider $(PROVIDER) --cli $(CLI)

# Guided by coverage, on a stable toolchain, with a C++ compiler for libFuzzer. FUZZ=name takes one target, FUZZ_SECONDS the time of each.
FUZZ         ?= $(patsubst fuzz/fuzz_targets/%.rs,%,$(wildcard fuzz/fuzz_targets/*.rs))
FUZZ_SECONDS ?= 60

fuzz: ## looks for input that breaks what reads it, one minute a target (FUZZ_SECONDS=600, FUZZ=plans)
	cd fuzz && CARGO_TARGET_DIR=$(CACHE)/fuzz RUSTC_WRAPPER=$(CURDIR)/fuzz/rustc cargo build --locked --release
	@for target in $(FUZZ); do \
	  found=$(CACHE)/fuzz/found/$$target; mkdir -p $$found build/fuzz; \
	  XEKS_SEEDS=$$found $(CACHE)/fuzz/release/$$target $$found fuzz/corpus/$$target -artifact_prefix=build/fuzz/$$target- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 || exit 1; \
	done

bench: build cli $(VENV_READY) ## what the provider costs: docs/benchmarks.md, in an hour and a half (BENCH='--counts 1' measures less)
	$(VENV)/bin/python tests/bench/bench.py --provider $(PROVIDER) --cli $(CLI) $(BENCH)

install: build $(VENV_READY) ## into ~/.terraform.d/plugins, where terraform and tofu look (PLUGINS=dir puts it elsewhere)
	$(VENV)/bin/python tools/install.py --provider $(PROVIDER) --into $(PLUGINS)

# Built apart, without any path of this machine in them, so that the same sources and toolchain give the same bytes anywhere. Zig links
# Linux binaries without a C library of the system's (musl), and Windows ones; a Mac builds its own.
DIST_TARGETS ?= $(if $(filter Darwin,$(shell uname -s)),aarch64-apple-darwin x86_64-apple-darwin,x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-pc-windows-gnu)
DIST         := $(CACHE)/dist
DIST_VENV    := $(CACHE)/dist-venv
DIST_READY   := $(DIST_VENV)/installed-$(shell cksum < tools/dist-requirements.txt | tr ' ' '-')
PLATFORM_x86_64-unknown-linux-musl  := linux_amd64
PLATFORM_aarch64-unknown-linux-musl := linux_arm64
PLATFORM_x86_64-pc-windows-gnu      := windows_amd64
PLATFORM_aarch64-apple-darwin       := darwin_arm64
PLATFORM_x86_64-apple-darwin        := darwin_amd64

dist: $(VENV_READY) $(DIST_READY) $(ABOUT) $(CYCLONEDX) ## release archives of all platforms that can be built here, in build/dist; a mirror of them, in build/mirror
	rustup target add $(DIST_TARGETS)
	@for target in $(DIST_TARGETS); do \
	  case $$target in *apple*) build=build;; *) build=zigbuild;; esac; \
	  PATH=$(DIST_VENV)/bin:$$PATH CARGO_TARGET_DIR=$(DIST) CARGO_ZIGBUILD_CACHE_DIR=$(CACHE)/zig ZIG_GLOBAL_CACHE_DIR=$(CACHE)/zig \
	  RUSTFLAGS='--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo --remap-path-prefix=$(CURDIR)=/xeks --remap-path-prefix=$(DIST)=/target' \
	  cargo $$build --locked --release --target $$target --bin terraform-provider-xeks || exit 1; \
	done
	cargo fetch --locked
	$(ABOUT) generate --offline --locked --fail --config tools/about.toml --output-file $(DIST)/licenses.html tools/about.hbs
	SOURCE_DATE_EPOCH=0 $(CYCLONEDX) cyclonedx --format json --target all --override-filename sbom.cdx --quiet && mv sbom.cdx.json $(DIST)/
	rm -rf build/dist
	$(VENV)/bin/python tools/dist.py pack --notices $(DIST)/licenses.html --sbom $(DIST)/sbom.cdx.json \
	  $(foreach target,$(DIST_TARGETS),--binary $(PLATFORM_$(target))=$(DIST)/$(target)/release/terraform-provider-xeks$(if $(findstring windows,$(target)),.exe))
	$(VENV)/bin/python tools/dist.py checksums
	$(VENV)/bin/python tools/dist_smoke.py

checksums: $(VENV_READY) ## SHA256SUMS of the archives in build/dist, and its signature with the key in GPG_PRIVATE_KEY
	$(VENV)/bin/python tools/dist.py checksums

# One CLI is enough for all but the acceptance tests.
cli: $(filter $(TOFU_BUILT),$(CLI))
	@$(if $(CLI),,echo 'Neither terraform nor tofu is installed, and there is no Go to build OpenTofu with.' >&2; exit 1)

$(TOFU_BUILT):
	@echo 'Building OpenTofu $(TOFU_VERSION) from its Go module, once: about five minutes on two cores.'
	mkdir -p $(CACHE)/bin
	cd tools/tofu && CGO_ENABLED=0 go build -trimpath -buildvcs=false \
	  -ldflags '-s -w -X github.com/opentofu/opentofu/version.dev=no' -o $@ github.com/opentofu/opentofu/cmd/tofu

$(ACTIONLINT) $(TFLINT) $(TFPLUGINDOCS):
	@mkdir -p $(CACHE)/bin
	cd tools/$(firstword $(subst -, ,$(@F))) && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o $@ \
	  $$(go list tool)

VERSION_IN = $(lastword $(subst -, ,$(1)))
CRATE_IN   = $(1:%-$(call VERSION_IN,$(1))=%)
$(DENY):  FEATURES := --no-default-features
$(ABOUT): FEATURES := --features cli

$(DENY) $(ABOUT) $(CYCLONEDX): $(CACHE)/bin/%:
	@echo 'Building $*, once: two or three minutes on two cores.'
	@mkdir -p $(CACHE)/bin
	CARGO_TARGET_DIR=$(CACHE)/$*/target cargo install --quiet --locked --no-track $(FEATURES) --version '=$(call VERSION_IN,$*)' \
	  --root $(CACHE)/$* $(call CRATE_IN,$*)
	mv $(CACHE)/$*/bin/$(call CRATE_IN,$*) $@
	rm -rf $(CACHE)/$*

$(SIMULATOR_READY):
	mkdir -p $(SIMULATOR)
	cp tests/evaluate/package.json tests/evaluate/package-lock.json $(SIMULATOR)
	cd $(SIMULATOR) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@rm -f $(SIMULATOR)/installed-*
	@touch $@

$(VENV_READY): REQUIREMENTS := tests/aws_emulator/requirements.txt
$(DIST_READY): REQUIREMENTS := tools/dist-requirements.txt

$(VENV_READY) $(DIST_READY):
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or later is needed.' >&2; exit 1; }
	$(PYTHON) -m venv $(@D)
	@rm -f $(@D)/installed-*
	$(@D)/bin/python -m pip install --quiet --require-hashes --requirement $(REQUIREMENTS)
	@touch $@
