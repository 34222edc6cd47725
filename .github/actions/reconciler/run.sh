#!/usr/bin/env bash
# Runs validate, plan, apply, drift or psk set: log, annotations, job summary, outputs, and the exit code as the verdict.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command=$RECONCILER_COMMAND
previous=$RUNNER_TEMP/reconciler-previous.json
common=(--dir "$RECONCILER_DIRECTORY")
options=()
skipped=""

while IFS= read -r account; do
  if [[ $account ]]; then common+=(--account "$account"); fi
done <<<"${RECONCILER_ACCOUNT:-}"

# What else the command is to be told: one argument a line, and no word of it is the shell's. Only options, since `--help`
# or another word would be green without a plan, and none that is set here or leads to another account or server.
# Plan and apply are given the same: plan leaves out what only apply takes.
set_here="account auto-approve base-url detailed-exitcode dir help json live out output plan previous sandbox timeout version"
further=()
of_plan=()
number=0
while read -r argument; do
  number=$((number + 1))
  argument=${argument%$'\r'}
  name=${argument%%=*}
  if [[ ! $argument ]]; then continue; fi
  if [[ ! $argument =~ ^(--[a-z][a-z-]*(=.*)?|-q|-v+)$ ]]; then
    echo "::error title=Bad argument::Line $number of the arguments is not an option; write --name or --name=value, one a line."
    exit 64
  fi
  if [[ " $set_here " == *" ${name#--} "* ]]; then
    echo "::error title=Bad argument::Line $number of the arguments has $name, which the action sets. Drop it; accounts, folder" \
      "and time limit have inputs of their own."
    exit 64
  fi
  further+=("$argument")
  if [[ $name != --allow-commands && $name != --batch-size && $name != --retry ]]; then of_plan+=("$argument"); fi
done <<<"${RECONCILER_ARGUMENTS:-}"

# The tool must end before the runner kills it. What the job does besides, before and after, takes its time too.
beside=180
if [[ ! ${RECONCILER_MINUTES:=} =~ ^([1-9][0-9]{0,3})?$ ]] || ((${RECONCILER_MINUTES:-5} < 5)); then
  echo "::error title=Bad time limit::The input minutes is the timeout-minutes of the job, a whole number from 5 on."
  exit 64
fi

# Splits the selected accounts: `ready` are those whose token is set, `missing` are variable and name of the others, and
# `without` says so. The names come from the files of a pull request: only plain ones are looked at, and no shell
# expansion is.
ready=()
missing=()
without=""
look_for_tokens() {
  local name account
  while IFS=$'\t' read -r name account; do
    if [[ $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ && $(printenv "$name") ]]; then
      ready+=("$account")
    else
      missing+=("$name" "$account")
      without+="${without:+, }$account ($name)"
    fi
  done < <(reconciler accounts "${common[@]}" -o json 2>/dev/null |
    query '"\n".join("\t".join(" ".join(text.split()) for text in (a["token"]["env"], a["account"])) for a in data["accounts"])')
}

# Writes those accounts into the report, too: the pull request's comment is drawn from it.
tell_missing() {
  if [[ $command != plan || ! -s $report/report.json ]]; then return; fi
  query '{**data, "diagnostics": [*data.get("diagnostics", []), *(
    {"severity": args[0], "code": "no-token", "summary": f"account {account} was {args[1]}",
     "detail": f"Its token is not there: the environment variable {name} is not set."}
    for name, account in zip(args[2::2], args[3::2]))]}' \
    "$([[ $RECONCILER_WITHOUT_CREDENTIALS == skip ]] && echo warning || echo error)" \
    "$([[ ${#ready[@]} == 0 ]] && echo "planned against a saved list" || echo "not planned")" \
    "${missing[@]}" <"$report/report.json" >"$report/report.new"
  mv "$report/report.new" "$report/report.json"
}

