#!/usr/bin/env bash
# Installs what building, testing and running Millrace needs on Debian 12.
#
#   tools/install.sh            everything: build, tests, benchmarks
#
# Safe to run again: it does nothing when the stamp of this file and of requirements.txt is current.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  ca-certificates git make g++ cmake ninja-build pkg-config ccache lld patchelf python3 python3-venv
  clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev libfuzzer-14-dev
  libcli11-dev libcurl4-openssl-dev libedit-dev libexpat1-dev libfmt-dev libgtest-dev libgmock-dev
  libhowardhinnant-date-dev libhwy-dev liblzma-dev libprotobuf-dev libsimdjson-dev libssl-dev libxxhash-dev
  libyaml-cpp-dev nlohmann-json3-dev protobuf-compiler tzdata
)

stamp=.venv/.installed
wanted=$(cat tools/install.sh tools/requirements.txt | sha256sum | cut -d' ' -f1)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -eq 0 ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi

if [ "${#missing[@]}" -gt 0 ]; then
  echo "installing Debian packages: ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "need root or sudo to install: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Debian's own Python, so that the wheels and the interpreter are the same on every machine.
[ -x .venv/bin/python ] || /usr/bin/python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r tools/requirements.txt
# The wheel ships versioned libraries only; the linker wants the plain names too.
.venv/bin/python -c 'import pyarrow; pyarrow.create_library_symlinks()'
echo "$wanted" > "$stamp"
