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

from reconciler.engine.psk import set_psks
from reconciler.model.desired import CommandRef, Declared, EnvRef, External, FileRef, Generated
from reconciler.model.live import LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.psk import psk_command
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.secrets.made import make_psks
from reconciler.secrets.steps import PskSteps, hold, listed, probe, promote

_GENERATE = "To have keys made here, declare `psk: {generate: true, deliver_to: …}`."


def unfit(action: str, tunnel: Declared) -> Problem | None:
    """Why a key can't be set, or rotated: what the files say of it does not go with that."""
    match tunnel.psk:
        case None:
            return Problem("no-key", "the files name no key for it", "Add a `psk` reference to the tunnel.")
        case External():
            remedy = (
                _GENERATE
                if action == "rotate"
                else "To have it sent from here, declare where it is: `psk: {env: NAME}`."
            )
            return Problem("external-key", "the files say that somebody else sets its key", remedy)
        case Generated() if action == "set":
            remedy = "Use `psk rotate`, which makes a new one or finishes an interrupted rotation."
            return Problem("generated-key", "its key is generated, so there is none to send", remedy)
        case EnvRef() | FileRef() | CommandRef() if action == "rotate":
            message = "its key comes from elsewhere, so it can't be made here"
            remedy = f"{_GENERATE} Else change it where it comes from, then: {psk_command('set', tunnel.name)}"
            return Problem("not-generated", message, remedy)
        case _:
            return None


def send_psks(tunnels: Sequence[Declared]) -> PskSteps:
    """Send the keys that references hold: list → one bulk call → check each tunnel in the answer.

    The run must have the keys by tunnel name. If a tunnel is not there, no key is sent at all.

    Args:
        tunnels: Declared tunnels, each once, none of them unfit.
    """
    names = [tunnel.name for tunnel in tunnels]
    live, wrong = yield from listed(names)
    if wrong:
        return all_or_nothing(names, wrong)
    return (yield from set_psks({live[name].id: name for name in names}))


def rotate(tunnels: Sequence[Declared]) -> PskSteps:
    """Give tunnels new keys: probe the sinks → list → make, store and read back → set → promote.

    If a sink's probe or the list is wrong, nothing is written at all. A tunnel whose sink holds a pending key gets that
    key: an earlier run was interrupted, and Cloudflare may have it.

    Args:
        tunnels: Declared tunnels, each once, none of them unfit.
    """
    names = [tunnel.name for tunnel in tunnels]
    live: Mapping[str, LiveTunnel] = {}
    wrong = yield from probe(names)
    if not wrong:
        live, wrong = yield from listed(names)
    if wrong:
        return all_or_nothing(names, wrong)
    verdicts: dict[str, Verdict] = {}
    send: dict[str, str] = {}
    generate: list[LiveTunnel] = []
    for tunnel in tunnels:
        local = isinstance(tunnel.psk, Generated) and tunnel.psk.by == "local"
        held = yield from hold(tunnel.name, make=local)
        if isinstance(held, Problem):
            verdicts[tunnel.name] = Verdict(Result.FAILED, held)
        elif held:
            send[live[tunnel.name].id] = tunnel.name
        else:
            generate.append(live[tunnel.name])
    sent = yield from set_psks(send)
    verdicts |= sent
    verdicts |= yield from promote(name for name, verdict in sent.items() if verdict == APPLIED)
    verdicts |= yield from make_psks(generate)
    return verdicts


def all_or_nothing(names: Iterable[str], wrong: Mapping[str, Problem]) -> dict[str, Verdict]:
    """What is said of all tunnels when something is wrong with one: half a rotation helps nobody."""
    other = Problem("nothing-done", f"no key was changed, because {next(iter(wrong))} has a problem")
    return {n: Verdict(Result.FAILED, wrong[n]) if n in wrong else Verdict(Result.SKIPPED, other) for n in names}
