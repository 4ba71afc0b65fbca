#!/usr/bin/env bash
# tools/fuzz.sh SECONDS: build every fuzzer and run each for so long, starting from fuzz/corpus/<name>.
#
# FUZZ_SEED (1) decides the inputs, so that a run can be repeated; vary it to look elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
mapfile -t names < <(sed -n 's/^millrace_fuzzer(\([a-z_]*\).*/\1/p' fuzz/CMakeLists.txt)
tools/build.sh fuzz "${names[@]}"
failed=0
for name in "${names[@]}"; do
  work=$(mktemp -d)
  seeds=()
  [ -d "fuzz/corpus/$name" ] && seeds=("fuzz/corpus/$name")
  # Arrow's ORC takes a stripe's sizes of texts on trust, as formats/README.md says: only inputs that were looked at before.
  limits=(-max_total_time="$seconds")
  [ "$name" = orc_fuzz ] && limits+=(-runs=500 -seed=1)
  # The last argument's finds stay out of the source tree; a crashing input is kept for the report.
  if ! build/fuzz/bin/"$name" -seed="${FUZZ_SEED:-1}" "${limits[@]}" -rss_limit_mb=4096 -timeout=20 -print_final_stats=1 \
      -artifact_prefix="build/fuzz/$name-" "$work" "${seeds[@]}" >"build/fuzz/$name.log" 2>&1; then
    echo "$name failed; see build/fuzz/$name.log and build/fuzz/$name-*" >&2
    tail -n 40 "build/fuzz/$name.log" >&2
    failed=1
  else
    grep -E 'stat::number_of_executed_units' "build/fuzz/$name.log" | sed "s/^/$name /"
  fi
  rm -rf "$work"
done
exit $failed