# Passes the tool's standard error on, and lets commands be heard again at its end. While they are stopped, the runner
# would not mask the keys that the tool tells it, but show them: they wait here until then.
hold_masks() {
  local line masks=()
  while IFS= read -r line || [[ $line ]]; do
    if [[ $line == ::add-mask::* ]]; then masks+=("$line"); else printf '%s\n' "$line"; fi
  done
  printf '%s\n' "::$1::" "${masks[@]}"
}

# Runs the tool, its log folded into a group. Names and messages of others stand in it: no line of it may be taken for
# a workflow command.
# The runner signals this shell alone, twice; the tool must hear it once, to finish the call in flight and stop.
reconcile() {
  local child="" stopped="" status=0 fence left limit=() errors passer
  fence=$(random)
  echo "::group::reconciler $1"
  echo "::stop-commands::$fence"
  trap 'trap "" INT TERM; stopped=yes; [[ -z $child ]] || kill -TERM "$child" 2>/dev/null || true' INT TERM
  exec {errors}> >(hold_masks "$fence")
  passer=$!
  if [[ $RECONCILER_MINUTES ]]; then
    left=$((RECONCILER_MINUTES * 60 - beside - SECONDS))
    limit=(--timeout "$((left > 0 ? left : 1))")
  fi
  reconciler "$@" "${limit[@]}" 2>&"$errors" {errors}>&- &
  child=$!
  exec {errors}>&-
  if [[ -n $stopped ]]; then kill -TERM "$child" 2>/dev/null || true; fi
  wait "$child" || status=$?
  while kill -0 "$child" 2>/dev/null; do
    status=0
    wait "$child" || status=$?
  done
  wait "$passer" || true # it ends when the tool, and all that it started, have
  trap - INT TERM
  echo "::endgroup::"
  return "$status"
}

# Saves the plan, if every account of it has the digest that was reviewed; apply --plan then holds it to that.
reviewed_plan() {
  local verdict
  reconcile plan "${common[@]}" "${of_plan[@]}" -o json="$report/report.json" --out "$report/plan.json" || return
  verdict=$(query '("missing" if not data["accounts"] or not all(mapping(args[0]).get(a["account"]) for a in data["accounts"])
    else "same" if all(mapping(args[0])[a["account"]] == a["digest"] for a in data["accounts"]) else "changed")' \
    "${RECONCILER_DIGESTS:-}" <"$report/report.json") || true
  case $verdict in
    same) return 0 ;;
    changed) echo "::error title=Plan changed::The plan is no longer the one that was reviewed; nothing was written." ;;
    *)
      echo "::error title=No reviewed digest::Only a reviewed plan may be applied, and no digest came for it; nothing was" \
        "written. GitHub drops an output that holds a masked value: look for 'Skip output' in the job Reviewed plan."
      ;;
  esac
  return 6
}

# The gate is a value of its own: digests that were lost on the way must not switch it off. Only `false` does.
gate=""
if [[ $command == apply && (${RECONCILER_REVIEWED:-} != false || ${RECONCILER_DIGESTS:-}) ]]; then gate=yes; fi

