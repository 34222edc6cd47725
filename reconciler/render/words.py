"""The wording that all formats share: how a count, a value, a change, a time or a tunnel that is left alone is put.

One format must not call drift what another calls a change. Nothing here is made inert: each format does that with the
function of `safe` for the place where it puts a text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.model.problems import MORE, Diagnostic, Problem, Reason, Source
from reconciler.model.problems import count as count  # noqa: PLC0414 - all formats take these from here
from reconciler.model.problems import named as named  # noqa: PLC0414
from reconciler.model.psk import KeyStatus
from reconciler.model.tunnel import SENSITIVE_NAMES, Severity
from reconciler.plan.diff import FieldChange
from reconciler.plan.scope import LeftAlone
from reconciler.report.values import AccountReport, ChangeReport, HeldBack, Report, Resolved

SIGNS = {"create": "+", "update": "~", "delete": "-"}
SENSITIVE = "(sensitive)"
CHANGES = "(sensitive, changes)"
SANDBOX = "SANDBOX: the built-in simulator stood in for Cloudflare."

PLANNED = ("plan", "show")
"""Commands whose reports tell what would be done."""

_SEVERITIES = tuple(Severity)
_WRONG = {"failed": -4, "unknown": -3, "rolled_back": -2, "skipped": -1}
_CALLS = {
    "list": "list",
    "routes": "route list",
    "get": "tunnel read",
    "update": "bulk update",
    "update_one": "single update",
    "create": "create",
    "delete": "delete",
    "set_psks": "key update",
    "generate_psk": "generated key",
}
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)\Z", re.ASCII)
_ROUTES = 8  # prefixes that are named of one change
_WAVE = 8  # tunnels of a wave that are named, and of those that wait for a window
_UNREAD = 5  # tunnels that are named of those whose keys could not be read
_PLAIN = re.compile(r"[\w./:@*+-]+\Z", re.ASCII)


def ended(change: ChangeReport) -> str:
    """How a change ended, in words, or nothing."""
    return str(change.outcome or "").replace("_", " ")


def calls_line(report: Report) -> str:
    """`Apply makes: 2 lists, 1 create` of a plan; of an apply `Calls made: 2 lists, in 3 s; verified by a new list`.

    Of a saved plan, if it could be read, what it does not tell.
    """
    if report.command == "show" and not any(account.tunnels or account.devices for account in report.accounts):
        note = "Not in a saved plan: guards, warnings and what is left alone. Apply judges them anew."
        return note if report.accounts else ""
    changed = [account for account in report.accounts if account.changes]
    made = sum((Counter(account.calls_made or {}) for account in report.accounts), Counter[str]())
    if made and report.seconds is not None:
        if any(one.error and one.outcome not in {"blocked", "plan_changed", "rejected"} for one in changed):
            proved = "; not verified by a new list"
        else:
            proved = "; verified by a new list" if changed and all(one.outcome == "ok" for one in changed) else ""
        return f"Calls made: {calls(made)}, in {report.seconds:,.1f} s{proved}."
    if all(map(_obstructed, changed)) or report.command not in {"plan", "apply"}:
        return ""
    planned = sum((Counter(_to_make(one)) for one in report.accounts), Counter[str]())
    return f"{'Apply makes' if report.command == 'plan' else 'Planned calls'}: {calls(planned)}"


def to_go_on(report: Report) -> str:
    """What to do after an apply that began and did not come to its end; nothing after any other run."""
    if report.command != "apply" or not any(account.calls_made for account in report.accounts):
        return ""
    first = {
        "interrupted": "",
        "partial": "look at what failed, then ",
        "error": "look at what failed, then ",
        "internal": "look at what failed, then ",
        "auth": "give the token, or the permission that it lacks, then ",
    }
    if report.outcome not in first:
        return ""
    return f"To go on: {first[report.outcome]}run apply again. It goes on from what is live."


def _to_make(account: AccountReport) -> Mapping[str, int]:
    """The calls that apply makes; where something keeps it from writing, those that it takes to find that out."""
    calls = account.api_calls
    return calls if not _obstructed(account) else {"list": 1, "routes": calls.get("routes", 0)}


def _obstructed(account: AccountReport) -> bool:
    """Whether apply writes nothing in the account, whatever its plan."""
    return bool(account.guards) or account.paused is not None


def calls(number_of: Mapping[str, int]) -> str:
    """`2 lists, 1 bulk update`: how many calls there are of each kind."""
    kinds = [*_CALLS, *sorted(set(number_of) - set(_CALLS))]
    return ", ".join(count(number_of[kind], _CALLS.get(kind, kind)) for kind in kinds if number_of.get(kind)) or "none"


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """What a run was about, each fact with a value to be set as code or with none."""
    if report.generated_at:
        yield moment(report.generated_at), ""
    if total := sum(account.total or 0 for account in report.accounts):
        yield count(total, "live tunnel"), ""
    if others := report.summary.not_owned:
        yield f"{count(others, 'other')} not owned", ""
    if report.command == "drift" and (declared := sum(account.managed for account in report.accounts)):
        yield f"{declared:,} declared", ""
    if news := since_last(report):
        yield f"since the last report {news}", ""
    for name in ("commit", "base"):
        if report.context.get(name):
            yield name, report.context[name]


def since_last(report: Report) -> str:
    """`1 new, 2 persisting, 1 resolved` of drift that was compared with a report before, or nothing."""
    ages = Counter(change.age for change in report.changes if change.age)
    resolved = sum(len(account.resolved) for account in report.accounts)
    counts = {"new": ages["new"], "persisting": ages["persisting"], "resolved": resolved}
    return ", ".join(f"{number:,} {kind}" for kind, number in counts.items()) if any(counts.values()) else ""


def account(found: AccountReport) -> tuple[str, str, str]:
    """What is declared of an account: how many tunnels, the token's variable, and why it is paused."""
    token = f"token from {found.token.env}" if found.token else ""
    return count(found.managed, "tunnel"), token, f"paused: {found.paused}" if found.paused is not None else ""


