# shellcheck shell=bash disable=SC2034 # the variables are for the scripts that source this
# Shared by the scripts beside it. Python runs isolated (-I): the working directory holds files of a pull request.

report=${RECONCILER_REPORT:-$RUNNER_TEMP/reconciler-report}

# output NAME VALUE: a random delimiter, so that no value can end its own heredoc.
output() {
  local delimiter
  delimiter=end-$(random)
  printf '%s<<%s\n%s\n%s\n' "$1" "$delimiter" "$2" "$delimiter" >>"$GITHUB_OUTPUT"
}

random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# summarize LINE…: lines of the job summary.
summarize() { printf '%s\n' "$@" >>"$GITHUB_STEP_SUMMARY"; }

# artifact_name: of the report of an account's apply. A hash, as an account's name may hold what no artifact's can.
artifact_name() {
  printf 'reconciler-apply-%.16s' "$(printf '%s/%s' "$RECONCILER_DIRECTORY" "$RECONCILER_ACCOUNT" | sha256sum)"
}

# query EXPRESSION ARGUMENT…: prints a Python expression over `data`, the JSON on stdin, and `args`; text as it is,
# anything else as JSON. marker(text, kind) is the JSON of a hidden line: the tool's stands first, ours last.
# mapping(text) is the JSON object in a text, empty if there is none.
# keyless(account) counts the tunnels that apply has a key made for, doubtful(account) names all keys that are not well.
# pending(report) counts what apply would do. verdict(report, job) is a plan in one word; `job` is how its job ended: it fails
# too where an account without a token was left out.
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

def pending(data):
    return sum(data["summary"][k] for k in ("create", "update", "delete")) + sum(map(keyless, data["accounts"]))

def verdict(data, job):
    if data["outcome"] == "blocked":
        return "blocked"
    if data["outcome"] not in ("ok", "changes") or job not in ("", "success"):
        return "failed"
    if pending(data):
        return "changes"
    return "held" if any(account.get("held_back") for account in data["accounts"]) else "no-changes"

names = {"hashlib": hashlib, "json": json, "re": re, "marker": marker, "mapping": mapping, "keyless": keyless}
names |= {"doubtful": doubtful, "pending": pending, "verdict": verdict}
value = eval(sys.argv[1], {**names, "data": json.load(sys.stdin), "args": sys.argv[2:]})
print(value if isinstance(value, str) else json.dumps(value))' "$@"
}

# find_author: sets `author`, whose comments and issues are ours. A person or app is asked for by its token, which only
# GraphQL answers for both. Nobody is assumed: a wrong author would write a second comment at each push.
find_author() {
  author=${RECONCILER_AUTHOR:-}
  if [[ $author ]]; then return; fi
  author=$(gh api graphql -f query='{viewer{login}}' | query 'data["data"]["viewer"]["login"]' 2>/dev/null) || true
  if [[ ! $author ]]; then
    echo "::error title=Whose comment::GitHub does not say whom GH_TOKEN belongs to; give the name as the input author."
    exit 1
  fi
}

# own_plan_comments PULL_REQUEST: JSON list of {id, name, digest, commit, body} of our comments on plans, oldest first.
own_plan_comments() {
  gh api --paginate --slurp "repos/$GITHUB_REPOSITORY/issues/$1/comments?per_page=100" |
    query '[{"id": c["id"], "name": marker(c["body"], "reconciler-comment").get("name", ""), "digest": m.get("digest"),
        "commit": m.get("commit"), "body": c["body"]}
      for page in data for c in page
      if c["user"]["login"].lower() == args[0].lower() and (m := marker(c["body"])).get("command") == "plan"]' "$author"
}
