#!/bin/sh
# Make the environment of one service, as its image has it, from a folder of wheels that were checked against
# requirements.lock when they were fetched. Nothing is downloaded, and pip is not in it.
#
#   release/environment.sh SERVICE WHEELS FOLDER      (from the root of the repository; python3 names the interpreter)
#
# FOLDER gets sbom.json: what is in it, by name, version and hash.
set -eu
service=$1 wheels=$2 folder=$3
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
# The pip that comes with Python, pinned with it.
python3 -m venv "$tools"
pip="$tools/bin/python -m pip --quiet --disable-pip-version-check"
$pip wheel --no-index --find-links "$wheels" --no-deps --wheel-dir "$tools/own" .
python3 -m venv --clear --without-pip "$folder"
# By its name, not its path: where it lay for a moment would stay written in the environment.
$pip --python "$folder/bin/python" install --no-compile --no-index --find-links "$wheels" --find-links "$tools/own" \
  "orc-nats-ator[$service]"
# By hash, not by time of change: the same sources give the same files.
"$folder/bin/python" -m compileall -q --invalidation-mode unchecked-hash "$folder/lib"
"$folder/bin/python" -m release.sbom --output "$folder/sbom.json"
