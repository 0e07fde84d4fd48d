# Targets of this makefile:
#
#   demo         release build, 1,000 streams on the embedded mock server for 10 s
#   build        debug build                    release     static release binary
#   test         unit and end-to-end tests, and a short fuzz run
#   test-servers the tests with servers not written here: nginx, uvicorn, llama.cpp, LiteLLM
#   test-readers every export, judged by readers not written here
#   test-sdks    the mock server read by the LLM vendors' own SDKs
#   test-sim     how often compare raises false alarms and finds true changes, by simulation
#   test-browser the HTML page through Chromium, which it installs
#   test-asan    the tests under the address sanitizer
#   test-tsan    the tests under the thread sanitizer
#   fuzz         the fuzz targets, SECONDS=60 each
#   lint         format (sizes and layers: the tidy test; warnings: errors in every build)
#   format       rewrites the sources in the project's format
#   asm-check    no reference counting, allocation or exclusivity check in the loop
#   perf-check   allocations, system calls and instructions per event against perf/budgets.json
#   perf         all measurements of perf/, 55 minutes on a quiet machine with two CPUs
#   check        lint, test, asm-check, perf-check: what has to pass before a commit
#   deps         libraries to build with        test-deps   what the tests need besides
#   install      the release binary to PREFIX/bin
#   clean        removes everything that was built
#
# Variables: SWIFT, CONFIGURATION (debug, release), WARNINGS_AS_ERRORS (true, false), PYTHON,
# PREFIX, DESTDIR, SECONDS, and the scratch paths BUILD, BUILD_ASAN, BUILD_TSAN, TOOLS.

SWIFT ?= swift
CONFIGURATION ?= debug
WARNINGS_AS_ERRORS ?= true
PYTHON ?= python3
PREFIX ?= /usr/local
SECONDS ?= 60
BUILD ?= .build
BUILD_ASAN ?= .build-asan
BUILD_TSAN ?= .build-tsan
TOOLS ?= .build-tools

# What the foreign server and readers in the tests are made of.
PYTHON_PACKAGES = uvicorn sse-starlette jsonschema hdrhistogram
# What reads exports: HdrHistogram's and OpenMetrics' parsers, llm-d's schema, JUnit's, OpenTelemetry's
# definitions.
READER_PACKAGES = hdrhistogram prometheus-client llmd-benchmark-report junitparser \
	opentelemetry-proto
# The LLM vendors' SDKs, in an environment of their own.
SDKS = openai anthropic ollama google-genai
# LLM servers and, for the model of one of them, a writer of its format; for test-servers alone. The
# proxy of later LiteLLMs is a package litellm-proxy of the same version, which pip doesn't find.
LLM_SERVERS = xllamacpp gguf 'litellm[proxy]<1.108.8'
SSEBOMB = $(BUILD)/release/ssebomb
PERF = SSEBOMB=$(abspath $(SSEBOMB)) perf
BUILD_FLAGS = $(if $(filter true,$(WARNINGS_AS_ERRORS)),-Xswiftc -warnings-as-errors)
SWIFT_SOURCES = Package.swift Sources Tests perf/micro
# XCTest has no tests here, and its runner leaks under the address sanitizer.
TEST_FLAGS = --skip-build --disable-xctest

# Unit tests compute without a pause, and on few CPUs would keep end-to-end tests, which wait for
# processes within limits of time, from noticing what they wait for.
UNIT_TESTS = SSEBombCoreTests|SSEBombReportTests

# End-to-end tests in which the client has to keep up with a schedule, or read each event alone.
TIMED_TESTS = ArrivalTests/|StageTests/|TerminalTests/|ThresholdTests/interrupted|ObjectiveTests/|EndToEndTests.CompareTests/worse|EndToEndTests.SingleEventTests/interrupted

# So many end-to-end tests at a time: each starts processes, and all at once would keep each other
# from starting within their limits of time.
WIDTH = SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8

# Tests that measure run after the others, with the machine to themselves.
ALONE = SSEBOMB_TEST_ALONE=1

# Where the end-to-end tests find the Python of the virtual environment.
export SSEBOMB_TEST_PYTHON = $(abspath $(TOOLS))/venv/bin/python

