#!/usr/bin/env bash
# Installs the servers that the end-to-end tests start as plain processes, into a folder that is kept.
#
# versitygw needs Go 1.24 or newer and two minutes; what is there already is not built again.
set -euo pipefail
cache=${MILLRACE_SERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace/servers}
mkdir -p "$cache"

gateway=$cache/versitygw-1.8.0
if [ ! -x "$gateway/versitygw" ]; then
  command -v go >/dev/null || { echo "versitygw is built by Go 1.24 or newer: install it, https://go.dev/dl" >&2; exit 1; }
  echo "building versitygw"
  GOBIN=$gateway go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
fi

moto=$cache/moto-5.2.5
if [ ! -x "$moto/bin/moto_server" ]; then
  echo "installing moto"
  python3 -m venv "$moto"
  "$moto/bin/python" -m pip install --quiet --disable-pip-version-check 'moto[server]==5.2.5'
fi
