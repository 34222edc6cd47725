"""What `doctor` makes of what it found in an account: each check is one line, with what to do where that is known.

    ok       clock   this machine's clock agrees with the server's
    warning  write   the token may not write. To plan no more is needed; to apply …

A person runs it before anything else works, so a check that fails keeps no other from being made.
"""

from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime

from reconciler.api.call import Answered, CallOutcome, Denied, Refused, problem_of
from reconciler.api.exchange import Heard
from reconciler.api.pace import PACE, parse_quota
from reconciler.model.live import LiveTunnel
from reconciler.model.problems import Problem, count, named
from reconciler.model.scratch import is_scratch, with_address
from reconciler.model.settings import has_bgp
from reconciler.report.tunnels import unknown_fields
from reconciler.report.values import CheckReport

SKEW = 5.0
"""Seconds that a clock may differ: what a time server leaves is far less."""

SLOW = 5.0
"""Seconds of one answer from which on something on the way is not well."""

FEW = 50
"""Calls left from which on a run may have to wait."""

_NAMED = 5
_BAD_REQUEST = 400


def ok(name: str, summary: str) -> CheckReport:
    """All is well."""
    return CheckReport(name=name, severity="ok", summary=summary)


def warning(name: str, summary: str, remedy: str | None = None) -> CheckReport:
    """Something to know, that keeps nothing from working."""
    return CheckReport(name=name, severity="warning", summary=summary, remedy=remedy)


def error(name: str, summary: str, remedy: str | None = None) -> CheckReport:
    """Something that keeps the program from its work."""
    return CheckReport(name=name, severity="error", summary=summary, remedy=remedy)


def failed(name: str, problem: Problem) -> CheckReport:
    """Why a call did not do its work."""
    ray = f" (ray {problem.ray})" if problem.ray else ""
    return error(name, f"{problem.message} [{problem.code}]{ray}", problem.remedy)


def write_check(outcome: CallOutcome) -> CheckReport:
    """Whether the token may write, by what became of a bulk update of no tunnel."""
    if isinstance(outcome, Denied) and not outcome.blocked:
        return warning(
            "write",
            f"the token may not write [{outcome.errors[0].code}]",
            "To plan and to report drift no more is needed. To apply, give the token the permission Magic Transit "
            "or Magic WAN: write.",
        )
    # A bulk update of nothing is a bad request to whoever may make one.
    if isinstance(outcome, Refused) and outcome.status == _BAD_REQUEST:
        return ok("write", "the token may write")
    said = "a bulk update of no tunnel was taken" if isinstance(outcome, Answered) else problem_of(outcome).message
    return warning(
        "write",
        f"whether the token may write is not known: {said}",
        "Try reconciler plan --server-check when there is something to change.",
    )


def way_checks(heard: Heard) -> Iterator[CheckReport]:
    """What the answer to a list says beside the tunnels: clock, latency, calls that are left."""
    yield _clock(heard)
    took = f"a list takes {heard.seconds:.2f} s"
    slow = heard.seconds > SLOW
    yield warning("latency", took, "Look at the network and the proxies.") if slow else ok("latency", took)
    quota = parse_quota(heard.headers, heard.epoch)
    if quota is None:
        own = f"at most {PACE[0]:,} are made in {PACE[1] / 60:g} minutes"
        yield ok("rate limit", f"the answer does not say how many calls are left; {own}")
        return
    left = f"{count(quota.remaining, 'call')} left for the next {quota.seconds:.0f} s"
    wait = "A run waits when they are used up. All tokens of a user share them with the dashboard."
    yield warning("rate limit", left, wait) if quota.remaining < FEW else ok("rate limit", left)


def _clock(heard: Heard) -> CheckReport:
    try:
        server = parsedate_to_datetime(heard.headers.get("date", "")).timestamp()
    except ValueError:
        return ok("clock", "not compared: the answer does not say the server's time")
    # The server wrote it while the answer was on its way.
    ahead, behind = heard.epoch - heard.seconds - server, server - heard.epoch
    if max(ahead, behind) <= SKEW:
        return ok("clock", "this machine's clock agrees with the server's")
    off = f"{ahead:,.0f} s ahead of" if ahead > behind else f"{behind:,.0f} s behind"
    remedy = "Set it: windows, rules with an end and the ages of keys go by it."
    return warning("clock", f"this machine's clock is {off} the server's", remedy)


def tunnel_checks(tunnels: Iterable[LiveTunnel]) -> Iterator[CheckReport]:
    """What live tunnels of these files show: fields that are not known, sessions that are down."""
    every = list(tunnels)
    paths = sorted({path for tunnel in every for path in unknown_fields(tunnel)})
    if paths:
        yield warning(
            "fields",
            f"{count(len(paths), 'field')} that this version does not know: {named(paths, _NAMED)}",
            "They are no drift, and updates send them as they are. A newer version may know them.",
        )
    else:
        yield ok("fields", "every field of the list is known")
    states = {tunnel.name: tunnel.session.state for tunnel in every if has_bgp(tunnel.settings)}
    down = [name for name, state in states.items() if state == "down"]
    up = sum(state == "up" for state in states.values())
    summary = f"{up:,} of {count(len(states), 'BGP session')} up"
    if down:
        yield warning("sessions", f"{summary}; down: {named(down, _NAMED)}", "Look at the other ends of these tunnels.")
    else:
        yield ok("sessions", summary if states else "no tunnel has BGP")


def leftover_check(tunnels: Iterable[LiveTunnel]) -> CheckReport:
    """What a measurement left in the account, whosever names these are."""
    left = [with_address(tunnel) for tunnel in tunnels if is_scratch(tunnel)]
    if not left:
        return ok("leftovers", "no measurement left any tunnel")
    again = "Run reconciler doctor --measure again in a network that holds their addresses"
    remedy = f"{again}, which removes them first, or delete them by hand."
    return warning("leftovers", f"left by a measurement: {named(left, _NAMED)}", remedy)
