"""Every code of this program's own, with its cause and the way out: the page `errors.md` of the docs is made of it.

A message says more, for it knows the case: this is for who meets a code in a log or a report, and for who matches on
it. A test holds the table against the codes that stand in the package, and the page against the table. A number in
the place of a code is Cloudflare's.
"""

from typing import NamedTuple


class Code(NamedTuple):
    """What one code stands for."""

    cause: str
    way_out: str


_LOOK = "Run `plan` again and look."
_AGAIN = "Run `apply` again: it goes on from what is live."
_CORRECT = "Write it as the message shows."

CODES: dict[str, dict[str, Code]] = {
    "The folder": {
        "file-too-large": Code("a file, or all files together, are larger than is read", "Split it, or move it away."),
        "linked-file": Code("a symbolic link in the baseline's commit", "Commit the file itself."),
        "linked-folder": Code("a symbolic link to a folder, which is not followed", "Put the folder itself there."),
        "nested-account": Code("an `account.yaml` below another account", "Move one of the two."),
        "no-account": Code(
            "the folder is missing or holds no `account.yaml`, or a file belongs to no account",
            "Give the folder with `--dir`, move the file, or begin with `import`.",
        ),
        "no-tunnel-file": Code("an account with no file of tunnels", "Add one; `tunnels: []` declares none."),
        "too-many-files": Code("more files, or bytes, than a tree of tunnels can need", "Check `--dir`."),
        "two-account-files": Code("`account.yaml` and `account.yml` in one folder", "Keep one of them."),
        "unreadable": Code(
            "a file or folder can't be read, or an answer of the API can't",
            "Correct what the message names, run again.",
        ),
        "unread-file": Code(
            "a name like that of a file of tunnels, which is not read", "Rename it to end in `.yaml`, or move it away."
        ),
    },
    "YAML": {
        "alias-expansion": Code("aliases stand for too many values", "Write the values out, or use `defaults`."),
        "bad-encoding": Code("a file that is not UTF-8", "Save it as UTF-8."),
        "bad-escape": Code("a `\\` in double quotes that YAML does not know", "Double it, or use single quotes."),
        "bad-key": Code("a list, mapping or alias as a key", "Write the key as text."),
        "bad-merge": Code("`<<` with something that is not a mapping", "Put an alias of a mapping behind it."),
        "comment-value": Code("a `#…` where a key's reference belongs", "Put it in quotes, or write a reference."),
        "control-character": Code("a character that nobody can see", "Remove it."),
        "directive": Code("a line that begins with `%`", "Remove it."),
        "duplicate-key": Code("a key twice in one mapping", "Remove one."),
        "empty-anchor": Code("an anchor without a value", "Remove what begins with `&`, or put text in quotes."),
        "merge-conflict": Code("markers of a merge that is not finished", "Resolve the conflict."),
        "more-problems": Code("too many problems to list", "Correct those that are listed, then look again."),
        "multiple-documents": Code("a `---` and a second document", "One file is one document: split it."),
        "null-key": Code("a key that is empty or null", "Name it, or put it in quotes."),
        "recursive-alias": Code("an alias inside its own anchor", "Write the values out."),
        "syntax": Code("text that is not YAML", "Do what the message says at that line."),
        "tab": Code("a tab for indentation", "Use spaces."),
        "tag": Code("a type tag (`!…`)", "Remove it, or put text in quotes."),
        "too-deep": Code("brackets in brackets without end", "Close the bracket."),
        "unknown-alias": Code("an alias without an anchor above it", "Check its name, or put text in quotes."),
    },
    "Fields": {
        "bad-account-id": Code("not 32 hexadecimal digits", "Copy the id from the dashboard."),
        "bad-address": Code("not an IP address of the kind that belongs there", _CORRECT),
        "bad-age": Code("not a length of time", "Write days or weeks, like `90d`."),
        "bad-date": Code("not a day", "Write it as `2027-01-31`."),
        "bad-duration": Code("not a length of time", "Write `90s`, `5m` or `1h`."),
        "bad-identity": Code("not a custom IKE identity", "`<label>.<account>.custom.ipsec.cloudflare.com`"),
        "bad-md5-key": Code("a BGP MD5 key that Cloudflare does not take", 'Use 1 to 80 ASCII signs, not `"` or `?`.'),
        "bad-owned-name": Code("an item of `owns` with a star inside, a `?` or a `[`", "Write a name, or `prefix*`."),
        "bad-prefix": Code("not a network prefix, or one without room", "Write it like `10.9.0.0/16`."),
        "bad-prefix-length": Code("an interface address that is not /31 or /30 (IPv6: /127)", "Write that length."),
        "bad-reference": Code(
            "a reference that says no place or two, or one that can't stand here", "Write exactly one."
        ),
        "bad-rollout": Code("times that no wave could keep", "Let `settle` and `hold` be less than `watch`."),
        "bad-time": Code("not a time of day", "Write it like `22:00`."),
        "bad-variable": Code("not the name of an environment variable", "Write the name, never the secret."),
        "bad-wave": Code("neither a count nor a share of all", "Write a number like `3`, or `25%`."),
        "bad-window": Code("a window that never opens", "Let `from` and `to` differ; the whole day ends at `24:00`."),
        "empty-value": Code("an empty text or list", "Write a value, or remove the key."),
        "host-bits": Code("a prefix with bits behind its length", "Write the network's address."),
        "literal-psk": Code("a pre-shared key in the file", "Replace that key; write a reference or `external`."),
        "literal-token": Code("an API token in the file", "Revoke it; write `{env: NAME}`."),
        "missing-field": Code("a required key is missing", "Add it."),
        "not-in-defaults": Code("a key of one tunnel in `defaults`", "Write it in each tunnel."),
        "no-zone-data": Code("this machine has no data on time zones", "Install the package `tzdata`."),
        "nothing-declared": Code("no `tunnels:`, or nothing behind it", "Write `tunnels: []` if that is meant."),
        "out-of-range": Code("a number, or a list's length, out of range", "Keep to the bounds that are named."),
        "unknown-field": Code("a path that is not a field", "Write one like `health_check.rate`."),
        "unknown-key": Code("a key that the file can't hold there", "Correct its spelling or its indentation."),
        "unknown-value": Code("a word that is not possible there", "Choose one of those named."),
        "unknown-zone": Code("not a time zone", "Write a name like `Europe/London`."),
        "wrong-type": Code("text, list, mapping, number or flag in another's place", _CORRECT),
    },
    "Tunnels together": {
        "duplicate-account": Code("two accounts with one id", "Merge them."),
        "duplicate-identity": Code("two tunnels of one endpoint with the same identity", "Change one."),
        "duplicate-name": Code("two tunnels with one name, or that look so", "Change one."),
        "ignored-and-declared": Code("a tunnel both declared and ignored", "Remove one of the two."),
        "not-owned": Code(
            "a name that the account's `owns` leaves to other files", "Take it out, or add it to `owns`."
        ),
        "overlapping-network": Code("two interface networks overlap", "Give each tunnel its own."),
        "removed-and-declared": Code("a tunnel both declared and under `removed`", "Remove one of the two."),
        "rename-claimed-twice": Code("two tunnels with the same `renamed_from`", "Remove one."),
        "rename-cycle": Code("renames in a circle", "Rename one to a free name first, and apply in between."),
        "rename-to-itself": Code("`renamed_from` is the tunnel's own name", "Remove the line."),
    },
    "Warnings": {
        "allowed-stays": Code("`--allow-delete` names a tunnel that is not to be deleted", "See the message."),
        "baseline-invalid": Code("the files at `--baseline` are wrong", "Nothing to do; causes are not told."),
        "expired-rule": Code("an ignore rule is past its `until`", "Remove or renew it."),
        "glued-comment": Code("a `#` that may be meant as text", "Quote the text, or put a blank behind the `#`."),
        "idle-rule": Code("an ignore rule for names that `owns` leaves to other files", "Remove it."),
        "in-sync-and-down": Code(
            "tunnels are as declared and their BGP session is down", "Look at the other end; no apply helps."
        ),
        "long-name": Code("a name over 15 characters", "Some devices cut it: shorten it."),
        "no-age": Code("`rotate_after` where nothing knows the key's age", "Remove it."),
        "no-lock": Code("no lock can be taken on this machine", "See that only one run writes at a time."),
        "no-psk": Code("a tunnel without `psk`", "Add a reference, or `psk: external`."),
        "not-a-host": Code("the network or broadcast address of a /30", "Use one of the two in between."),
        "not-public": Code("an endpoint that the Internet does not know", "Write the public address."),
        "null-cipher": Code("Cloudflare lets the tunnel go without encryption", "Ask Cloudflare, or make it anew."),
        "odd-name": Code("a name with spaces or special characters", "Use letters, digits, `-`, `_` and `.`."),
        "public-interface": Code("an interface address outside the private ranges", "Use a private one."),
        "removed-gone": Code("a name under `removed` is gone", "Take the line out."),
        "removed-stays": Code(
            "a name under `removed` stays, since `prune` is false", "Delete by hand, or `prune: true`."
        ),
        "reserved-asn": Code("an AS number that is reserved or Cloudflare's", "Write the device's own."),
        "same-endpoint-pair": Code("two tunnels with the same two endpoints", "Change one, if it is not meant."),
        "same-endpoints": Code("both endpoints are one address", "Correct one."),
        "sandbox-key": Code("in the sandbox a made key is not delivered", "Nothing to do."),
        "second-address": Code("the second address of a /127", "Use the first."),
        "short-key": Code("a key too short to be hidden in outputs", "Use a longer one."),
        "similar-name": Code("two names that differ in case only", "Rename one."),
        "target-ignored": Code("a health-check target that has no effect", "Remove it, or change type and direction."),
        "target-is-own-side": Code("a health-check target on Cloudflare's side", "Write one on the device's side."),
        "unknown-allowed": Code("`--allow-delete` names no tunnel", "Correct the name."),
        "unknown-protected": Code("`protect` names no tunnel", "Correct the name, or take it out."),
        "unmatched-target": Code("`--target` matches no tunnel", "Correct the pattern."),
    },
    "Guards": {
        "empties-account": Code("the plan leaves no tunnel", "Name the deletes under `removed`."),
        "held": Code("a change wants what a live tunnel keeps", "Do what the message says of that tunnel."),
        "down-after-change": Code(
            "a tunnel that is as declared went down after it was changed, less than an hour ago",
            "Bring it up, or change it back with `--no-rollout`.",
        ),
        "max-change-percent": Code("more changes than `max_change_percent`", "Take smaller steps, or raise the limit."),
        "max-delete-percent": Code("more deletes than `max_delete_percent`", "Name them under `removed`."),
        "max-deletes": Code("more deletes than `max_deletes`", "Name them under `removed`."),
        "name-swap": Code("tunnels exchange their names", "Rename one to a free name first."),
        "probable-rename": Code(
            "a delete and a create on one network", "Add `renamed_from`, or name the delete under `removed`."
        ),
        "protected": Code("the plan deletes a protected tunnel", "Put its lines back, or lift `protect`."),
        "routes-in-use": Code(
            "a delete that nobody named, of a tunnel that static routes use",
            "Move or delete the routes, or name the delete under `removed`.",
        ),
        "rolled-back-before": Code(
            "an earlier run had to roll the same change back", "Change it in the files, or `--retry`."
        ),
    },
    "Keys": {
        "commands-not-allowed": Code("a command may not run", "Add `--allow-commands` if you trust the files."),
        "external-key": Code("somebody else sets this key", "Set it there, or write a reference."),
        "generated-key": Code("a generated key can't be sent again", "`psk rotate`"),
        "key-file-mode": Code("others may read the key's file", "`chmod 600`"),
        "key-lost": Code("the answer that held a new key was lost", "`psk rotate`"),
        "key-not-checked": Code("it is not known whether a key was set", "`psk status`"),
        "key-not-in-sink": Code(
            "the tunnel has a key and its sink holds none", "`psk rotate`, after a look at the sink"
        ),
        "key-not-set": Code("a tunnel may have another key", "`psk set` or `psk rotate`"),
        "key-not-text": Code("a key is not UTF-8", "Encode it, as with base64."),
        "key-refused": Code("Cloudflare refused a key", "See its reason, then `psk set` or `psk rotate`."),
        "missing-key": Code("a reference gives no key; nothing was written", "Set it where the message says."),
        "no-key": Code("no key is named, or none was ever made", "Add a reference, or run `apply`."),
        "not-generated": Code("only generated keys can be rotated", "Put a new key there, then `psk set`."),
        "not-live": Code("Cloudflare has no such tunnel", "Correct the name, or run `apply` first."),
        "nothing-done": Code("another key has a problem, so none was changed", "Solve that one."),
        "shared-sink": Code("two tunnels deliver to one file", "Give each its own."),
        "sink-differs": Code("the sink gives back another key than it got", "Repair the sink."),
        "sink-failed": Code("the sink can't be used", "Repair what the message says."),
        "unreadable-key": Code("the key's file can't be read", "Use a regular file."),
    },
    "Calls and changes": {
        "already-there": Code("somebody made it meanwhile, as declared", "Nothing to do."),
        "auth-stopped": Code("not sent, since the token was refused", "Check the token and its permissions."),
        "budget": Code("the run's retries are used up", "Run it again once Cloudflare answers."),
        "changed-meanwhile": Code("somebody changed the tunnel during the run", _LOOK),
        "cycle-broken": Code("another tunnel of an exchange could not be changed", "Solve that one, then `apply`."),
        "deadline": Code("the time of the run is used up", "Raise `--timeout`, or run again."),
        "earlier-not-applied": Code("what it waits for was not done", "Solve that one, then `apply`."),
        "gone": Code("the tunnel is not live any more", _LOOK),
        "http-403": Code("a proxy or firewall answered, not the API", "Let this machine reach the API."),
        "http-404": Code("a delete was answered with an unknown path", _AGAIN),
        "list-untrusted": Code(
            "the list may not be whole, so nothing is written on its strength", "Run again; look at the dashboard."
        ),
        "moved": Code("the account changed during `--server-check`", "Run `plan` again."),
        "name-changed": Code("Cloudflare keeps the name in another form", "Declare it as it is listed."),
        "name-taken": Code("somebody made a tunnel of that name meanwhile", _LOOK),
        "needs-earlier": Code("it needs what another tunnel still holds", "Solve that one, then `apply`."),
        "network-taken": Code("another tunnel is on that network now", "Look whose it is, then run `plan`."),
        "no-answer": Code("the call may have been carried out", _AGAIN),
        "no-bulk": Code("the server takes no bulk update", "Change one of the tunnels by hand."),
        "no-success": Code("an answer without an error that does not say success", _AGAIN),
        "not-cleared": Code("a value can't be removed", "Declare it, ignore the field, or make the tunnel anew."),
        "not-confirmed": Code("nobody said `yes` to `--confirm`", "Run `apply` again, and answer."),
        "not-converged": Code("the list shows something else than was sent", _AGAIN),
        "not-healthy": Code(
            "a tunnel of a rollout's wave did not come up, and `on_failure` is `stop`", "Look at its other end."
        ),
        "not-modified": Code("the answer does not count the tunnel as changed", _AGAIN),
        "not-recognised": Code("a new tunnel may be the one that was sent", "Look at it, then run `plan`."),
        "not-sent": Code("the run ended before it", _AGAIN),
        "rate-limited": Code("too many calls", "Wait, or raise `--timeout`."),
        "redirect": Code("the address leads elsewhere", "Correct `--base-url`."),
        "rollback-failed": Code("a change could not be taken back", "Change it back in the files, or by hand."),
        "rolled-back": Code(
            "its wave did not come up, or nobody confirmed it: it is as it was before",
            "Look at the tunnel's other end.",
        ),
        "rollout-ended": Code("an earlier wave did not come up, or was refused", "Solve that one, then `apply`."),
        "stopped": Code("not sent, since a proxy or firewall answers", "Let this machine reach the API."),
        "unclear-answer": Code("the answer does not say what was asked", _AGAIN),
        "unreachable": Code("no connection", "Check network, proxy and `--base-url`."),
        "unreadable-tunnel": Code("a field of a live tunnel has a wrong type", "Look at the tunnel at Cloudflare."),
    },
    "The run": {
        "already-carried-out": Code("the saved plan is done: live is as it wanted", "Nothing to do."),
        "bad-probe": Code("the probe of a rollout can't be started", "Correct its path, or make it executable."),
        "baseline": Code("the commit of `--baseline` can't be read", "Fetch it, or name another."),
        "bad-proxy": Code("the proxy's variable can't be used", "Correct it."),
        "bad-report": Code("not a report of this version", "Make it anew with `-o json=FILE`."),
        "bad-token": Code("the token can't be one", "Set the variable to the token alone."),
        "file-exists": Code("`import` would overwrite a file", "`--force`, or move it away."),
        "ignore-by-hand": Code("`import` can't add to `ignore`", "Add the items that are named, import again."),
        "import": Code("what `import` wrote would not be read as it is live", "Report it; try `--split none`."),
        "internal": Code("a bug", "Report it, with the lines on standard error."),
        "interrupted": Code("a signal ended the run", _AGAIN),
        "locked": Code("another run writes to the account", "Wait for it."),
        "no-certificates": Code("the TLS certificates can't be read", "Correct the path that is named."),
        "no-token": Code("the token's variable is not set", "Set it."),
        "not-approved": Code("nobody said `yes`", "Answer, or give `--auto-approve` or `--plan`."),
        "not-saved": Code("a part of a plan is never saved", "Solve the other account's problem."),
        "outside-window": Code("no window for keys is open", "Run it when one opens, or add `--outside-window`."),
        "paused": Code("the account is paused", "Take its `paused` lines out."),
        "plan-changed": Code("what would be done is not what was approved", "Make a new plan."),
        "sandbox": Code("the sandbox's file can't be used", "Correct or remove it."),
        "saved-live": Code("the file of `--live` can't be used", "Make it anew with `--save-live`."),
        "saved-plan": Code("the file is not a saved plan of this version", "Make it anew with `plan --out`."),
        "simulate": Code("the simulator can't be started", "Give another `--port`."),
        "state": Code("the simulator's state can't be used", "Correct or remove the file."),
        "unknown-variable": Code("an environment variable is misspelt, or has no meaning", "Correct or unset it."),
        "unwritable": Code("an output can't be written", "Choose another file."),
    },
}

_HEAD = """\
# Codes of errors, warnings and guards

Each message ends with its code in brackets; in JSON it is `code`. A code stays the same from version to version, its
words may not. A number, as `1012`, is Cloudflare's own; `http-502` and the like are the status of an answer that says
no more. This page is generated:

```sh
python -c 'from reconciler.model.codes import page; print(page(), end="")' > .github/docs/errors.md
```""".splitlines()


def page() -> str:
    """The page of the docs, in Markdown."""
    lines = [*_HEAD]
    for title, codes in CODES.items():
        lines += ["", f"## {title}", "", "| code | cause | what to do |", "|---|---|---|"]
        lines += [f"| `{code}` | {text.cause} | {text.way_out} |" for code, text in sorted(codes.items())]
    return "\n".join(lines) + "\n"
