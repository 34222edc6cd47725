"""Setting and rotating pre-shared keys so that none is lost. Pure: yields steps and is sent outcomes.

A generated key is stored in its sink as pending, read back, sent, and only then made current. So at every instant the
sink holds the key that Cloudflare has, as current or as pending. What was interrupted goes on with the pending key:
another key must not take its place, since Cloudflare may have it already.

A key that Cloudflare makes can't be stored first: it is in force at once, and stands in one answer only. Before it is
asked, the sink notes that it will be, so that a key that is lost is at least missed.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from reconciler.api.call import (
    Ambiguous,
    Answered,
    Call,
    CallOutcome,
    Conversation,
    Pause,
    Send,
    Step,
    Verb,
    contradicts,
    problem_of,
)
from reconciler.engine.listing import AGREEMENT_SECONDS, read_list
from reconciler.engine.psk import set_psks
from reconciler.model.desired import CommandRef, Declared, EnvRef, External, FileRef, Generated
from reconciler.model.live import LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.psk import is_later
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.secrets.secret import Secret

_PUTS = 3


class SinkOp(StrEnum):
    """What is asked of a tunnel's sink and of the key ring."""

    PROBE = "probe"
    """See whether the sink can store and give back."""
    PENDING = "pending"
    """If the sink holds a pending key, put it into the key ring."""
    MAKE = "make"
    """Make a key and put it into the key ring."""
    NOTE = "note"
    """Note durably that Cloudflare is about to be asked for a key, and when it last made one; reserve the room."""
    RELEASE = "release"
    """Give back the reserved space that was not used."""
    PUT = "put"
    """Store the key ring's key as pending (the step's own key, if it has one, goes into the ring first)."""
    CHECK = "check"
    """Read the pending key back and compare it with the key ring's."""
    PROMOTE = "promote"
    """Make the pending key the current one."""


@dataclass(frozen=True, slots=True)
class SinkStep:
    """One step.

    Attributes:
        secret: For PUT: a key that Cloudflare made.
        before: For NOTE: when Cloudflare last made a key, in its words; empty when it never did.
        made_on: For PROMOTE: when Cloudflare made the key, in its words; empty for a key of another origin.
    """

    op: SinkOp
    tunnel: str
    secret: Secret | None = None
    before: str = ""
    made_on: str = ""


@dataclass(frozen=True, slots=True)
class SinkDone:
    """It worked. `yes` answers PENDING (there is one) and CHECK (they are equal)."""

    yes: bool = True


@dataclass(frozen=True, slots=True)
class SinkFailed:
    """It failed, before or after the sink acted: only reading can tell."""

    problem: Problem


SinkOutcome = SinkDone | SinkFailed


T = TypeVar("T")
KeyConversation = Generator[Step | SinkStep, Any, T]
"""Yields steps; is sent outcomes for `Send`, anything for `Pause`, a `SinkOutcome` for `SinkStep`."""

KeySteps = KeyConversation[dict[str, Verdict]]
"""Ends with a verdict per tunnel name.

`applied`: Cloudflare has the key, and a generated one is the sink's current key. `failed`: Cloudflare's key is held
where it was, or as the sink's pending key. `skipped`: nothing was tried. `unknown`: nobody can tell which key it has.
"""


def set_keys(targets: Sequence[Declared]) -> KeySteps:
    """Send the keys that references hold: list → one bulk call → check each tunnel in the answer.

    The key ring must hold the keys by tunnel name. If anything is wrong before the bulk call, no key is sent.

    Args:
        targets: Declared tunnels, each once.
    """
    wrong = {t.name: _cannot_set(t) for t in targets}
    live: dict[str, LiveTunnel] = {}
    if not any(wrong.values()):
        live = yield from _listed(targets, wrong)
    if any(wrong.values()):
        return _all_or_nothing(wrong)
    return (yield from set_psks({live[t.name].id: t.name for t in targets}))


