#!/usr/bin/env bash
# Carries out the steps of the Containerfile without a container: where there is no docker and no podman. Needs a folder to work in.
set -euo pipefail
work=$(realpath "$1")
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$work/src"
# What COPY takes, and nothing else: an image that is built of less than it needs fails here, too.
grep -E '^COPY [^-]' "$root/Containerfile" | while read -r _ line; do
    for name in ${line% *}; do cp -r "$root/$name" "$work/src/"; done
done
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-cache-dir "$work/src"
cd "$work"
"$work/venv/bin/softswitch" --version
"$work/venv/bin/softswitch" init "$work/pbx" > /dev/null
"$work/venv/bin/softswitch" check --config "$work/pbx"
test -s "$work"/venv/lib/python3*/site-packages/softswitch/web/dist/index.html  # the pages are in it
