#!/usr/bin/env bash
# The one comment on a pull request. `comment.sh comment` draws the plan there from its JSON alone, updated in place,
# never doubled. `planning` and `applied` only put a line on top of it. A plan stands there as the current one only while
# the commit that it was made of is the head; otherwise it is folded away, and the line says so.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

pulls=repos/$GITHUB_REPOSITORY/pulls
body=$RUNNER_TEMP/comment.md
run="[run $GITHUB_RUN_NUMBER]($GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID)"
status='<!-- reconciler-status -->'
end='<!-- reconciler-status-end -->'

# find_own PULL_REQUEST: sets `own`, the number of our comment or nothing, `shown`, its commit, and `stale`.
find_own() {
  local found
  found=$(own_plan_comments "$1" | query 'data[0] if data else {}')
  own=$(query 'str(data.get("id", ""))' <<<"$found")
  shown=$(query 'c if re.fullmatch("[0-9a-f]{7,40}", c := str(data.get("commit"))) else ""' <<<"$found")
  before=$(query 'data.get("body", "")' <<<"$found" | tr -d '\r' | sed "/^$status\$/,/^$end\$/d")
  stale=""
  if [[ -z $shown || $head != "$shown"* ]]; then stale=yes; fi
}

# restate ALERT LINE: puts the line on top of our comment, in the place of an earlier one.
restate() {
  {
    head -n 1 <<<"$before"
    printf '%s\n> [!%s]\n> %s\n\n' "$status" "$1" "$2"
    if [[ $stale ]]; then printf '<details><summary>The plan of an older commit %s</summary>\n\n' "$shown"; fi
    printf '%s\n' "$end"
    tail -n +2 <<<"$before"
    if [[ $stale ]]; then printf '\n%s\n</details>\n%s\n' "$status" "$end"; fi
  } >"$body"
  gh api --silent -X PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$own" -F body=@"$body"
}

# The plan as it is drawn from the report, instead of what our comment held.
redraw() {
  local code=0
  rm -f "$body"
  reconciler render "$report/report.json" -o markdown="$body" || code=$? # may be that of the plan: a body is what counts
  if [[ ! -s $body ]]; then exit "$((code == 0 ? 70 : code))"; fi
  if [[ $own ]]; then
    gh api --silent -X PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$own" -F body=@"$body"
  else
    gh api --silent -X POST "repos/$GITHUB_REPOSITORY/issues/$PR_NUMBER/comments" -F body=@"$body"
  fi
}

# The merged pull request is among those that changed last; asked so, the right to read commits is not needed.
tell_applied() {
  local number="" paused=""
  read -r number head < <(gh api "$pulls?state=closed&sort=updated&direction=desc&per_page=100" |
    query 'next((str(p["number"]) + " " + p["head"]["sha"] for p in data
      if p["merged_at"] and p["merge_commit_sha"] == args[0]), "")' "$GITHUB_SHA") || true
  own=""
  if [[ $number ]]; then find_own "$number"; fi
  if [[ ${PAUSED:-0} != 0 ]]; then paused=" Paused and left out: $PAUSED account(s)."; fi
  case ${own:+$APPLY_RESULT} in
    "") echo "No pull request with a plan belongs to $GITHUB_SHA: nothing to tell." ;;
    success) restate TIP "✅ **Applied** in $run: converged.$paused" ;;
    skipped) restate WARNING "⏸️ **Not applied**: the $run says why.$paused" ;;
    *) restate CAUTION "❌ **Not converged** after apply: the $run says what was carried out and what was not.$paused" ;;
  esac
}

if [[ $1 == applied ]]; then
  tell_applied
  exit 0
fi

head=$(gh api "$pulls/$PR_NUMBER" | query 'data["head"]["sha"] if data["state"] == "open" else ""')
if [[ -z $head ]]; then
  echo "The pull request is closed: its comment stays as it is."
  exit 0
fi
find_own "$PR_NUMBER"
mine=${RECONCILER_COMMIT:0:12}

case $1/$([[ $head == "$RECONCILER_COMMIT" ]] && echo head)/$([[ -s $report/report.json ]] && echo report) in
  planning/head/*)
    if [[ $own ]]; then restate NOTE "⏳ **Planning** \`$mine\`… ($run)"; fi
    ;;
  comment/head/report) redraw ;;
  comment/head/)
    if [[ $own ]]; then restate WARNING "⚠️ ${stale:+**Outdated**: }the $run made no plan of \`$mine\`; below is an earlier one."; fi
    ;;
  comment/*)
    if [[ $own && $stale ]]; then restate WARNING "⚠️ **Outdated**: the head is \`${head:0:12}\`, and there is no plan of it yet."; fi
    ;;
esac
