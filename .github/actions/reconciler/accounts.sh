#!/usr/bin/env bash
# The accounts as a matrix, grouped by token: calls are limited per token, so its accounts go one after the other.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

common=(--dir "$RECONCILER_DIRECTORY")
while IFS= read -r account; do
  if [[ $account ]]; then common+=(--account "$account"); fi
done <<<"${RECONCILER_ACCOUNT:-}"
reconciler accounts "${common[@]}" -o json="$RUNNER_TEMP/accounts.json" -o github
accounts=$(<"$RUNNER_TEMP/accounts.json")

output accounts "$(query '[a["account"] for a in data["accounts"]]' <<<"$accounts")"
output tokens "$(query '[
  {"token": token, "accounts": [a["account"] for a in data["accounts"] if a["token"]["env"] == token and not a["paused"]]}
  for token in sorted({a["token"]["env"] for a in data["accounts"] if not a["paused"]})]' <<<"$accounts")"

paused=$(query 'sum(bool(a["paused"]) for a in data["accounts"])' <<<"$accounts")
output paused "$paused"
if ((paused > 0)); then
  echo "::notice title=Paused::$paused paused account(s): planned and reported, not applied."
  summarize "⏸️ $paused paused account(s): planned and reported, not applied."
fi
