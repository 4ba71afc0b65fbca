#!/usr/bin/env bash
# tools/check_docs.sh BINARY: the generated pages are what BINARY would generate.
#
# To renew them: BINARY docs .
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$1
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$binary" docs "$fresh"
status=0
while IFS= read -r page; do
  diff -u "$page" "$fresh/$page" || status=1
done < <(cd "$fresh" && find . -type f -printf '%P\n' | sort)
[ "$status" -eq 0 ] || echo "generated pages differ; renew them by: $binary docs ." >&2
exit "$status"
