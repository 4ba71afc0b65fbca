#!/usr/bin/env bash
# Every test: style and layers, release and sanitizer builds, unit tests, end-to-end tests, fuzzers.
#
#   tools/test.sh            all of it
#   FUZZ_SECONDS=5 tools/test.sh
#   MILLRACE_SEEDS=20261121000:200 tools/test.sh    the fresh seeds of another day
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

step "style and layers"
tools/format.sh check

step "release build"
tools/build.sh release
tools/build.sh release benchmarks
step "release: unit tests and simulation"
env -u MILLRACE_SEEDS ctest --test-dir build/release --output-on-failure

fresh=${MILLRACE_SEEDS:-$(date -u +%Y%m%d)000:200}
step "release: simulation, fresh seeds: MILLRACE_SEEDS=$fresh"
MILLRACE_SEEDS=$fresh build/release/bin/engine_test --gtest_brief=1 \
  --gtest_filter='Simulation.*:CheckpointSimulation.WhatIs*:-*.FullDisk*'

step "data for the end-to-end tests"
tools/demo_data.sh demo/data

step "generated documentation"
tools/check_docs.sh build/release/bin/millrace

step "servers for the end-to-end tests"
tools/install_servers.sh

step "end-to-end tests"
.venv/bin/python -m pytest -q -n 2 --dist worksteal tests/python

step "AddressSanitizer and UBSan build"
tools/build.sh asan
step "AddressSanitizer and UBSan: unit tests and simulation"
MILLRACE_SEEDS=15 ctest --test-dir build/asan --output-on-failure

step "ThreadSanitizer: the runtime"
tools/build.sh tsan runtime_test
ctest --test-dir build/tsan --output-on-failure -R '^runtime_test$'

step "fuzzers"
tools/fuzz.sh "${FUZZ_SECONDS:-30}"

step "done"