def is_drift(change: ChangeReport) -> bool:
    """False for a difference that only git made: it waits for apply."""
    return change.cause != "git"


def errors_first(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Problems of the files, for where not all of them find room: no warning may hide an error."""
    return sorted(found, key=lambda one: one.severity != "error")


def alike(found: Iterable[Diagnostic]) -> list[list[Diagnostic]]:
    """The same, those together that differ in their place alone, and warnings that give the same advice."""
    together: dict[tuple[str, ...], list[Diagnostic]] = {}
    for one in errors_first(found):
        own = one.summary if one.severity == "error" or one.code == MORE else ""
        together.setdefault((one.severity, one.code, one.detail, own), []).append(one)
    return list(together.values())


def label(change: ChangeReport) -> str:
    """The tunnel's name, `old -> new` for a rename."""
    return f"{change.previous_name} -> {change.name}" if change.previous_name else change.name


def fields(change: ChangeReport) -> list[FieldChange]:
    """What is told of a change below its head, which says the name: of a rename the old one too."""
    return [field for field in change.fields if field.path != "name"]


def gravity(change: ChangeReport) -> tuple[int, int, int]:
    """The smaller, the graver: what went wrong, then a delete, then what can interrupt traffic.

    Of drift its severity, with what only git changed last.
    """
    wrong = _WRONG.get(change.outcome or ("failed" if change.check == "refused" else ""), 0)
    if change.drift_class:
        severity = _SEVERITIES.index(change.severity) if change.severity else len(_SEVERITIES)
        return not is_drift(change), severity, 0
    return wrong, change.action != "delete", change.impact != "traffic"


def danger(change: ChangeReport) -> str | None:
    """What nobody may miss of a planned change."""
    if change.action == "delete":
        return "Deletes"
    return "Can interrupt" if change.action == "update" and change.impact == "traffic" else None


def dangers(report: Report) -> dict[str, list[ChangeReport]]:
    """The tunnels that a plan deletes, and those that it can interrupt."""
    planned = report.changes if report.command in PLANNED else []
    found = {what: [c for c in planned if danger(c) == what] for what in ("Deletes", "Can interrupt")}
    return {what: changes for what, changes in found.items() if changes}


def place(source: Source | None) -> str:
    """`tunnels/prod/london.yaml:7`, or nothing."""
    return f"{source.file}:{source.line}" if source else ""


def more(problem: Problem) -> Iterator[tuple[str, str | None]]:
    """What is said of a problem besides its message, line by line, each with a link or None."""

    def where(said: Problem | Reason) -> str:
        found = ": ".join(filter(None, [place(said.source), said.field]))
        return f"at {found}" if found else ""

    if where(problem):
        yield where(problem), None
    if problem.documentation_url:
        yield "see", problem.documentation_url
    for reason in problem.also:
        yield f"also: {reason.message} [{reason.code}] {where(reason)}".rstrip(), reason.documentation_url


def value(item: Any) -> str:
    """One setting as YAML would say it; text that could be mistaken for something else is quoted."""
    if item is None:
        return "(unset)"
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, dict):
        return "{" + ", ".join(f"{n}: {SENSITIVE if n in SENSITIVE_NAMES else value(v)}" for n, v in item.items()) + "}"
    if isinstance(item, (list, tuple)):
        return "[" + ", ".join(value(one) for one in item) + "]"
    if isinstance(item, str) and not _PLAIN.match(item):
        return '"' + item.replace('"', '\\"') + '"'
    return str(item)


