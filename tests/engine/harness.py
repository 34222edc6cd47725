"""Drives the apply protocol over a simulator, with outcomes put in the place of chosen calls."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from reconciler.api.call import (
    Ambiguous,
    Answered,
    Ask,
    Call,
    CallOutcome,
    Pause,
    Probe,
    Probed,
    Step,
    StopClock,
    Verb,
    drive,
)
from reconciler.api.wire import Reply, Request, decode, decode_ask, encode, encode_ask
from reconciler.engine.apply import Applied, apply
from reconciler.model.desired import Desired
from reconciler.model.live import Live, live_from_result
from reconciler.plan.build import build_plan
from reconciler.plan.plan import Plan
from reconciler.simulator import message
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator
from tests.build import ACCOUNT_ID, options, settings
from tests.strangers import foreign_create

_BEGIN = 1_800_000_000.0
LOST = Ambiguous("no-answer", "the connection was reset")


class World:
    """A simulated account, what was sent to it and when, and what happens in place of the n-th call of a verb."""

    def __init__(self, *names: str, semantics: str = "", **fields: Any) -> None:
        self.seconds = 0.0
        self.simulator = Simulator(Semantics.parse(semantics), lambda: _BEGIN + self.seconds)
        for name in names:
            foreign_create(self.simulator, ACCOUNT_ID, settings(name, **fields.get(name, {})))
        self.simulator.settle()
        self.seconds = 3600.0  # all sessions are up long since
        self.verbs: list[str] = []
        self.calls: list[Call] = []
        self.asked: list[Ask] = []
        self.pauses: list[float] = []
        self.reasons: list[str] = []
        self.story: list[str | float] = []
        self.instead: dict[tuple[Verb, int], CallOutcome] = {}
        self.after: dict[tuple[Verb, int], CallOutcome] = {}
        self.psks: Mapping[str, str] = {}
        self.probed: list[tuple[float, str, str]] = []
        self.ailing: Callable[[str], str] = lambda _: ""
        self._meddling: dict[int, Callable[[], object]] = {}

    def live(self) -> Live:
        found = live_from_result({"ipsec_tunnels": self.simulator.tunnels(ACCOUNT_ID)})
        return found._replace(at=self.seconds)

    def plan(self, desired: Desired, **chosen: Any) -> Plan:
        return build_plan(desired, self.live(), options(**chosen))

    def apply(self, desired: Desired, with_psk: frozenset[str] = frozenset(), **chosen: Any) -> Applied:
        return drive(apply(self.plan(desired, **chosen), with_psk), self.carry)

    def meddle(self, number: int, how: Callable[..., object], *what: Any) -> None:
        """Lets somebody else do this to the account right before the call of this number, from 0."""
        self._meddling[number] = partial(how, self.simulator, ACCOUNT_ID, *what)

    def carry(self, step: Step) -> tuple[Any, ...]:
        if isinstance(step, Pause):
            self.pauses.append(step.seconds)
            self.reasons.append(step.why)
            self.story.append(step.seconds)
            self.seconds += step.seconds
            return ()
        if isinstance(step, StopClock):
            return ()
        if isinstance(step, Probe):
            self.probed += [(self.seconds, name, settings["interface_address"]) for name, settings in step.tunnels]
            return tuple(Probed(not (why := self.ailing(name)), why) for name, _ in step.tunnels)
        if isinstance(step, Ask):
            self.asked.append(step)
            return (decode_ask(self.send(encode_ask(step, ACCOUNT_ID))),)
        return tuple(self.call(call) for call in step.calls)

    def call(self, call: Call) -> CallOutcome:
        if meddling := self._meddling.pop(len(self.verbs), None):
            meddling()
        number = self.verbs.count(call.verb.value)
        self.verbs.append(call.verb.value)
        self.calls.append(call)
        self.story.append(call.verb.value)
        if (call.verb, number) in self.instead:
            return self.instead[call.verb, number]
        reply = self.send(encode(call, ACCOUNT_ID, lambda name: self.psks[name]))
        found = decode(call, reply, str, lambda _: False)
        if (call.verb, number) in self.after:
            return self.after[call.verb, number]
        if isinstance(found, Answered) and found.live:
            return found._replace(live=found.live._replace(asked=self.seconds, at=self.seconds))
        return found

    def send(self, request: Request) -> Reply:
        query = "&".join(f"{k}={v}" for k, v in request.query.items())
        headers = {"authorization": "Bearer t", **{k.lower(): v for k, v in request.headers.items()}}
        reply = self.simulator.handle(message.Request(request.method, request.path, query, headers, request.body))
        return Reply(reply.status, reply.headers, reply.body)


def by_name(world: World, ended: Applied) -> dict[str, tuple[str, str | None]]:
    """By tunnel, its verdict and the code of its problem."""
    names = {t["id"]: t["name"] for t in world.simulator.tunnels(ACCOUNT_ID)}
    found = {names.get(ref, ref.removeprefix("+")): verdict for ref, verdict in ended.verdicts.items()}
    return {name: (v.result.value, v.problem.code if v.problem else None) for name, v in found.items()}


def results(ended: Applied) -> list[str]:
    """The verdicts in the order they were given."""
    return [v.result.value for v in ended.verdicts.values()]
