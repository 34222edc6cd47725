#!/usr/bin/env bash
# Is the plan in the report folder the one that stands in the comment of the pull request that made this commit?
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expected=${RECONCILER_EXPECT:-}
if [[ -z $expected ]]; then
  find_author
  pull=$(gh api "repos/$GITHUB_REPOSITORY/commits/$GITHUB_SHA/pulls" |
    query 'next((str(p["number"]) for p in data if p["merge_commit_sha"] == args[0]), "")' "$GITHUB_SHA")
  if [[ $pull ]]; then
    expected=$(own_plan_comments "$pull" |
      query 'next((c["digest"] or "" for c in data if c["name"] == args[0]), "")' "${RECONCILER_NAME:-}")
  fi
fi

actual=$(query 'marker(args[0]).get("digest")' "$(head -n 1 "$report/report.md")" <<<null)
changes=$(query 'pending(data)' <"$report/report.json")
if ((changes > 0)) && [[ $expected != "$actual" ]]; then
  echo "::error title=Not the reviewed plan::The plan is now $actual, reviewed was ${expected:-none}; nothing is applied."
  summarize "🔴 Not the reviewed plan: now \`$actual\`, reviewed was \`${expected:-none}\`. Nothing is applied."
  exit 6
fi
output digests "$(query '{a["account"]: a["digest"] for a in data["accounts"]}' <"$report/report.json")"
