#!/usr/bin/env bash
# Resolves the versions in pyproject.toml, build.in and prepare.in into lock files with hashes.
# Existing pins are kept where they still fit; `UPGRADE=1 make lock` takes the newest.
# usage: lock.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."

uv_version=0.13.8
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

echo "==> Fetching the resolver (uv $uv_version) into a scratch environment"
"$1" -m venv "$scratch/env"
"$scratch/env/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"

# openvino-telemetry writes an analytics identity into the home folder and reports use; openvino
# works without it. torch's GPU builds would pull in gigabytes; see prepare.in.
printf '%s\n' openvino-telemetry torch > "$scratch/excludes"

compile() { # compile OUTPUT INPUT [OPTION...]
    local output=$1 input=$2
    shift 2
    echo "==> Resolving $input into $output"
    {
        echo "# Written by \`make lock\` from $input. Do not edit by hand."
        echo
    } > "$scratch/head"
    rm -f "$scratch/lock"
    [ -n "${UPGRADE:-}" ] || [ ! -f "$output" ] || cp "$output" "$scratch/lock"
    "$scratch/env/bin/uv" pip compile --quiet --universal --python-version 3.11 \
        --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
        --annotation-style line --excludes "$scratch/excludes" "$@" --output-file "$scratch/lock" "$input" > /dev/null
    cat "$scratch/head" "$scratch/lock" > "$output"
}

compile packaging/runtime.lock pyproject.toml
compile packaging/dev.lock pyproject.toml --group dev --constraint packaging/runtime.lock
compile packaging/build.lock packaging/build.in
compile packaging/prepare.lock packaging/prepare.in

if grep -nE '(https?|file)://|--(extra-)?index-url|--find-links' packaging/*.lock; then
    echo "error: a lock file names where its packages came from; take that line out" >&2
    exit 1
fi
echo "Locks written. Commit them together with the change that asked for them."
