#!/usr/bin/env bash
# tools/format.sh fix|check: clang-format over every source of ours, and the checks that need no build.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-check}
mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.cc' '*.h')
case "$mode" in
  fix) clang-format-14 -i "${sources[@]}" ;;
  check)
    clang-format-14 --dry-run --Werror "${sources[@]}"
    .venv/bin/python tools/check_includes.py
    ;;
  *) echo "usage: tools/format.sh fix|check" >&2; exit 2 ;;
esac
