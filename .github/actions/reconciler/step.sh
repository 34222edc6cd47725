#!/usr/bin/env bash
# Entry point of the action: one script per helper, run.sh for the tool's own commands.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case $RECONCILER_COMMAND in
  apply | psk | last | previous | issue)
    if [[ ! ${RECONCILER_ACCOUNT:-} =~ [^[:space:]] ]]; then # a name that was lost on the way must not become all accounts
      echo "::error title=No account::$RECONCILER_COMMAND got no account to work on; give the names as the input account."
      exit 64
    fi
    ;;
esac
case $RECONCILER_COMMAND in
  plan | apply | drift | psk) exec python3 -I "$here/environment.py" bash "$here/run.sh" ;;
  validate) exec bash "$here/run.sh" ;;
  accounts | reviewed) exec bash "$here/$RECONCILER_COMMAND.sh" ;;
  comment | planning | applied) exec bash "$here/comment.sh" "$RECONCILER_COMMAND" ;;
  last) exec bash "$here/last.sh" ;;
  previous | issue) exec bash "$here/issue.sh" "$RECONCILER_COMMAND" ;;
  *)
    echo "::error::The action knows validate, plan, apply, drift, psk, accounts, comment, planning, applied, reviewed, last, previous and issue."
    exit 64
    ;;
esac
