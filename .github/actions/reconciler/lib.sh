# shellcheck shell=bash disable=SC2034 # the variables are for the scripts that source this
# Shared by the scripts beside it. Python runs isolated (-I): the working directory holds files of a pull request.

report=${RECONCILER_REPORT:-$RUNNER_TEMP/reconciler-report}
author=${RECONCILER_AUTHOR:-github-actions[bot]}

# output NAME VALUE: a random delimiter, so that no value can end its own heredoc.
output() {
  local delimiter
  delimiter=end-$(random)
  printf '%s<<%s\n%s\n%s\n' "$1" "$delimiter" "$2" "$delimiter" >>"$GITHUB_OUTPUT"
}

random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# summarize LINE…: lines of the job summary.
summarize() { printf '%s\n' "$@" >>"$GITHUB_STEP_SUMMARY"; }

# query EXPRESSION ARGUMENT…: prints a Python expression over `data`, the JSON on stdin, and `args`; text as it is,
# anything else as JSON. marker(text, kind) is the JSON of a hidden line: the tool's stands first, ours last.
# mapping(text) is the JSON object in a text, empty if there is none.
# keyless(account) counts the tunnels that apply has a key made for, doubtful(account) names all keys that are not well.
query() {
  python3 -I -c '
import hashlib, json, re, sys

def marker(text, kind="reconciler"):
    found = re.findall(rf"^<!-- {kind} (\{{.*\}}) -->\s*$", text or "", re.MULTILINE)
    try:
        return json.loads(found[0 if kind == "reconciler" else -1])
    except (IndexError, ValueError):
        return {}

def keyless(account):
    return sum((key.get("error") or {}).get("code") == "no-key" for key in account.get("keys", []))

def mapping(text):
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}

def doubtful(account):
    return [["key", key["name"], key["error"]["code"]] for key in account.get("keys", []) if key.get("error")]

names = {"hashlib": hashlib, "json": json, "re": re, "marker": marker, "mapping": mapping, "keyless": keyless}
names["doubtful"] = doubtful
value = eval(sys.argv[1], {**names, "data": json.load(sys.stdin), "args": sys.argv[2:]})
print(value if isinstance(value, str) else json.dumps(value))' "$@"
}

# own_plan_comments PULL_REQUEST: JSON list of {id, digest, commit, body} of our own comments on plans, oldest first.
own_plan_comments() {
  gh api --paginate --slurp "repos/$GITHUB_REPOSITORY/issues/$1/comments?per_page=100" |
    query '[{"id": c["id"], "digest": m.get("digest"), "commit": m.get("commit"), "body": c["body"]}
      for page in data for c in page if c["user"]["login"] == args[0] and (m := marker(c["body"])).get("command") == "plan"]' \
      "$author"
}
