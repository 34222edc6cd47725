#!/usr/bin/env bash
# The comment on a pull request. `comment.sh comment` draws the plan there from its JSON alone, updated in place, never
# doubled. `planning` and `applied` only put a line on top of it. A plan stands there as the current one only while the
# commit that it was made of is the head; otherwise it is folded away, and the line says so. The label, where one is
# asked for, is that of the newest plan, and there is none while a new one is made.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

name=$RECONCILER_NAME
if [[ ! $name =~ ^[A-Za-z0-9._-]{0,27}$ ]]; then # a label, which ends in it, has 50 characters
  echo "::error title=Name of the comment::The input name takes up to 27 letters, digits, dots, hyphens and underscores."
  exit 64
fi
if [[ ! $RECONCILER_COMMENT =~ ^(always|changes|never)$ || ! $RECONCILER_LABELS =~ ^(true|false)$ ]]; then
  echo "::error title=Inputs of the comment::The input comment is always, changes or never; the input labels is true or false."
  exit 64
fi

pulls=repos/$GITHUB_REPOSITORY/pulls
comments=repos/$GITHUB_REPOSITORY/issues/comments
body=$RUNNER_TEMP/comment.md
run="[run $GITHUB_RUN_NUMBER]($GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID)"
status='<!-- reconciler-status -->'
end='<!-- reconciler-status-end -->'

# take COMMENT: sets `own`, the number of our comment or nothing, `shown`, its commit, `before`, its text, and `stale`.
take() {
  own=$(query 'str(data.get("id", ""))' <<<"$1")
  shown=$(query 'c if re.fullmatch("[0-9a-f]{7,40}", c := str(data.get("commit"))) else ""' <<<"$1")
  before=$(query 'data.get("body", "")' <<<"$1" | tr -d '\r' | sed "/^$status\$/,/^$end\$/d")
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
  gh api --silent -X PATCH "$comments/$own" -F body=@"$body"
}

# The plan as it is drawn from the report, instead of what our comment held.
redraw() {
  local code=0
  rm -f "$body"
  reconciler render "$report/report.json" -o markdown="$body" || code=$? # may be that of the plan: a body is what counts
  if [[ ! -s $body ]]; then exit "$((code == 0 ? 70 : code))"; fi
  if [[ $name ]]; then printf '\n<!-- reconciler-comment {"name": "%s"} -->\n' "$name" >>"$body"; fi
  if [[ $own ]]; then
    gh api --silent -X PATCH "$comments/$own" -F body=@"$body"
  else
    gh api --silent -X POST "repos/$GITHUB_REPOSITORY/issues/$PR_NUMBER/comments" -F body=@"$body"
  fi
}

# label OUTCOME: the pull request has this one of our labels, or none. The others go first: two would contradict each other.
label() {
  if [[ $RECONCILER_LABELS != true ]]; then return; fi
  local prefix="reconciler${name:+ $name}: " has="" each path
  path=repos/$GITHUB_REPOSITORY/issues/$PR_NUMBER/labels
  while IFS= read -r each; do
    if [[ $1 && ${each,,} == "${prefix,,}$1" ]]; then
      has=yes
    elif [[ ${each,,} =~ ^"${prefix,,}"(changes|no-changes|blocked|failed)$ ]]; then
      each=${each// /%20}
      gh api --silent -X DELETE "$path/${each//:/%3A}" || { unlabelled "$1" && return; }
    fi
  done < <(query '"\n".join(label["name"] for label in data["labels"])' <<<"$pull")
  if [[ $1 && ! $has ]]; then gh api --silent -X POST "$path" -f "labels[]=$prefix$1" || unlabelled "$1"; fi
}

unlabelled() {
  echo "::warning title=Label not set::The label for '${1:-planning}' could not be set, the line above says why. GitHub lets a" \
    "job without 'issues: write' use a label, not make one: make the labels once by hand (gh label create)."
}

# The merged pull request is among those that changed last; asked so, the right to read commits is not needed.
tell_applied() {
  local number="" paused="" waiting="" found comment
  read -r number head < <(gh api "$pulls?state=closed&sort=updated&direction=desc&per_page=100" |
    query 'next((str(p["number"]) + " " + p["head"]["sha"] for p in data
      if p["merged_at"] and p["merge_commit_sha"] == args[0]), "")' "$GITHUB_SHA") || true
  if [[ -z $number || -z $APPLY_RESULT ]]; then
    echo "No pull request belongs to $GITHUB_SHA, or nothing was to be applied: nothing to tell."
    return
  fi
  if [[ ${WAITS:-} ]]; then waiting=", but for what waits for a window, as the run says"; fi
  if [[ ${PAUSED:-0} != 0 ]]; then paused=" Paused and left out: $PAUSED account(s)."; fi
  find_author
  found=$(own_plan_comments "$number" |
    query '"\n".join({c["name"]: json.dumps(c) for c in data[::-1] if args[0] in ("", c["name"])}.values())' "$name")
  while IFS= read -r comment; do
    take "$comment"
    case $APPLY_RESULT in
      success) restate TIP "✅ **Applied** in $run: converged$waiting.$paused" ;;
      skipped) restate WARNING "⏸️ **Not applied**: the $run says why.$paused" ;;
      *) restate CAUTION "❌ **Not converged** after apply: the $run says what was carried out and what was not.$paused" ;;
    esac
  done < <(if [[ $found ]]; then printf '%s\n' "$found"; fi)
}

if [[ $1 == applied ]]; then
  tell_applied
  exit 0
fi

pull=$(gh api "$pulls/$PR_NUMBER")
head=$(query 'data["head"]["sha"] if data["state"] == "open" else ""' <<<"$pull")
if [[ -z $head ]]; then
  echo "The pull request is closed: its comment stays as it is."
  exit 0
fi
find_author
take "$(own_plan_comments "$PR_NUMBER" | query 'next((c for c in data if c["name"] == args[0]), {})' "$name")"
mine=${RECONCILER_COMMIT:0:12}

case $1/$([[ $head == "$RECONCILER_COMMIT" ]] && echo head)/$([[ -s $report/report.json ]] && echo report) in
  planning/head/*)
    label ""
    if [[ $own ]]; then restate NOTE "⏳ **Planning** \`$mine\`… ($run)"; fi
    ;;
  comment/head/report)
    verdict=$(query 'verdict(data, args[0])' "${PLAN_RESULT:-}" <"$report/report.json")
    if [[ $own || $RECONCILER_COMMENT == always || ($RECONCILER_COMMENT == changes && $verdict != no-changes) ]]; then
      redraw
    else
      echo "No comment, as the input comment is $RECONCILER_COMMENT: $verdict."
    fi
    label "${verdict/held/no-changes}"
    ;;
  comment/head/)
    if [[ $own ]]; then restate WARNING "⚠️ ${stale:+**Outdated**: }the $run made no plan of \`$mine\`; below is an earlier one."; fi
    label "$([[ ${PLAN_RESULT:-} == success ]] || echo failed)"
    ;;
  comment/*)
    if [[ $own && $stale ]]; then
      restate WARNING "⚠️ **Outdated**: the head is \`${head:0:12}\`, and there is no plan of it yet."
      label ""
    fi
    ;;
esac