def items(field: FieldChange) -> list[tuple[str, str]]:
    """The items that a list loses and gains, each with its sign; nothing for all other changes."""
    return [*(("-", item) for item in field.removed), *(("+", item) for item in field.added)]


def kept(field: FieldChange) -> str:
    """`199 unchanged` of a list's items, or nothing."""
    number = len(field.after or ()) - len(field.added)
    return f"{number:,} unchanged" if number > 0 else ""


def difference(change: ChangeReport, field: FieldChange) -> str:
    """One field of a change: `mid -> high`, of drift `declared high, live mid`; one value of what comes or goes."""
    if field.sensitive:
        return CHANGES if change.action == "update" else SENSITIVE
    if change.drift_class == "changed":
        return f"declared {value(field.after)}, live {value(field.before)}"
    if change.action == "update":
        return f"{value(field.before)} -> {value(field.after)}"
    return value(field.after if change.action == "create" else field.before)


def about(change: ChangeReport) -> str:
    """What an update is about, of a single field its values too; of what comes or goes how many fields it has."""
    shown = fields(change)
    if change.action != "update":
        return count(len(shown), "field") if shown else ""
    if len(shown) == 1 and not items(shown[0]):
        return f"{shown[0].path}: {difference(change, shown[0])}"
    return ", ".join(field.path for field in shown) or "name"


def psk_source(change: ChangeReport) -> str | None:
    """Where the pre-shared key of a new tunnel comes from, or that the tunnel won't come up without one."""
    if change.psk == "external":
        return "external: the tunnel won't come up until somebody sets one"
    if change.psk == "none":
        return "none: the tunnel won't come up without one"
    return change.psk


def health(change: ChangeReport) -> str:
    """`BGP up` where a change can take traffic away, `BGP down` always; after an apply what it was before."""
    if change.health is None or (change.health != "down" and change.impact != "traffic"):
        return ""
    return f"BGP {'was ' if change.outcome else ''}{'not known' if change.health == 'unknown' else change.health}"


def down_since(change: ChangeReport) -> str:
    """`BGP down since 2026-05-01 08:00:00 UTC`, or nothing where it is not down, or nobody knows since when."""
    down = change.health == "down" and change.health_since
    return f"{health(change)} since {moment(down)}" if down else ""