.PHONY: help demo build release test test-servers test-sdks test-sim test-browser test-readers test-asan \
	test-tsan fuzz lint format asm-check perf-check perf check deps test-deps install clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

# Installs the Debian packages $(1): needs root, and says what to run where it isn't.
define apt_install
	@if [ "$$(id -u)" -ne 0 ]; then \
		echo "missing packages: run  sudo apt-get install $(1)" >&2; exit 1; \
	fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $(1) >/dev/null
endef

deps:
	@missing=; \
	test -e /usr/include/openssl/ssl.h || missing="$$missing libssl-dev"; \
	test -e /usr/include/zlib.h || missing="$$missing zlib1g-dev"; \
	test -z "$$missing" || $(MAKE) --no-print-directory apt PACKAGES="$$missing"

# Debian starts nginx, haproxy and, in test-readers, Prometheus when it installs them; the tests start
# their own.
test-deps: deps $(TOOLS)/venv/complete
	@missing=; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	command -v curl >/dev/null || missing="$$missing curl"; \
	command -v nginx >/dev/null || test -x /usr/sbin/nginx || missing="$$missing nginx-light"; \
	command -v haproxy >/dev/null || test -x /usr/sbin/haproxy || missing="$$missing haproxy"; \
	command -v tmux >/dev/null || missing="$$missing tmux"; \
	test -z "$$missing" || $(MAKE) --no-print-directory apt PACKAGES="$$missing" || exit 1; \
	for name in nginx haproxy; do case "$$missing" in *$$name*) \
		systemctl disable --now $$name >/dev/null 2>&1 \
			|| service $$name stop >/dev/null 2>&1 || true;; \
	esac; done

$(TOOLS)/venv/complete: Makefile
	@mkdir -p $(TOOLS)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| $(MAKE) --no-print-directory apt PACKAGES="python3 python3-venv"
	$(PYTHON) -m venv $(TOOLS)/venv
	$(TOOLS)/venv/bin/pip install -q $(PYTHON_PACKAGES)
	@touch $@

$(TOOLS)/sdks/complete: Makefile
	@mkdir -p $(TOOLS)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| $(MAKE) --no-print-directory apt PACKAGES="python3 python3-venv"
	$(PYTHON) -m venv $(TOOLS)/sdks
	$(TOOLS)/sdks/bin/pip install -q $(SDKS)
	@touch $@

$(TOOLS)/servers/complete: Makefile
	@mkdir -p $(TOOLS)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| $(MAKE) --no-print-directory apt PACKAGES="python3 python3-venv"
	$(PYTHON) -m venv $(TOOLS)/servers
	$(TOOLS)/servers/bin/pip install -q $(LLM_SERVERS)
	@touch $@

.PHONY: apt
apt:
	$(call apt_install,$(PACKAGES))

build: deps
	$(SWIFT) build --scratch-path $(BUILD) -c $(CONFIGURATION) $(BUILD_FLAGS)

release: deps
	$(SWIFT) build --scratch-path $(BUILD) -c release --static-swift-stdlib --product ssebomb

demo: release
	$(PERF)/demo.sh

test: test-deps
	$(SWIFT) build --scratch-path $(BUILD) --build-tests $(BUILD_FLAGS)
	$(SWIFT) test --scratch-path $(BUILD) $(TEST_FLAGS) --filter '$(UNIT_TESTS)'
	$(WIDTH) $(SWIFT) test --scratch-path $(BUILD) $(TEST_FLAGS) --filter EndToEndTests \
		--skip '$(TIMED_TESTS)'
	$(SWIFT) test --scratch-path $(BUILD) $(TEST_FLAGS) --no-parallel --filter '$(TIMED_TESTS)'
	$(ALONE) $(SWIFT) test --scratch-path $(BUILD) $(TEST_FLAGS) --no-parallel \
		--filter 'VerdictTests|ClockStepTests|PriorityTests|SelftestCommandTests'
	Tests/FuzzTesting/fuzz.sh 10

