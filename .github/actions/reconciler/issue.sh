#!/usr/bin/env bash
# One tracking issue for the drift of the account RECONCILER_ACCOUNT. It carries its own report, from which the next
# run takes first seen and age. `issue.sh previous` fetches that report, `issue.sh issue` brings the issue up to date.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

account=$RECONCILER_ACCOUNT
find_author
creator=${author/\[/%5B}
creator=${creator/\]/%5D}
issues=repos/$GITHUB_REPOSITORY/issues
body=$RUNNER_TEMP/issue.md
now=$(date -u +'%Y-%m-%d %H:%M UTC')
run=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID

# Our own issue on this account, an open one first, then the newest: {number, state, drift, report}, or {}.
find_issue() {
  gh api --paginate --slurp "$issues?state=all&creator=$creator&per_page=100" |
    query 'next(iter(sorted(
      ({"number": i["number"], "state": i["state"], "drift": marker(i["body"], "reconciler-drift").get("drift"),
        "report": marker(i["body"], "reconciler-report").get("gzip", "")}
       for page in data for i in page if i["user"]["login"].lower() == args[0].lower() and "pull_request" not in i
       and marker(i["body"], "reconciler-drift").get("account") == args[1]),
      key=lambda i: (i["state"] != "open", -i["number"]))), {})' "$author" "$account"
}

# The outcome, how much has drifted, and a fingerprint without ages and times: the same drift later is no change.
examine() {
  query '" ".join([data["outcome"], str(sum(a["drifted"] + len(doubtful(a)) for a in data["accounts"])),
    hashlib.sha256(json.dumps(sorted(
      [[c["name"], str(c.get("class")), sorted([f["path"], json.dumps([f["before"], f["after"]])] for f in c["fields"])]
       for a in data["accounts"] for c in a["changes"]] + [key for a in data["accounts"] for key in doubtful(a)], key=str
    )).encode()).hexdigest()[:16]])' <"$report/report.json"
}

# compose DRIFT: the visible report, the heartbeat, and what the next run needs. GitHub takes 65,536 characters.
compose() {
  local state data
  state=$(query '"<!-- reconciler-drift " + json.dumps({"account": args[0], "drift": args[1]}).replace(">", "\\u003e") + " -->"' \
    "$account" "$1" <<<null)
  data="<!-- reconciler-report {\"gzip\": \"$(gzip -9nc "$report/report.json" | base64 -w0)\"} -->"
  if ((${#data} > 60000)); then data="<!-- the report is too large to be carried here: ages start anew -->"; fi
  if (($(wc -c <"$report/report.md") + ${#data} > 64000)); then
    printf '%s\n## Drift\n\nThe report is too large for an issue; the run below has it.\n' "$(head -n 1 "$report/report.md")"
  else
    cat "$report/report.md"
  fi
  printf '\n\n---\nLast checked %s ([run](%s)). Never corrected from here; closes itself once in sync.\n' "$now" "$run"
  printf '%s\n%s\n' "$state" "$data"
}

comment() { gh api --silent -X POST "$issues/$number/comments" -f body="$1"; }
update() { gh api --silent -X PATCH "$issues/$number" -f state="$1" -F body=@"$body"; }

found=$(find_issue)
if [[ $1 == previous ]]; then
  previous=$RUNNER_TEMP/reconciler-previous.json
  if ! query 'data.get("report", "")' <<<"$found" | base64 -d 2>/dev/null | gunzip >"$previous" 2>/dev/null; then
    rm -f "$previous"
  fi
  exit 0
fi

read -r outcome count after < <(examine)
if [[ $outcome != ok && $outcome != changes ]]; then
  echo "::warning title=Drift not checked::The issue stays as it is: $outcome."
  exit 0
fi

read -r number state before < <(query '" ".join(str(data.get(k) or "none") for k in ("number", "state", "drift"))' <<<"$found")
compose "$after" >"$body"

case $outcome/$state in
  ok/open)
    comment "In sync since $now."
    update closed
    ;;
  ok/*) ;;
  changes/none) gh api --silent -X POST "$issues" -f title="Tunnel drift: $account" -F body=@"$body" ;;
  changes/open)
    update open
    if [[ $before != "$after" ]]; then comment "The drift has changed: $count difference(s) now, see above."; fi
    ;;
  changes/closed)
    update open
    comment "Drift again: $count difference(s), see above."
    ;;
esac
summarize "💓 Drift of this account checked $now: $outcome."
