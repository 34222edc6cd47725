"""The documented JSON as one table: what is written, what is read back and the JSON Schema follow from it."""

from typing import get_args

from reconciler.model.report import (
    EXIT_CODES,
    AccountReport,
    Age,
    ChangeReport,
    FieldReport,
    GuardReport,
    KeyReport,
    LeftAlone,
    Patch,
    Problem,
    Reason,
    Resolved,
    Source,
    TokenSource,
)
from reconciler.model.tunnel import Impact, Severity
from reconciler.model.verdict import Result
from reconciler.render.kinds import Key, Shape, Type, When

_OUTCOMES = tuple(EXIT_CODES)
_DONE = tuple(result.value for result in Result)
_IMPACTS = tuple(impact.value for impact in Impact)
_SEVERITIES = tuple(concern.value for concern in Severity)
_CLASSES = ("changed", "missing", "unmanaged")

SOURCE = Shape(
    "source",
    Source,
    (
        Key("file", Type.TEXT, "Path of the YAML file"),
        Key("line", Type.NUMBER, "Line of the tunnel or field, from 1"),
    ),
)
_SAID = (
    Key("documentation_url", Type.TEXT, "Where Cloudflare explains it", null=True, when=When.SET),
    Key("field", Type.TEXT, "Path of the field it is about, or Cloudflare's pointer", null=True, when=When.SET),
    Key("source", Type.OBJECT, "Where that field is declared", null=True, shape=SOURCE, when=When.SET),
)
REASON = Shape(
    "reason",
    Reason,
    (
        Key("code", Type.TEXT, "Cloudflare's number"),
        Key("message", Type.TEXT, "Cloudflare's words"),
        *_SAID,
    ),
)
PROBLEM = Shape(
    "problem",
    Problem,
    (
        Key("code", Type.TEXT, "Our code, or Cloudflare's number"),
        Key("message", Type.TEXT, "Cloudflare's words, or ours"),
        Key("remedy", Type.TEXT, "What to do", null=True),
        Key("ray", Type.TEXT, "Cloudflare's request id (`cf-ray`), for its support", null=True),
        *_SAID,
        Key("also", Type.OBJECTS, "What else Cloudflare said of it", shape=REASON, when=When.SET),
    ),
)
FIELD = Shape(
    "field",
    FieldReport,
    (
        Key("path", Type.TEXT, "Dotted name of a leaf; `bgp` when the whole object comes or goes"),
        Key(
            "before",
            Type.VALUE,
            "Live value; null is unset (and sensitive values are always null)",
            null=True,
        ),
        Key(
            "after",
            Type.VALUE,
            "Declared value; null is unset (and sensitive values are always null)",
            null=True,
        ),
        Key("sensitive", Type.FLAG, "True when neither value may be shown"),
    ),
)
CHANGE = Shape(
    "change",
    ChangeReport,
    (
        Key(
            "action",
            Type.TEXT,
            "What apply does; a rename is an update",
            choices=("create", "update", "delete"),
        ),
        Key("name", Type.TEXT, "The tunnel's name (after a rename the new one)"),
        Key("previous_name", Type.TEXT, "The live name that a rename replaces", null=True),
        Key("id", Type.TEXT, "Cloudflare's id; null for a create", null=True),
        Key("impact", Type.TEXT, "Whether it can interrupt the tunnel", choices=_IMPACTS),
        Key("cause", Type.TEXT, "Who differs, with `--baseline`", null=True, choices=("git", "drift", "both")),
        Key("fields", Type.OBJECTS, "What differs, sorted by path", shape=FIELD),
        Key("source", Type.OBJECT, "Where the tunnel is declared; null for a delete", null=True, shape=SOURCE),
        Key("outcome", Type.TEXT, "After apply, how it ended", null=True, choices=_DONE),
        Key("error", Type.OBJECT, "Why it was not applied", null=True, shape=PROBLEM),
        Key(
            "check",
            Type.TEXT,
            "With `--server-check`, what Cloudflare said",
            null=True,
            choices=("accepted", "refused", "not checked"),
            when=When.SET,
        ),
        Key(
            "class",
            Type.TEXT,
            "Kind of drift",
            null=True,
            choices=_CLASSES,
            when=When.DRIFT,
            attribute="drift_class",
        ),
        Key(
            "severity",
            Type.TEXT,
            "How bad",
            null=True,
            choices=_SEVERITIES,
            when=When.DRIFT,
        ),
        Key(
            "first_seen",
            Type.TEXT,
            "With `--previous`: first report that had it (UTC)",
            null=True,
            when=When.DRIFT,
        ),
        Key("age", Type.TEXT, "With `--previous`", null=True, choices=get_args(Age), when=When.DRIFT),
        Key(
            "modified_on",
            Type.TEXT,
            "When the live tunnel last changed, says Cloudflare",
            null=True,
            when=When.DRIFT,
        ),
    ),
)
GUARD = Shape(
    "guard",
    GuardReport,
    (
        Key("code", Type.TEXT, "Stable name of the guard"),
        Key("message", Type.TEXT, "What it found"),
        Key("names", Type.TEXTS, "The tunnels it is about"),
        Key("remedy", Type.TEXT, "What lifts it"),
    ),
)
LEFT = Shape(
    "left-alone",
    LeftAlone,
    (
        Key("name", Type.TEXT, "The tunnel's name"),
        Key("reason", Type.TEXT, "Why it is left alone"),
        Key("id", Type.TEXT, "Cloudflare's id", null=True),
        Key("fields", Type.TEXTS, "The fields it is about; empty for the whole tunnel"),
        Key("created_on", Type.TEXT, "When it was made, says Cloudflare", null=True, when=When.SET),
    ),
)
KEY = Shape(
    "key",
    KeyReport,
    (
        Key("name", Type.TEXT, "The tunnel's name"),
        Key("reference", Type.TEXT, "Where its pre-shared key comes from; never the key", null=True),
        Key("age_days", Type.NUMBER, "Age in days; null when unknown", null=True),
        Key("overdue", Type.FLAG, "True when it is older than `rotate_after`"),
        Key("rotate_after_days", Type.NUMBER, "`rotate_after` in days", null=True),
        Key("source", Type.TEXT, "What the age was read from", null=True, choices=("sink", "cloudflare")),
        Key(
            "outcome",
            Type.TEXT,
            "How it ended; `unknown` also where the key in force may not be the sink's",
            null=True,
            choices=_DONE,
        ),
        Key("error", Type.OBJECT, "Why it was not applied", null=True, shape=PROBLEM),
    ),
)
RESOLVED = Shape(
    "resolved",
    Resolved,
    (
        Key("name", Type.TEXT, "The tunnel's name"),
        Key("class", Type.TEXT, "Kind of drift it had", choices=_CLASSES, attribute="drift_class"),
        Key("first_seen", Type.TEXT, "First report that had it (UTC)", null=True),
    ),
)
PATCH = Shape(
    "ways-out",
    Patch,
    (
        Key("revert", Type.TEXT, "Command that makes Cloudflare equal to the files"),
        Key("accept", Type.TEXT, "Patch for `git apply` that makes the files equal to Cloudflare"),
    ),
)
TOKEN = Shape("token", TokenSource, (Key("env", Type.TEXT, "Name of an environment variable"),))
ACCOUNT = Shape(
    "account",
    AccountReport,
    (
        Key("account", Type.TEXT, "Name of its folder"),
        Key("account_id", Type.TEXT, "Cloudflare's id"),
        Key("outcome", Type.TEXT, "As the report's, for this account", choices=_OUTCOMES),
        Key("digest", Type.TEXT, "Digest of the plan; null when there is none", null=True),
        Key(
            "api_calls",
            Type.COUNTS,
            "Calls that apply makes, or made: `list`, `create`, `update` (bulk), `delete`",
        ),
        Key("guards", Type.OBJECTS, "What blocks it", shape=GUARD),
        Key("changes", Type.OBJECTS, "The plan, or the differences of `drift`", shape=CHANGE),
        Key("unmanaged", Type.OBJECTS, "Live tunnels that no file declares and that stay", shape=LEFT),
        Key("ignored", Type.OBJECTS, "What `ignore` leaves alone", shape=LEFT),
        Key("not_checked", Type.OBJECTS, "What could not be compared", shape=LEFT),
        Key("total", Type.NUMBER, "Live tunnels; null when unread", null=True, when=When.DRIFT),
        Key("managed", Type.NUMBER, "Declared tunnels", when=When.DRIFT),
        Key("drifted", Type.NUMBER, "Differences that are drift", when=When.DRIFT),
        Key("unchanged", Type.NUMBER, "Declared tunnels that match", when=When.DRIFT),
        Key("resolved", Type.OBJECTS, "Differences since gone", shape=RESOLVED, when=When.DRIFT),
        Key("ways_out", Type.OBJECT, "How to end the drift", null=True, shape=PATCH, when=When.DRIFT),
        Key(
            "keys",
            Type.OBJECTS,
            "Pre-shared keys: all (`psk`), else those in doubt, made or overdue",
            shape=KEY,
            when=When.SET,
        ),
        Key("notes", Type.TEXTS, "To be read before approving", when=When.SET),
        Key("paused", Type.TEXT, "Why the account is paused", null=True, when=When.ACCOUNTS),
        Key(
            "error",
            Type.OBJECT,
            "Why the account was not read or converged",
            null=True,
            shape=PROBLEM,
            when=When.SET,
        ),
        Key("token", Type.OBJECT, "Where its token is read from", null=True, shape=TOKEN, when=When.ACCOUNTS),
    ),
)

TOP = ("format_version", "command", "outcome", "sandbox", "summary", "accounts", "diagnostics")
"""Keys of the document, in order; `generated_at` comes behind them when it is known."""

SUMMARY = ("create", "update", "delete", "unchanged", "unmanaged", "ignored")
"""Counts over all accounts."""

DIAGNOSTIC = ("severity", "code", "summary", "detail", "file", "line", "column")
"""Keys of a diagnostic; file, line and column are null together."""