def rotate(targets: Sequence[Declared]) -> KeySteps:
    """Give tunnels new keys: probe the sinks → list → make, store and read back → set → promote.

    If a reference, a sink's probe or the list is wrong, nothing is written at all. A tunnel whose sink holds
    a pending key gets that key: an earlier run was interrupted, and Cloudflare may have it.

    Args:
        targets: Declared tunnels, each once, also new ones whose key Cloudflare shall make.
    """
    wrong = {t.name: _cannot_rotate(t) for t in targets}
    if not any(wrong.values()):
        wrong = yield from _probe(t.name for t in targets)
    live: dict[str, LiveTunnel] = {}
    if not any(wrong.values()):
        live = yield from _listed(targets, wrong)
    if any(wrong.values()):
        return _all_or_nothing(wrong)
    verdicts: dict[str, Verdict] = {}
    send: dict[str, str] = {}
    generate: list[LiveTunnel] = []
    for target in targets:
        local = isinstance(target.psk, Generated) and target.psk.by == "local"
        held = yield from _hold(target.name, make=local)
        if isinstance(held, Verdict):
            verdicts[target.name] = held
        elif held:
            send[live[target.name].id] = target.name
        else:
            generate.append(live[target.name])
    sent = yield from set_psks(send)
    verdicts |= sent
    verdicts |= yield from promote(name for name, verdict in sent.items() if verdict == APPLIED)
    verdicts |= yield from _generate(generate)
    return verdicts


def make_missing(targets: Sequence[Declared]) -> KeySteps:
    """Have Cloudflare make the keys of tunnels that have none yet, each for itself: probe → list → ask → store.

    Args:
        targets: Declared tunnels, each once.

    Returns:
        A verdict per name: `skipped` where Cloudflare was not asked, `unknown` where it may have a key all the same.
    """
    if not targets:
        return {}
    wrong = yield from _probe(t.name for t in targets)
    live = yield from _listed(targets, wrong)
    verdicts = {name: Verdict(Result.SKIPPED, why) for name, why in wrong.items() if why}
    ready = []
    for name in (t.name for t in targets if t.name not in verdicts):
        pending = yield from _hold(name, make=False)
        if isinstance(pending, Verdict):
            verdicts[name] = replace(pending, result=Result.SKIPPED)
        elif pending or live[name].key_generated_on is not None:
            verdicts[name] = _somebody_else_s(name)
        else:
            ready.append(live[name])
    return verdicts | (yield from _generate(ready))


def _somebody_else_s(name: str) -> Verdict:
    message = "Somebody else has had Cloudflare make a key for it, or has one pending in its sink"
    remedy = f"If its sink does not get it: reconciler psk rotate {name}"
    return Verdict(Result.UNKNOWN, Problem("key-not-in-sink", message, remedy))


def prepare(names: Iterable[str], later: Iterable[str] = ()) -> KeySteps:
    """Before tunnels with a locally generated key are created: each key is made, stored and read back.

    The key ring then holds the keys by tunnel name. After the create, `promote` makes them current.

    Args:
        names: Tunnels whose key is made here.
        later: Tunnels whose key Cloudflare makes once they are there: their sinks are probed too.

    Returns:
        A verdict per name: `applied` when its key may be sent, else `failed` (then its tunnel must not be
        created) or `skipped` because the sink of another one failed its probe.
    """
    ordered = sorted(names)
    wrong = yield from _probe([*ordered, *sorted(later)])
    if any(wrong.values()):
        return _all_or_nothing(wrong)
    verdicts = {}
    for name in ordered:
        held = yield from _hold(name, make=True)
        verdicts[name] = held if isinstance(held, Verdict) else APPLIED
    return verdicts


def promote(names: Iterable[str], made_on: str = "") -> KeySteps:
    """Make the pending keys of tunnels current: Cloudflare has them now, or has made them at this time."""
    verdicts = {}
    for name in names:
        done: SinkOutcome = yield SinkStep(SinkOp.PROMOTE, name, made_on=made_on)
        verdicts[name] = APPLIED
        if isinstance(done, SinkFailed):
            why = done.problem
            verdicts[name] = Verdict(Result.FAILED, Problem(why.code, why.message, _FINISH.format(name)))
    return verdicts


_FINISH = (
    "Cloudflare has the new key, and the sink holds it as current or still as pending; `psk rotate {0}` finishes "
    "the second."
)