case $command in
  plan)
    look_for_tokens
    if [[ ! $without || (${#ready[@]} == 0 && $RECONCILER_WITHOUT_CREDENTIALS != skip) ]]; then
      options+=(--detailed-exitcode --out "$report/plan.json") # without any token the tool itself refuses
    elif ((${#ready[@]} > 0)); then
      skipped="Not planned, no credentials: $without."
      common=(--dir "$RECONCILER_DIRECTORY")
      for account in "${ready[@]}"; do common+=(--account "$account"); done
      options+=(--detailed-exitcode --out "$report/plan.json")
    elif [[ ${RECONCILER_LIVE:-} && -f $RECONCILER_LIVE ]]; then
      skipped="Planned offline against a saved list: no credentials for $without."
      options+=(--detailed-exitcode --live "$RECONCILER_LIVE")
    else
      skipped="Plan skipped: no credentials for $without."
      command=validate
    fi
    ;;
  apply)
    if [[ $gate ]]; then options+=(--plan "$report/plan.json"); else options+=(--auto-approve); fi
    if [[ -f $previous ]]; then options+=(--previous "$previous"); fi
    # Where a person has merged, or started the run, what an earlier one rolled back may be tried again.
    if [[ -f $previous && ${GITHUB_EVENT_NAME:-} != schedule ]]; then options+=(--retry); fi
    ;;
  drift) if [[ -f $previous ]]; then options+=(--previous "$previous"); fi ;;
  psk)
    options+=(set --auto-approve)
    while read -r tunnel; do
      if [[ $tunnel == -* ]]; then # it would be an option
        echo "::error title=Bad name::The input tunnels takes names and patterns, and none begins with a hyphen."
        exit 64
      fi
      if [[ $tunnel ]]; then options+=("$tunnel"); fi
    done <<<"${RECONCILER_TUNNELS//,/$'\n'}"
    ;;
esac
case $RECONCILER_COMMAND/$command in
  plan/plan) options+=("${of_plan[@]}") ;;
  plan/*) ;; # without a token the files are only checked
  *) options+=("${further[@]}") ;;
esac

rm -rf "$report"
mkdir -p "$report"

code=0
if [[ $gate ]]; then reviewed_plan || code=$?; fi
if ((code == 0)); then
  reconcile "$command" "${common[@]}" "${options[@]}" -o text -o json="$report/report.json" \
    -o markdown="$report/report.md" -o html="$report/report.html" -o github="$report/annotations" || code=$?
fi
if [[ -f $report/annotations ]]; then cat "$report/annotations"; fi

if [[ $skipped ]]; then
  tell_missing
  if [[ $RECONCILER_WITHOUT_CREDENTIALS == skip ]]; then
    echo "::notice title=No credentials::$skipped"
  else # a plan of some accounts must not pass for a plan of all
    echo "::error title=No credentials::$skipped"
    if ((code == 0 || code == 2)); then code=9; fi
  fi
  summarize "> [!NOTE]" "> $skipped" ""
fi
if [[ -s $report/report.md ]]; then
  cat "$report/report.md" >>"$GITHUB_STEP_SUMMARY"
else
  summarize "❌ \`reconciler $command\` ended with exit code $code and no report; the log says why."
fi

names=([0]=ok [1]=error [2]=changes [3]=invalid [4]=rejected [5]=blocked [6]=plan_changed [7]=partial [8]=interrupted
  [9]=auth [64]=usage [70]=internal)
outcome=${names[code]:-error}
if [[ $skipped && $command == validate && $code == 0 ]]; then outcome=skipped; fi

create=0 update=0 delete=0 keys=0
if [[ -s $report/report.json ]]; then
  read -r create update delete keys < <(query '" ".join(
    [str(int((data.get("summary") or {}).get(k) or 0)) for k in ("create", "update", "delete")]
    + [str(sum(map(keyless, data.get("accounts") or [])))])' <"$report/report.json")
  output report "$report"
  if [[ $command == apply ]]; then
    output artifact "$(artifact_name)"
    waits=$(query 'any(h.get("opens") for a in data.get("accounts") or [] for h in a.get("held_back", []))' <"$report/report.json")
    if [[ $waits == true ]]; then output waits true; fi # of all accounts, one that says nothing must not take it away
  fi
fi
output exitcode "$code"
output outcome "$outcome"
output changes "$([[ $((create + update + delete + keys)) != 0 ]] && echo true || echo false)"
output to_create "$create"
output to_update "$update"
output to_delete "$delete"
output plan_path "$([[ -f $report/plan.json ]] && echo "$report/plan.json" || true)"
output summary "$outcome: $create to create, $update to update, $delete to delete"

for green in $RECONCILER_SUCCESS_CODES; do
  if ((code == green)); then exit 0; fi
done
exit "$code"
