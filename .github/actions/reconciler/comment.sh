#!/usr/bin/env bash
# One comment on the pull request PR_NUMBER: rendered here from the plan's JSON, updated in place, never doubled.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

body=$RUNNER_TEMP/comment.md
rm -f "$body"
code=0
reconciler render "$report/report.json" -o markdown="$body" || code=$? # may be that of the plan: a body is what counts
if [[ ! -s $body ]]; then exit "$((code == 0 ? 70 : code))"; fi

comment=$(own_plan_comments "$PR_NUMBER" | query 'str(data[0]["id"]) if data else ""')
if [[ $comment ]]; then
  gh api --silent -X PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$comment" -F body=@"$body"
else
  gh api --silent -X POST "repos/$GITHUB_REPOSITORY/issues/$PR_NUMBER/comments" -F body=@"$body"
fi
