#!/usr/bin/env bash
# The demo: real data, one line that copies a file, one script that computes on it.
set -euo pipefail
cd "$(dirname "$0")/.."
millrace=build/release/bin/millrace
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

tools/demo_data.sh demo/data

say '$ millrace copy demo/data/flights.csv demo/flights.parquet --from null=NA --mode overwrite'
"$millrace" copy demo/data/flights.csv demo/flights.parquet --from null=NA --mode overwrite

say '$ millrace run examples/delays.sql'
"$millrace" run examples/delays.sql

cat <<'TEXT'

Now try:
  build/release/bin/millrace sql                        a shell; SELECT * FROM 'demo/flights.parquet' LIMIT 5;
  build/release/bin/millrace sql -c "SELECT origin, COUNT(*) FROM 'demo/flights.parquet' GROUP BY origin"
  build/release/bin/millrace copy demo/flights.parquet - --to format=csv | head
  build/release/bin/millrace check examples/delays.sql  the plan, and everything that would fail, moving nothing
  build/release/bin/millrace connectors files           every option of the files connector
TEXT
