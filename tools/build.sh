#!/usr/bin/env bash
# tools/build.sh PRESET [TARGET...]: configure when needed, then build into build/PRESET.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1; shift
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >/dev/null
exec cmake --build "build/$preset" ${1:+--target "$@"}
