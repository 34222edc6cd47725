"""Setting and rotating pre-shared keys so that none is lost. Pure: yields steps and is sent outcomes.

A generated key is stored in its sink as pending, read back, sent, and only then made current. So at every instant the
sink holds the key that Cloudflare has, as current or as pending. What was interrupted goes on with the pending key:
another key must not take its place, since Cloudflare may have it already.

    the step              current    pending    Cloudflare has
    store, read back      old        new        old
    send                  old        new        old, new, or nobody knows
    promote               new                   new

Keys that Cloudflare makes can't be stored first: `made` tells their story.
"""

from collections.abc import Iterable, Mapping, Sequence

from reconciler.api.call import problem_of
from reconciler.engine.listing import read_list
from reconciler.engine.psk import set_psks
from reconciler.model.desired import CommandRef, Declared, EnvRef, External, FileRef, Generated
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.psk import psk_command
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.secrets.made import make_keys
from reconciler.secrets.steps import KeyConversation, KeySteps, hold, probe, promote


def set_keys(targets: Sequence[Declared]) -> KeySteps:
    """Send the keys that references hold: list → one bulk call → check each tunnel in the answer.

    The key ring must hold the keys by tunnel name. If anything is wrong before the bulk call, no key is sent.

    Args:
        targets: Declared tunnels, each once, all of them fit for it.
    """
    wrong: dict[str, Problem | None] = {}
    live = yield from _listed(targets, wrong)
    if wrong:
        return all_or_nothing({t.name: wrong.get(t.name) for t in targets})
    return (yield from set_psks({live[t.name].id: t.name for t in targets}))


def rotate(targets: Sequence[Declared]) -> KeySteps:
    """Give tunnels new keys: probe the sinks → list → make, store and read back → set → promote.

    If a sink's probe or the list is wrong, nothing is written at all. A tunnel whose sink holds
    a pending key gets that key: an earlier run was interrupted, and Cloudflare may have it.

    Args:
        targets: Declared tunnels, each once, all of them fit for it.
    """
    wrong = yield from probe(t.name for t in targets)
    live: dict[str, LiveTunnel] = {}
    if not any(wrong.values()):
        live = yield from _listed(targets, wrong)
    if any(wrong.values()):
        return all_or_nothing(wrong)
    verdicts: dict[str, Verdict] = {}
    send: dict[str, str] = {}
    generate: list[LiveTunnel] = []
    for target in targets:
        local = isinstance(target.psk, Generated) and target.psk.by == "local"
        held = yield from hold(target.name, make=local)
        if isinstance(held, Verdict):
            verdicts[target.name] = held
        elif held:
            send[live[target.name].id] = target.name
        else:
            generate.append(live[target.name])
    sent = yield from set_psks(send)
    verdicts |= sent
    verdicts |= yield from promote(name for name, verdict in sent.items() if verdict == APPLIED)
    verdicts |= yield from make_keys(generate)
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
    wrong = yield from probe(t.name for t in targets)
    live = yield from _listed(targets, wrong)
    verdicts = {name: Verdict(Result.SKIPPED, why) for name, why in wrong.items() if why}
    ready = []
    for name in (t.name for t in targets if t.name not in verdicts):
        pending = yield from hold(name, make=False)
        if isinstance(pending, Verdict):
            verdicts[name] = pending._replace(result=Result.SKIPPED)
        elif pending or live[name].key_generated_on is not None:
            message = "Somebody else has had Cloudflare make a key for it, or has one pending in its sink"
            remedy = f"If its sink does not get it: {psk_command('rotate', name)}"
            verdicts[name] = Verdict(Result.UNKNOWN, Problem("key-not-in-sink", message, remedy))
        else:
            ready.append(live[name])
    return verdicts | (yield from make_keys(ready))


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
    wrong = yield from probe([*ordered, *sorted(later)])
    if any(wrong.values()):
        return all_or_nothing(wrong)
    verdicts = {}
    for name in ordered:
        held = yield from hold(name, make=True)
        verdicts[name] = held if isinstance(held, Verdict) else APPLIED
    return verdicts


def unfit(action: str, target: Declared) -> Problem | None:
    """Why a key can't be set, or rotated: what the files say of it does not go with that."""
    match target.psk:
        case None:
            return Problem("no-key", "The files name no key for it", "Add a `psk` reference to the tunnel.")
        case External():
            return Problem("external-key", "The files say that somebody else sets its key", _GENERATE)
        case Generated() if action == "set":
            return Problem("generated-key", "Its key is generated, so there is none to send", _FINISH_OR_NEW)
        case EnvRef() | FileRef() | CommandRef() if action == "rotate":
            message = "Its key comes from elsewhere, so it can't be made here"
            remedy = f"{_GENERATE} Else change it where it comes from, then: {psk_command('set', target.name)}"
            return Problem("not-generated", message, remedy)
        case _:
            return None


_GENERATE = "To have keys made here, declare `psk: {generate: true, deliver_to: …}`."
_FINISH_OR_NEW = "Use `psk rotate`, which makes a new one or finishes an interrupted rotation."


def all_or_nothing(wrong: Mapping[str, Problem | None]) -> dict[str, Verdict]:
    """What is said of all tunnels when something is wrong with one: half a rotation helps nobody."""
    first = next(name for name, why in wrong.items() if why)
    other = Problem("nothing-done", f"No key was changed, because {first} has a problem")
    return {name: Verdict(Result.FAILED, why) if why else Verdict(Result.SKIPPED, other) for name, why in wrong.items()}


def _listed(targets: Sequence[Declared], wrong: dict[str, Problem | None]) -> KeyConversation[dict[str, LiveTunnel]]:
    """Live tunnels by name; puts into `wrong`, by name, the targets that are not there, or all without a list."""
    found = yield from read_list()
    if not isinstance(found, Live):
        wrong.update({t.name: problem_of(found) for t in targets})
        return {}
    live = found.by_name()
    missing = Problem("not-live", "Cloudflare has no tunnel of this name", "Run `apply` first.")
    wrong.update({t.name: missing for t in targets if t.name not in live})
    return live
