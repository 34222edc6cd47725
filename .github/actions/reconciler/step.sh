#!/usr/bin/env bash
# Entry point of the action: one script per helper, run.sh for the tool's own commands.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case $RECONCILER_COMMAND in
  validate | plan | apply | drift) exec bash "$here/run.sh" ;;
  accounts | comment | reviewed) exec bash "$here/$RECONCILER_COMMAND.sh" ;;
  previous | issue) exec bash "$here/issue.sh" "$RECONCILER_COMMAND" ;;
  *)
    echo "::error::The action knows validate, plan, apply, drift, accounts, comment, previous, issue and reviewed."
    exit 64
    ;;
esac