test-servers: test-deps $(TOOLS)/servers/complete
	$(SWIFT) build --scratch-path $(BUILD) --build-tests $(BUILD_FLAGS)
	CI=true SSEBOMB_TEST_SERVERS=$(abspath $(TOOLS))/servers/bin/python \
		$(SWIFT) test --scratch-path $(BUILD) $(TEST_FLAGS) \
		--filter 'ProxyTests|PythonServerTests|RealServerTests'

test-sdks: build $(TOOLS)/sdks/complete
	$(TOOLS)/sdks/bin/python Tests/Fixtures/read_with_sdks.py $(BUILD)/$(CONFIGURATION)/ssebomb

$(TOOLS)/readers/complete: Makefile
	@mkdir -p $(TOOLS)
	$(PYTHON) -m venv $(TOOLS)/readers
	$(TOOLS)/readers/bin/pip install -q $(READER_PACKAGES)
	@touch $@

test-readers: build $(TOOLS)/readers/complete
	@test -e /usr/share/java/hdrhistogram.jar && command -v java >/dev/null \
		|| $(MAKE) --no-print-directory apt PACKAGES="libhdrhistogram-java default-jre-headless"
	@command -v jq >/dev/null || $(MAKE) --no-print-directory apt PACKAGES=jq
	@command -v prometheus >/dev/null || { \
		$(MAKE) --no-print-directory apt PACKAGES=prometheus || exit 1; \
		systemctl disable --now prometheus >/dev/null 2>&1 \
			|| service prometheus stop >/dev/null 2>&1 || true; }
	SSEBOMB=$(abspath $(BUILD)/$(CONFIGURATION)/ssebomb) PYTHON=$(abspath $(TOOLS))/readers/bin/python \
		Tests/Readers/run.sh

# Optimised: unoptimised it takes hours.
test-sim: deps
	$(SWIFT) build --scratch-path $(BUILD) -c release --product CompareSimulation $(BUILD_FLAGS)
	$(BUILD)/release/CompareSimulation

test-browser: release
	@command -v chromium >/dev/null || $(MAKE) --no-print-directory apt PACKAGES=chromium
	SSEBOMB=$(abspath $(SSEBOMB)) $(PYTHON) Tests/Browser/check_page.py

# One test after the other under the sanitizers: they slow programs down tenfold, and some tests
# bound how long the program may take.
test-asan: test-deps
	$(SWIFT) build --scratch-path $(BUILD_ASAN) --build-tests --sanitize=address
	LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/Fixtures/leaks.supp:print_suppressions=0 \
		$(SWIFT) test --scratch-path $(BUILD_ASAN) $(TEST_FLAGS) --no-parallel --sanitize=address

test-tsan: test-deps
	$(SWIFT) build --scratch-path $(BUILD_TSAN) --build-tests --sanitize=thread
	$(SWIFT) test --scratch-path $(BUILD_TSAN) $(TEST_FLAGS) --no-parallel --sanitize=thread

fuzz:
	Tests/FuzzTesting/fuzz.sh $(SECONDS)

lint:
	$(SWIFT) format lint --strict --parallel --recursive $(SWIFT_SOURCES)

format:
	$(SWIFT) format --in-place --parallel --recursive $(SWIFT_SOURCES)

asm-check: release
	$(PERF)/asm-check.py

perf-check: release
	@command -v valgrind >/dev/null || $(MAKE) --no-print-directory apt PACKAGES=valgrind
	@command -v strace >/dev/null || $(MAKE) --no-print-directory apt PACKAGES=strace
	$(PERF)/check.py

# Each prints its own table and bar; one that misses its bar doesn't keep the others from running.
perf: release
	@status=0; for script in micro.py startup.py memory.py results.py accuracy.py pacing.py \
		proof/proof.py stolen.py false_alarms.py cost.py "cost.py --tls" features.py live.py \
		scaling.py compare.sh; do \
		echo "== perf/$$script"; $(PERF)/$$script || status=1; \
	done; exit $$status

check: lint test asm-check perf-check

install: release
	install -D -m 755 $(SSEBOMB) $(DESTDIR)$(PREFIX)/bin/ssebomb

clean:
	rm -rf $(BUILD) $(BUILD_ASAN) $(BUILD_TSAN) $(TOOLS) .build-fuzz .build-perf
