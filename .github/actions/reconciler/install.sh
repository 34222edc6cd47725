#!/usr/bin/env bash
# Installs the tool of the action's own commit, its dependencies locked by hash, once a job.
set -euo pipefail

root=$(cd "$GITHUB_ACTION_PATH/../../.." && pwd)
venv=$RUNNER_TEMP/reconciler-venv

if [[ ! -x $venv/bin/reconciler ]]; then
  python3 -m venv "$venv"
  pip=("$venv/bin/python" -I -m pip --disable-pip-version-check --quiet install)
  "${pip[@]}" --require-hashes --only-binary :all: -r "$GITHUB_ACTION_PATH/requirements.txt"
  "${pip[@]}" --no-deps --no-build-isolation "$root"
fi
echo "$venv/bin" >>"$GITHUB_PATH"
