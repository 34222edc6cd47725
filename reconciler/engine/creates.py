"""Creates: side by side, each at most once; a lost answer is looked for in the list, never simply sent again."""

from collections.abc import Iterable

from reconciler.api.call import Call, CallOutcome, Conversation, Refused, Verb, problem_of
from reconciler.engine.psk import set_psks
from reconciler.engine.run import Open, Run, name_changed, psk_remedy
from reconciler.engine.write import WAITS, agreed
from reconciler.model.canonical import same_letters
from reconciler.model.kind import IPSEC_TUNNEL
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Problem
from reconciler.model.settings import nested
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.plan.diff import Change

_MADE = Problem(
    "name-taken",
    "somebody else made a tunnel of this name since the plan was made",
    "Look at it, then run plan: it says what apply would make of it.",
)
_TAKEN = Problem(
    "network-taken",
    "somebody else made a tunnel on its interface network since the plan was made",
    "Look at it, then run plan: it says what apply would make of it.",
)
_NO_ANSWER = "no answer says what became of the create"


def create(run: Run, changes: Iterable[Change]) -> Conversation[None]:
    """Create these tunnels.

    A create is the one write that must not be repeated blindly: names need not be unique, so a second one may make a
    second tunnel. One whose answer was lost has worked when exactly one tunnel with its name and addresses is listed
    under an id that was not there before. It is sent again only after two lists, some seconds apart, that both lack it.
    A refusal of one that was sent again may come from its own first try, and one in an answer that calls itself a
    success says nothing: so the list decides about those too.
    """
    pending = run.ready(run.left_to_do(changes, lambda change, _: taken_meanwhile(run, change)))
    for attempt, wait in enumerate(WAITS):
        if not pending:
            return
        still = yield from run.send_each([(change, _call(run, change)) for change in pending], resent=attempt > 0)
        run.made |= {change.ref for change in pending if run.verdicts.get(change.ref) == APPLIED}
        # The time between the two lists is wait enough before it is sent again.
        pending = (yield from find(run, still, again=wait is not None)) if still else []


def _call(run: Run, change: Change) -> Call:
    psk = run.psk_of(change)
    # The empty id: a tunnel that is to be made has none yet, and there is one key in the call.
    return Call(Verb.CREATE, body=nested(change.target), psks={"": psk} if psk else {})


def taken_meanwhile(run: Run, change: Change) -> Verdict | None:
    """The verdict on a create whose name or network somebody else took since the plan was made; else None."""
    if any(t.name == change.name and t.id not in run.plan.live.tunnels for t in run.live.tunnels.values()):
        return Verdict(Result.FAILED, _MADE)
    return Verdict(Result.FAILED, _TAKEN) if run.stand_in(change, run.live) else None


def find(run: Run, still: Open, *, again: bool) -> Conversation[list[Change]]:
    """Decide lost creates from the list; returns those to send again, which two agreeing lists lack.

    Args:
        run: The account's state.
        still: Creates with the answers that could not be believed.
        again: Whether they may be sent once more; else what no list decides is unknown.
    """
    found: dict[str, Change] = {}

    def look(still: Open) -> Conversation[Open]:
        live = yield from run.observe()
        if live is None:
            run.unknown(still)
            return []
        return [(c, o) for c, o in still if not _recognise(run, c, o, live, found)]

    still = yield from agreed(look, still, "before a second list that must agree with the first")
    yield from _set_psks_again(run, found)
    for change, outcome in still:
        if isinstance(outcome, Refused):  # two lists don't show that it worked, so the refusal stands
            run.decide([change], Verdict(Result.FAILED, problem_of(outcome)))
    missing: Open = [(c, o) for c, o in still if not isinstance(o, Refused)]
    if not again or run.stop is not None:
        run.unknown(missing)
        return []
    return [change for change, _ in missing]


def _recognise(run: Run, change: Change, outcome: CallOutcome, live: Live, found: dict[str, Change]) -> bool:
    """True when the list decides this lost create: it is found, or its name or network is taken by something else."""
    named = [t for t in live.tunnels.values() if t.name == change.name]
    ours = [t for t in named if is_ours(run, change, t)]
    if len(ours) == 1:
        found[ours[0].id] = change
        run.decide([change], APPLIED)
        return True
    other = run.stand_in(change, live)
    if other is not None:
        run.decide([change], Verdict(Result.UNKNOWN, _altered(change, other)))
    elif named:
        taken = Problem(
            "name-taken",
            f"{_NO_ANSWER}, and the list now holds a tunnel {change.name!r} that is not the one sent",
            "Somebody else made a tunnel of this name meanwhile: look at it, then run plan.",
        )
        run.decide([change], Verdict(Result.FAILED, problem_of(outcome) if isinstance(outcome, Refused) else taken))
    return bool(named or other)


def is_ours(run: Run, change: Change, tunnel: LiveTunnel) -> bool:
    """Whether a listed tunnel is the one that was sent: by the settings that identify it, under a new id."""
    settings = change.target
    same = all(tunnel.settings.get(path) == settings.get(path) for path in IPSEC_TUNNEL.recognised_by)
    return same and tunnel.id not in run.plan.live.tunnels


def _altered(change: Change, other: LiveTunnel) -> Problem:
    """Why a new tunnel on the network of a lost create is neither taken for it nor for somebody else's.

    A server may keep a name or an address in another form than it was sent.
    """
    if other.name == change.name:
        look = "Look whether that is the tunnel that was sent or somebody else's, then run plan: it says what differs."
        message = f"{_NO_ANSWER}, and the list now holds {other.name!r} with other settings than were sent"
        return Problem("not-recognised", message, " ".join(filter(None, (look, psk_remedy(change)))))
    message = f"{_NO_ANSWER}, and the list now holds {other.name!r} on its interface network"
    if same_letters(change.name, other.name):
        return name_changed(change, other.name, message)
    remedy = "Look whether that is the tunnel that was sent or somebody else's, rename or move it, then run plan."
    return Problem("network-taken", message, remedy)


def _set_psks_again(run: Run, found: dict[str, Change]) -> Conversation[None]:
    """Set the keys of tunnels that a list showed: setting the same value twice is harmless, a missing key is an outage.

    It also settles whose key a tunnel has that was, after all, made by somebody else at the same time.

    Args:
        run: The account's state.
        found: The creates that a list shows as done, by the id of the tunnel.
    """
    names = {tunnel_id: name for tunnel_id, c in found.items() if (name := run.psk_of(c))}
    if run.stop is None:
        verdicts = yield from set_psks(names, run.send)
    else:
        verdicts = dict.fromkeys(names.values(), Verdict(Result.SKIPPED, problem_of(run.stop)))
    for tunnel_id, name in sorted(names.items()):
        problem = verdicts[name].problem
        if problem is not None:
            change = found.pop(tunnel_id)
            run.unproved(change, f"{_NO_ANSWER}, and its key was not set again: {problem.message}")
    run.made |= {change.ref for change in found.values()}
