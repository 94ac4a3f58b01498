# The entry points. Each first sets up what it needs (Debian packages, a Python environment, the build) and does only what is left.
#
#   make demo    build, run an ONNX model and an FGLA block, compare with numbers from elsewhere
#   make test    build, run every test
#   make check   build, run the quick tests (daily work)
#   make         build
#
# Variables: BUILD=folder, PRESET=release|dev|asan, JOBS=n, SETUP=0 (install no Debian packages), TESTS=names of suites (make test).
BUILD ?= build
PRESET ?= release
SETUP ?= 1
JOBS ?=
VENV := .venv
PYTHON := $(VENV)/bin/python
NINJA = ninja -C $(BUILD) $(if $(JOBS),-j$(JOBS))

.PHONY: build demo torch test check bench format docs asan packages clean
.DELETE_ON_ERROR:

build: $(BUILD)/build.ninja
	$(NINJA)

demo: $(BUILD)/build.ninja
	$(NINJA) fgla-run fgla-compile
	@$(PYTHON) examples/demo.py --build $(BUILD)

# PyTorch, in an environment of its own, and the ops for it.
torch: $(BUILD)/build.ninja
	@cmake/setup.sh venv .venv-torch test/torch/requirements.txt --no-deps
	@cmake -B $(BUILD) -DFGLA_TORCH=ON >/dev/null
	$(NINJA)

# The suite named torch needs PyTorch, others do not.
test: $(if $(filter torch,$(or $(TESTS),torch)),torch,build)
	@$(PYTHON) test/run.py --build $(BUILD) --tier full $(TESTS)

check: build
	@$(PYTHON) test/run.py --build $(BUILD) --tier quick $(TESTS)

# The CPU tables and plots of benchmarks/results; PyTorch gets an environment of its own.
bench: build
	@cmake/setup.sh venv .venv-bench benchmarks/requirements.txt --no-deps
	@.venv-bench/bin/python benchmarks/cpu_table.py --build $(BUILD)
	@.venv-bench/bin/python benchmarks/cpu_table.py --build $(BUILD) --gradients

# The tests in text and the unit tests on a build with AddressSanitizer and UndefinedBehaviorSanitizer.
asan:
	@ASAN_OPTIONS=allow_user_poisoning=0:detect_container_overflow=0:detect_leaks=0 $(MAKE) --no-print-directory test PRESET=asan BUILD=build-asan TESTS="lit unit"

format:
	git ls-files -z '*.h' '*.cpp' '*.c' | xargs -0 clang-format-22 -i

# The reference of every dialect and pass, from their .td files.
docs: $(BUILD)/build.ninja
	@$(PYTHON) docs/generate_reference.py --build $(BUILD)

packages:
ifneq ($(SETUP),0)
	@cmake/setup.sh packages
endif

$(PYTHON): packages
	@cmake/setup.sh venv $(VENV) test/requirements.txt --no-deps

# Ninja runs CMake again by itself when a CMakeLists.txt has changed.
$(BUILD)/build.ninja: CMakePresets.json | $(PYTHON)
	cmake --preset $(PRESET) -B $(BUILD) -DPython3_EXECUTABLE=$(CURDIR)/$(PYTHON)
	@touch $@

clean:
	rm -rf $(BUILD)