def marked(change: ChangeReport) -> str:
    """` (BGP up)`, to stand behind the name of a tunnel to delete, and ` (BGP down)` behind each; or nothing."""
    state = health(change)
    return f" ({state})" if state and (change.action == "delete" or change.health == "down") else ""


def down(account: AccountReport) -> list[str]:
    """The tunnels in sync and down, `lon-a since 2026-05-01 08:00:00 UTC`."""
    return [f"{one.name} since {moment(one.since)}" if one.since else one.name for one in account.down]


def beyond(change: ChangeReport) -> list[str]:
    """What a change does to others than its tunnel: to static routes, and to the device at the other end."""
    found = []
    if change.routes:
        found.append(f"takes away the next hop of static routes to {named(change.routes, _ROUTES)}")
    if change.device:
        found.append(f"the device at the other end must follow: {', '.join(change.device)}")
    return found


def weight(change: ChangeReport) -> str:
    """How bad it is: the severity of drift, or that a planned change can interrupt the tunnel."""
    return change.severity or ("traffic" if change.impact == "traffic" else "")


def cause(change: ChangeReport) -> str:
    """Where a difference comes from, when the files were compared with what git had before."""
    planned = {"git": "from git", "drift": "already different on Cloudflare"}
    planned["both"] = "from git, and already different on Cloudflare"
    found = {"git": "only git changed it: waits for apply", "both": "changed in git and on Cloudflare"}
    if change.drift_class == "unmanaged":
        found["both"] = "made on Cloudflare, and git prunes it now"
    return (found if change.drift_class else planned).get(change.cause or "", "")


def history(change: ChangeReport) -> str:
    """What is known of a difference's past: who made it, of drift when and since when it is reported; how BGP is."""
    return ", ".join(filter(None, [cause(change), past(change)]))


def past(change: ChangeReport) -> str:
    """The same without who made it."""
    return ", ".join(filter(None, [seen(change), down_since(change)]))


def seen(change: ChangeReport) -> str:
    """Of drift the same without who made it, where that is clear already."""
    if not change.drift_class:
        return ""
    # Of what only git changed the time would be that of an older, wanted change.
    changed = f"changed live {moment(change.modified_on)}" if change.modified_on and is_drift(change) else ""
    since = f"since {moment(change.first_seen)}" if change.first_seen and change.age != "new" else ""
    return ", ".join(filter(None, [changed, change.age, since, "waits for window" if change.opens else ""]))


def moment(text: str) -> str:
    """A time for people, `2026-05-01 08:00:00 UTC`; any other text stays as it is."""
    found = _MOMENT.match(text)
    return f"{found[1]} {found[2]} UTC" if found else text


def left(account: AccountReport) -> dict[str, list[str]]:
    """What is left alone and what is since gone, by kind: each tunnel, or fields of it, and why."""

    def line(item: LeftAlone) -> str:
        fields = ", ".join(item.fields)
        if item.name == "*" and item.id is None:
            name = fields or "all tunnels"
        else:
            name = f"{item.name} ({fields})" if fields else item.name
        made = f", created {moment(item.created_on)}" if item.created_on else ""
        return f"{name}: {item.reason}{made}"

    def since(gone: Resolved) -> str:
        return f" (since {moment(gone.first_seen)})" if gone.first_seen else ""

    in_part = [line(item) for item in unread(account)]
    if (more := len(in_part) - _UNREAD) > 1:
        in_part[_UNREAD:] = [f"{more:,} more tunnels in the same way; JSON names them"]
    return {
        "unmanaged": [line(item) for item in account.unmanaged],
        "ignored": [line(item) for item in account.ignored],
        "not checked": [*(line(item) for item in account.not_checked if not item.fields), *in_part],
        # What no list shows of tunnels that were checked. The counts of tunnels leave it out, so it has its own word.
        "not shown": [line(item) for item in account.not_checked if item.fields and item.name == "*"],
        "resolved": [f"{gone.name}: was {gone.drift_class}{since(gone)}" for gone in account.resolved],
    }


