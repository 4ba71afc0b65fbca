#!/usr/bin/env bash
# tools/dist.sh TARGET: the program as a folder that runs on a bare Debian 12, wherever it stands.
#
# TARGET/bin/millrace, TARGET/lib: libmillrace.so and every shared library that the base system lacks. What is there stays,
# so that TARGET may be /usr/local. Set STRIP=0 to keep the line tables of the debugger.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
binary=build/release/bin/millrace
[ -x "$binary" ] || { echo "$binary is missing: run make build" >&2; exit 1; }

# In every Debian 12, a minimal one too: libc6, libgcc-s1 and libstdc++6, on which apt depends.
base='^(linux-vdso|ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libgcc_s|libstdc\+\+)\.so'

# "name path" of everything that `binary` loads, however deep; ldd walks the tree.
libraries() {
  ldd "$binary" | awk '$2 == "=>" { if ($3 == "not") { print "missing: " $1 > "/dev/stderr"; exit 1 } print $1, $3 }'
}

# The Debian package of a file; older packages know it without /usr.
owner() {
  local real
  real=$(readlink -f "$1")
  { dpkg-query -S "$real" || dpkg-query -S "${real#/usr}" || true; } 2>/dev/null | head -1 | cut -d: -f1
}
# The copyright file of package $1.
licence() {
  local file=/usr/share/doc/$1/copyright
  [ -f "$file" ] || { echo "package $1 has no copyright file" >&2; exit 1; }
  install -m 644 "$file" "$notices/$1.txt"
}

mkdir -p "$target/bin" "$target/lib" "$target/share/doc/millrace"
notices=$target/share/doc/millrace
install -m 755 "$binary" "$target/bin/millrace.new"
patchelf --set-rpath '$ORIGIN/../lib' "$target/bin/millrace.new"
[ "${STRIP:-1}" = 0 ] || strip --strip-unneeded "$target/bin/millrace.new"
libraries > "$notices/.libraries"
while read -r name path; do
  [[ $name =~ $base ]] && continue
  install -m 755 "$path" "$target/lib/$name.new"
  patchelf --set-rpath '$ORIGIN' "$target/lib/$name.new"
  # Only ours: the others come stripped.
  if [ "$name" = libmillrace.so ] && [ "${STRIP:-1}" != 0 ]; then strip --strip-unneeded "$target/lib/$name.new"; fi
  mv "$target/lib/$name.new" "$target/lib/$name"
  package=$(owner "$path")
  [ -z "$package" ] || licence "$package"
done < "$notices/.libraries"
rm "$notices/.libraries"
# Last, so that a folder in use never has a new program beside old libraries.
mv "$target/bin/millrace.new" "$target/bin/millrace"
install -m 644 LICENSE "$notices/LICENSE"
# Compiled in from headers.
for package in libfmt-dev libcli11-dev nlohmann-json3-dev libxxhash-dev; do licence "$package"; done
pyarrow=$(.venv/bin/python -c 'import pathlib, pyarrow; print(pathlib.Path(pyarrow.__file__).parent)')
metadata=$(echo "$pyarrow"-*.dist-info)
for name in LICENSE LICENSE.txt NOTICE NOTICE.txt; do
  found=$(find "$metadata" "$pyarrow" -maxdepth 3 -name "$name" -print -quit)
  [ -n "$found" ] && install -m 644 "$found" "$notices/arrow-$name"
done
ls "$notices"/arrow-LICENSE* >/dev/null || { echo "Arrow's licence was not found in $metadata" >&2; exit 1; }
echo "$target: $("$target/bin/millrace" --version), $(du -sh "$target/lib" | cut -f1) of libraries"