def _cannot_set(target: Declared) -> Problem | None:
    match target.psk:
        case None:
            return Problem("no-key", "The files name no key for it", "Add a `psk` reference to the tunnel.")
        case External():
            return Problem("external-key", "The files say that somebody else sets its key", _GENERATE)
        case Generated():
            return Problem("generated-key", "Its key is generated, so there is none to send", _FINISH_OR_NEW)
        case EnvRef() | FileRef() | CommandRef():
            return None


def _cannot_rotate(target: Declared) -> Problem | None:
    match target.psk:
        case Generated():
            return None
        case EnvRef() | FileRef() | CommandRef():
            message = "Its key comes from elsewhere, so it can't be made here"
            remedy = f"Change it where it comes from and run `psk set {target.name}`. {_GENERATE}"
            return Problem("not-generated", message, remedy)
        case _:
            return _cannot_set(target)


_GENERATE = "To have keys made here, declare `psk: {generate: true, deliver_to: …}`."
_FINISH_OR_NEW = "Use `psk rotate`, which makes a new one or finishes an interrupted rotation."


def _all_or_nothing(wrong: Mapping[str, Problem | None]) -> dict[str, Verdict]:
    first = next(name for name, why in wrong.items() if why)
    other = Problem("nothing-done", f"No key was changed, because {first} has a problem")
    return {name: Verdict(Result.FAILED, why) if why else Verdict(Result.SKIPPED, other) for name, why in wrong.items()}


def _probe(names: Iterable[str]) -> KeyConversation[dict[str, Problem | None]]:
    wrong: dict[str, Problem | None] = {}
    for name in names:
        answer: SinkOutcome = yield SinkStep(SinkOp.PROBE, name)
        wrong[name] = answer.problem if isinstance(answer, SinkFailed) else None
    return wrong


def _listed(targets: Sequence[Declared], wrong: dict[str, Problem | None]) -> KeyConversation[dict[str, LiveTunnel]]:
    """Live tunnels by name; puts into `wrong` what is missing."""
    outcome = yield from read_list()
    if not isinstance(outcome, Answered) or outcome.live is None:
        wrong.update({t.name: problem_of(outcome) for t in targets})
        return {}
    live = outcome.live.by_name()
    missing = Problem("not-live", "Cloudflare has no tunnel of this name", "Run `apply` first.")
    wrong.update({t.name: missing for t in targets if t.name not in live})
    return live


def _hold(name: str, *, make: bool) -> KeyConversation[Verdict | bool]:
    """Have the pending key in ring and sink, a new one if there is none and `make`; whether there is one."""
    steps = [SinkOp.PENDING, SinkOp.MAKE, SinkOp.PUT, SinkOp.CHECK]
    for op in steps if make else steps[:1]:
        done: SinkOutcome = yield SinkStep(op, name)
        if isinstance(done, SinkFailed):
            return Verdict(Result.FAILED, done.problem)
        if op is SinkOp.PENDING and done.yes:
            return True
        if op is SinkOp.CHECK and not done.yes:
            return Verdict(Result.FAILED, _DIFFERS)
    return make


_DIFFERS = Problem(
    "sink-differs",
    "The sink gives back another key than it was given",
    "Repair the sink; Cloudflare was not asked to change the key.",
)


@dataclass(frozen=True, slots=True)
class Made:
    """A key that Cloudflare made, and when, in its own words; empty when it did not say."""

    key: Secret
    on: str


def _generate(tunnels: Iterable[LiveTunnel]) -> KeySteps:
    """Let Cloudflare make each key and store it at once; then see that nobody had another one made since."""
    verdicts: dict[str, Verdict] = {}
    times: dict[str, tuple[str, str]] = {}
    for tunnel in tunnels:
        # Should this process die with the answer, the note is what tells that a key was made and lost.
        noted: SinkOutcome = yield SinkStep(SinkOp.NOTE, tunnel.name, before=tunnel.key_generated_on or "")
        if isinstance(noted, SinkFailed):
            verdicts[tunnel.name] = Verdict(Result.FAILED, noted.problem)
            continue
        made = yield from generate_psk(tunnel)
        verdicts[tunnel.name] = made if isinstance(made, Verdict) else (yield from keep_made(tunnel.name, made))
        yield SinkStep(SinkOp.RELEASE, tunnel.name)
        if isinstance(made, Made) and verdicts[tunnel.name] == APPLIED:
            times[tunnel.name] = (tunnel.id, made.on)
    return verdicts | ((yield from _overtaken(times)) if times else {})