def unread(account: AccountReport) -> list[LeftAlone]:
    """The tunnels of which single settings were not checked: MD5 keys whose references could not be read."""
    return [item for item in account.not_checked if item.fields and item.name != "*"]


def psk(found: KeyStatus) -> tuple[str, str, str, str, str]:
    """What is known of a key: how setting it ended, whether it is overdue, its age, where it is, when to rotate it."""
    reference = "no psk" if found.reference is None else found.reference
    return found.outcome or "", "overdue" if found.overdue else "", age(found), reference, due(found)


def age(psk: KeyStatus) -> str:
    """How old a key is; nothing where a run tells what it did with one whose age it does not know."""
    if psk.age_days is None:
        return "" if psk.outcome else "age unknown"
    return f"{count(psk.age_days, 'day')} old"


def due(psk: KeyStatus) -> str:
    """After how many days a key is to be rotated, or nothing."""
    return f"rotate after {count(psk.rotate_after_days, 'day')}" if psk.rotate_after_days else ""


def held_back(accounts: Iterable[AccountReport]) -> dict[str, list[str]]:
    """`1 update, 3 deletes held back (--no-delete)`, of each reason, to the names of the tunnels."""
    found: dict[str, list[HeldBack]] = {}
    for account in accounts:
        for held in account.held_back:
            why = f"window opens {moment(held.opens)}" if held.opens else held.reason
            found.setdefault(why, []).append(held)
    names = {}
    for why, every in found.items():
        numbers = {action: sum(held.action == action for held in every) for action in SIGNS}
        counts = [count(number, action) for action, number in numbers.items() if number]
        names[f"{', '.join(counts)} held back ({why})"] = [held.name for held in every]
    return names


def window(account: AccountReport) -> str:
    """`closed, opens 2026-05-01 22:00:00 UTC; 2 changes wait for it: lon-a, par-b`, where it matters; or nothing."""
    waiting = [change.name for change in account.changes if change.opens]
    if account.window is None or not account.changes:
        return ""
    if account.window.opens is None:
        return f"open until {moment(account.window.closes)}" if account.window.closes else "always open"
    opens = f"closed, opens {moment(account.window.opens)}"
    if not waiting:
        return f"{opens}; no change waits for it"
    waits = "changes wait" if len(waiting) > 1 else "change waits"
    return f"{opens}; {len(waiting):,} {waits} for it: {named(waiting, _WAVE)}"


def waves(account: AccountReport) -> list[str]:
    """`4 waves; 12 of 12 tunnels can be judged`, then of each: `wave 2, 3 of 12 done at its end: lon-b, par-a`."""
    if not account.waves:
        return []
    total, judged = account.waves[-1].done, sum(wave.judged for wave in account.waves)
    lines = [f"{count(len(account.waves), 'wave')}; {judged:,} of {count(total, 'tunnel')} can be judged"]
    for number, wave in enumerate(account.waves, 1):
        names = [*wave.first, *wave.names]
        lines.append(f"wave {number}, {wave.done:,} of {total:,} done at its end: {named(names, _WAVE)}")
    return lines


def left_counts(*accounts: AccountReport) -> str:
    """`2 unmanaged, 1 ignored, 3 ignored in part, 1 not checked`, or nothing."""
    ignored = [item for account in accounts for item in account.ignored]
    kinds = {
        "unmanaged": sum(len(account.unmanaged) for account in accounts),
        "ignored": sum(not item.fields for item in ignored),
        "ignored in part": sum(bool(item.fields) for item in ignored),
        "not checked": sum(not item.fields for account in accounts for item in account.not_checked),
        "not checked in part": sum(len(unread(account)) for account in accounts),
    }
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds.items() if number)