def generate_psk(before: LiveTunnel) -> Conversation[Made | Verdict]:
    """Let Cloudflare make a key, asking once and never again.

    (API: the key stands only in the answer, and is in force at once.) When the answer is lost, the time of
    the last generation tells whether a key was made: if it moved, that key is lost.

    Args:
        before: The tunnel as listed before.

    Returns:
        The key, or why there is none.
    """
    (outcome,) = yield Send((Call(Verb.GENERATE_PSK, tunnel_id=before.id),))
    if isinstance(outcome, Answered):
        if isinstance(outcome.psk, Secret):
            return Made(outcome.psk, outcome.made_on)
    elif not isinstance(outcome, Ambiguous) and not contradicts(outcome):
        return Verdict(Result.FAILED, problem_of(outcome))
    for wait in (True, False):
        (listed,) = yield Send((Call(Verb.LIST),))
        if not isinstance(listed, Answered) or listed.live is None or before.id not in listed.live.tunnels:
            return _lost(before.name, outcome, "and the tunnel could not be read again")
        if listed.live.tunnels[before.id].key_generated_on != before.key_generated_on:
            return _lost(before.name, outcome, "and Cloudflare did make a new key, which nobody has")
        if wait:
            yield Pause(AGREEMENT_SECONDS, "to see whether a key was made")
    return _lost(before.name, outcome, "though two lists show no new key")


def _lost(name: str, outcome: CallOutcome, what: str) -> Verdict:
    seen = problem_of(outcome)
    message = f"The answer that holds the key was lost ({seen.message}), {what}"
    remedy = f"The tunnel may not come up with the key on the device: run `psk rotate {name}` again."
    return Verdict(Result.UNKNOWN, Problem("key-lost", message, remedy, seen.ray))


def _overtaken(times: Mapping[str, tuple[str, str]]) -> KeySteps:
    """The keys after which, by a new list, another run had one made for the same tunnel: they are not in force.

    Args:
        times: Tunnel name to its id and to when Cloudflare made the key.
    """
    outcome = yield from read_list()
    if not isinstance(outcome, Answered) or outcome.live is None:
        why = problem_of(outcome)
        message = f"Cloudflare made a key, which is in the sink; whether it is the last one is not known: {why.message}"
        unsure = Verdict(Result.UNKNOWN, Problem("key-not-checked", message, "See `reconciler psk status`.", why.ray))
        return dict.fromkeys(times, unsure)
    verdicts = {}
    for name, (tunnel_id, made_on) in times.items():
        now = outcome.live.tunnels.get(tunnel_id)
        if now is None or is_later(now.key_generated_on, made_on):
            message = "Cloudflare made a key, and another one for somebody else right after it"
            remedy = f"Once no other run is at work: reconciler psk rotate {name}"
            verdicts[name] = Verdict(Result.UNKNOWN, Problem("key-not-in-sink", message, remedy))
    return verdicts


def keep_made(name: str, made: Made) -> KeyConversation[Verdict]:
    """Store a key that is in force already; a failed write may have worked, so reading decides."""
    why = _DIFFERS
    for attempt in range(_PUTS):
        put: SinkOutcome = yield SinkStep(SinkOp.PUT, name, made.key)
        check: SinkOutcome = yield SinkStep(SinkOp.CHECK, name)
        if isinstance(check, SinkDone) and check.yes:
            return (yield from promote([name], made.on))[name]
        why = next((s.problem for s in (put, check) if isinstance(s, SinkFailed)), _DIFFERS)
        if attempt + 1 < _PUTS:
            yield Pause(2.0**attempt, f"the sink of {name} failed")
    message = f"Cloudflare made a key and its sink did not take it ({why.message}): the key is lost"
    remedy = f"Repair the sink and run `psk rotate {name}`."
    return Verdict(Result.UNKNOWN, Problem("key-lost", message, remedy))
