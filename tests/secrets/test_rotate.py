import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.api.call import (
    Ambiguous,
    Answered,
    ApiError,
    Call,
    CallOutcome,
    Denied,
    NotSent,
    Pause,
    Refused,
    Send,
    Verb,
)
from reconciler.model.desired import (
    Account,
    CommandRef,
    Declared,
    Desired,
    EnvRef,
    External,
    FileRef,
    Generated,
    PskRef,
)
from reconciler.model.live import Live, LiveTunnel
from reconciler.model.problems import Location, Problem
from reconciler.model.psk import Held
from reconciler.model.verdict import Verdict
from reconciler.secrets.rotate import prepare, rotate, set_keys, unfit
from reconciler.secrets.secret import Secret, reveal
from reconciler.secrets.status import key_status
from reconciler.secrets.steps import KeySteps, SinkDone, SinkFailed, SinkOp, SinkOutcome, SinkStep, promote

HERE = Location("t.yaml", 3)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def declared(name: str, key: PskRef | None) -> Declared:
    return Declared(name, {}, HERE, key)


LOCAL = declared("lon-a", Generated("local", FileRef("a.key")))
LOCAL_B = declared("lon-b", Generated("local", FileRef("b.key")))
THERE = declared("par-a", Generated("cloudflare", FileRef("c.key")))
ALL = (LOCAL, LOCAL_B, THERE)
NAMES = ("lon-a", "lon-b", "par-a")


class CrashError(Exception):
    """The process is gone."""


class World:
    """Cloudflare and the sinks, both honest; faults are put in by `drive`. All of it by tunnel name.

    Attributes:
        key: Which one Cloudflare has.
        current, pending: Which ones the sink has.
        ring: The key ring.
        generated: When Cloudflare last made a key, as seconds of `clock`, which goes on by one a step.
        notes: What the sink noted before Cloudflare was asked.
        promoted: When the current key became current.
        sent: How often Cloudflare was asked to make one.
    """

    def __init__(self) -> None:
        self.key: dict[str, str] = dict.fromkeys(NAMES, "old")
        self.current: dict[str, str] = dict.fromkeys(NAMES, "old")
        self.pending: dict[str, str] = {}
        self.ring: dict[str, str] = {}
        self.clock = 0
        self.generated: dict[str, int] = {}
        self.notes: dict[str, str] = {}
        self.promoted: dict[str, int] = dict.fromkeys(NAMES, 0)
        self.sent: Counter[str] = Counter()

    def time(self, seconds: int) -> str:
        return (EPOCH + timedelta(seconds=seconds)).isoformat()

    def live(self) -> Live:
        raw = {n: {"psk_metadata": {"last_generated_on": self.time(at)}} for n, at in self.generated.items()}
        return Live({f"id-{n}": LiveTunnel(f"id-{n}", n, {}, raw.get(n, {})) for n in NAMES})

    def call(self, call: Call) -> CallOutcome:
        self.clock += 1
        if call.verb is Verb.LIST:
            return Answered(self.live())
        if call.verb is Verb.SET_PSKS:
            for name in call.psks.values():
                self.key[name] = self.ring[name]
            return Answered(taken=dict.fromkeys(call.psks, True))
        name = str(call.tunnel_id).removeprefix("id-")
        self.sent[name] += 1
        self.key[name] = f"there{self.clock}"
        self.generated[name] = self.clock
        return Answered(psk=Secret(self.key[name]), made_on=self.time(self.clock))

    def sink(self, step: SinkStep) -> SinkOutcome:
        self.clock += 1
        name = step.tunnel
        match step.op:
            case SinkOp.PROBE | SinkOp.NOTE:
                self.begin(step)
            case SinkOp.PENDING:
                if name in self.pending:
                    self.ring[name] = self.pending[name]
                return SinkDone(yes=name in self.pending)
            case SinkOp.MAKE:
                self.ring[name] = f"made{self.clock}"
            case SinkOp.PUT:
                return self.put(name)
            case SinkOp.CHECK:
                return SinkDone(yes=self.pending.get(name) == self.ring[name])
            case SinkOp.PROMOTE:
                self.current[name] = self.pending.pop(name)
                self.promoted[name] = self.clock
                self.notes.pop(name, None)
        return SinkDone()

    def begin(self, step: SinkStep) -> None:
        if step.op is SinkOp.NOTE:
            self.notes.setdefault(step.tunnel, step.before)

    def put(self, name: str) -> SinkOutcome:
        if self.pending.setdefault(name, self.ring[name]) == self.ring[name]:
            return SinkDone()
        return SinkFailed(Problem("sink-failed", "another key is pending"))

    def held(self, name: str) -> bool:
        """Whether the sink has the key that Cloudflare has."""
        return self.key[name] in (self.current[name], self.pending.get(name))

    def seen_by_status(self, name: str) -> bool:
        now = EPOCH + timedelta(seconds=self.clock)
        held = {
            n: Held(current=True, pending=n in self.pending, noted=self.notes.get(n), set_on=self.time(at))
            for n, at in self.promoted.items()
        }
        desired = Desired(Account("x", "0", prune=True, location=HERE), {t.name: t for t in ALL})
        reports = key_status(desired, self.live(), held, now)
        return any(r.name == name and r.outcome == "unknown" for r in reports)


def _partly(world: World, call: Call, *, silent: bool) -> CallOutcome:
    """One of the keys is not taken, or taken and not mentioned."""
    if call.verb is not Verb.SET_PSKS:
        return Ambiguous("timeout", "no answer")
    left_out = min(call.psks)
    before = world.key[call.psks[left_out]]
    world.call(call)
    if not silent:
        world.key[call.psks[left_out]] = before
    taken = {i: i != left_out for i in call.psks if not silent or i != left_out}
    return Answered(taken=taken)


def _lost(world: World, call: Call) -> CallOutcome:
    world.call(call)
    return Ambiguous("timeout", "no answer")


CALL_FAULTS: dict[str, Callable[[World, Call], CallOutcome]] = {
    "not sent": lambda _w, _c: NotSent("deadline", "no time left"),
    "refused": lambda _w, _c: Refused(400, (ApiError("1004", "no"),)),
    "denied": lambda _w, _c: Denied(403, (ApiError("10000", "no"),)),
    "request lost": lambda _w, _c: Ambiguous("timeout", "no answer"),
    "answer lost": _lost,
    "one refused": lambda w, c: _partly(w, c, silent=False),
    "one not mentioned": lambda w, c: _partly(w, c, silent=True),
}


def _stored_but_failed(world: World, step: SinkStep) -> SinkOutcome:
    world.sink(step)
    return SinkFailed(Problem("sink-failed", "after"))


def _stored_wrong(world: World, step: SinkStep) -> SinkOutcome:
    done = world.sink(step)
    if step.op is SinkOp.PUT:
        world.pending[step.tunnel] = "garbled"
    return done


SINK_FAULTS: dict[str, Callable[[World, SinkStep], SinkOutcome]] = {
    "fails before": lambda _w, _s: SinkFailed(Problem("sink-failed", "before")),
    "fails after": _stored_but_failed,
    "garbles": _stored_wrong,
}
CRASHES = ("crash before", "crash after")
FAULTS = (*CALL_FAULTS, *SINK_FAULTS, *CRASHES)


def drive(steps: KeySteps, world: World, faults: dict[int, str]) -> dict[str, Verdict]:
    """Run to the end; the fault stands by the number of its step, and does nothing where it doesn't fit."""
    answer: object = None
    number = 0
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            verdicts: dict[str, Verdict] = end.value
            return verdicts
        if isinstance(step, Pause):
            answer = ()
            continue
        fault = faults.get(number, "")
        number += 1
        if fault == "crash before":
            raise CrashError
        if isinstance(step, SinkStep):
            if step.secret is not None:
                world.ring[step.tunnel] = reveal(step.secret)
            answer = SINK_FAULTS.get(fault, World.sink)(world, step)
        else:
            (call,) = step.calls
            answer = (CALL_FAULTS.get(fault, World.call)(world, call),)
        if fault == "crash after":
            raise CrashError


def live_through(runs: list[dict[int, str]]) -> None:
    """Several runs with faults, the promise checked after each, then one without."""
    world = World()
    for faults in runs:
        world.ring = {}
        world.sent.clear()
        try:
            verdicts = drive(rotate(ALL), world, faults)
        except CrashError:
            unknown = set()
        else:
            unknown = {name for name, v in verdicts.items() if v.result == "unknown"}
            for name, v in verdicts.items():
                assert v.result != "applied" or world.current[name] == world.key[name], (runs, name)
        assert max(world.sent.values(), default=0) <= 1, runs
        for name in NAMES:
            assert world.held(name) or name in unknown or world.seen_by_status(name), (runs, name)
    world.ring = {}
    verdicts = drive(rotate(ALL), world, {})
    assert [v.result for v in verdicts.values()] == ["applied"] * 3, runs
    assert world.current == world.key, runs
    assert world.pending == {}, runs


STEPS = 26  # a run without faults takes 23


def test_no_single_fault_at_any_step_loses_a_key() -> None:
    for step in range(STEPS):
        for fault in FAULTS:
            live_through([{step: fault}])
            live_through([{step: fault, step + 1: fault}])
            live_through([{step: fault}, {step: fault}])


def test_twenty_thousand_lives_with_crashes_and_faults_lose_no_key() -> None:
    rng = random.Random(5)
    for _ in range(20_000):
        live_through(
            [
                {rng.randrange(STEPS): rng.choice(FAULTS) for _ in range(rng.randint(1, 4))}
                for _ in range(rng.randint(1, 3))
            ]
        )


def outcomes(verdicts: dict[str, Verdict]) -> dict[str, tuple[str, str | None]]:
    return {name: (v.result, v.problem.code if v.problem else None) for name, v in verdicts.items()}


def trace(steps: KeySteps, world: World, faults: dict[int, str]) -> list[str]:
    """What a run asks for, in order."""
    asked: list[str] = []

    def watched() -> KeySteps:
        answer: object = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                verdicts: dict[str, Verdict] = end.value
                return verdicts
            if isinstance(step, SinkStep):
                asked.append(f"{step.op} {step.tunnel}")
            elif isinstance(step, Send):
                asked.append(step.calls[0].verb)
            answer = yield step

    drive(watched(), world, faults)
    return asked


def test_rotation_stores_and_reads_back_before_it_sets_and_promotes_last() -> None:
    assert trace(rotate([LOCAL]), World(), {}) == [
        "probe lon-a",
        "list",
        "pending lon-a",
        "make lon-a",
        "put lon-a",
        "check lon-a",
        "set_psks",
        "promote lon-a",
    ]


def test_many_tunnels_are_set_in_one_call() -> None:
    assert trace(rotate([LOCAL, LOCAL_B]), World(), {}).count("set_psks") == 1


def test_a_pending_key_of_an_interrupted_run_is_sent_instead_of_a_new_one() -> None:
    world = World()
    world.pending["lon-a"] = "interrupted"
    drive(rotate([LOCAL]), world, {})
    assert world.key["lon-a"] == world.current["lon-a"] == "interrupted"


def test_a_sink_that_fails_its_probe_stops_everything_before_the_first_write() -> None:
    world = World()
    results = drive(rotate(ALL), world, {1: "fails before"})
    assert outcomes(results) == {
        "lon-a": ("skipped", "nothing-done"),
        "lon-b": ("failed", "sink-failed"),
        "par-a": ("skipped", "nothing-done"),
    }
    assert world.key == world.current == dict.fromkeys(NAMES, "old")


def test_an_ambiguous_answer_is_followed_by_the_same_values_and_never_by_blind_success() -> None:
    world = World()
    assert trace(rotate([LOCAL]), world, {6: "answer lost"}).count("set_psks") == 2
    world = World()
    results = drive(rotate([LOCAL]), world, dict.fromkeys(range(6, 10), "request lost"))
    assert outcomes(results) == {"lon-a": ("unknown", "timeout")}
    assert set(world.pending) == {"lon-a"}


def test_a_refusal_after_a_lost_answer_is_unknown_since_the_first_may_have_been_taken() -> None:
    results = drive(rotate([LOCAL]), World(), {6: "answer lost", 7: "refused"})
    assert outcomes(results) == {"lon-a": ("unknown", "1004")}


def test_a_tunnel_that_the_answer_refuses_fails_with_the_reason_and_the_others_are_applied() -> None:
    results = drive(rotate([LOCAL, LOCAL_B]), World(), {11: "one refused"})
    assert outcomes(results) == {"lon-a": ("failed", "key-refused"), "lon-b": ("applied", None)}


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({}, ("applied", None)),
        ({4: "answer lost"}, ("unknown", "key-lost")),
        ({4: "request lost"}, ("unknown", "key-lost")),
        ({4: "request lost", 5: "refused"}, ("unknown", "key-lost")),
        ({4: "refused"}, ("failed", "1004")),
        ({4: "fails before"}, ("applied", None)),
        (dict.fromkeys(range(4, 10), "fails before"), ("unknown", "key-lost")),
    ],
    ids=str,
)
def test_a_key_made_by_cloudflare_is_asked_for_once_and_its_loss_is_loud(
    faults: dict[int, str], expected: tuple[str, str | None]
) -> None:
    world = World()
    assert outcomes(drive(rotate([THERE]), world, faults)) == {"par-a": expected}
    assert world.sent["par-a"] <= 1


def _another_was_made(world: World, call: Call) -> CallOutcome:
    """Another run has had a key made meanwhile."""
    world.generated["par-a"] = world.clock
    return world.call(call)


def _list_from_before(world: World, call: Call) -> CallOutcome:
    """The list lags: it does not show the key that was just made."""
    made = world.generated.pop("par-a")
    listed = world.call(call)
    world.generated["par-a"] = made
    return listed


CALL_FAULTS["overtaken"] = _another_was_made
CALL_FAULTS["lags"] = _list_from_before


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({9: "overtaken"}, ("unknown", "key-not-in-sink")),
        ({9: "denied"}, ("unknown", "key-not-checked")),
        ({}, ("applied", None)),
        ({9: "lags"}, ("applied", None)),
        (dict.fromkeys(range(9, 14), "lags"), ("applied", None)),
        (dict.fromkeys(range(9, 15), "lags"), ("unknown", "key-not-checked")),
        ({9: "lags", 10: "overtaken"}, ("unknown", "key-not-in-sink")),
    ],
    ids=str,
)
def test_a_list_proves_that_no_other_key_was_made_after_the_one_in_the_sink(
    faults: dict[int, str], expected: tuple[str, str | None]
) -> None:
    world = World()
    assert outcomes(drive(rotate([THERE]), world, faults)) == {"par-a": expected}


@pytest.mark.parametrize(
    ("key", "set_", "rotated"),
    [
        (EnvRef("A"), None, "not-generated"),
        (FileRef("a"), None, "not-generated"),
        (CommandRef(("a",), "."), None, "not-generated"),
        (External(), "external-key", "external-key"),
        (None, "no-key", "no-key"),
        (Generated("local", FileRef("a")), "generated-key", None),
        (Generated("cloudflare", FileRef("a")), "generated-key", None),
    ],
)
def test_only_generated_keys_can_be_rotated_and_only_others_set(
    key: PskRef | None, set_: str | None, rotated: str | None
) -> None:
    found = [unfit(action, declared("lon-a", key)) for action in ("set", "rotate")]
    assert [problem and problem.code for problem in found] == [set_, rotated]
    assert all(problem.remedy for problem in found if problem)


def test_set_sends_the_key_that_a_reference_holds() -> None:
    world = World()
    world.ring["lon-a"] = "mine"
    assert outcomes(drive(set_keys([declared("lon-a", EnvRef("A"))]), world, {})) == {"lon-a": ("applied", None)}
    assert world.key["lon-a"] == "mine"


@pytest.mark.parametrize("run", [set_keys, rotate])
def test_a_tunnel_that_is_not_live_stops_all(run: Callable[[list[Declared]], KeySteps]) -> None:
    key = EnvRef("A") if run is set_keys else Generated("local", FileRef("a"))
    results = drive(run([declared("lon-a", key), declared("new", key)]), World(), {})
    assert outcomes(results) == {"lon-a": ("skipped", "nothing-done"), "new": ("failed", "not-live")}


def test_an_unreadable_list_changes_no_key() -> None:
    world = World()
    assert outcomes(drive(rotate([LOCAL]), world, {1: "denied"})) == {"lon-a": ("failed", "10000")}
    assert world.key["lon-a"] == "old"


def test_keys_of_new_tunnels_are_stored_before_the_create_and_promoted_after() -> None:
    world = World()
    assert trace(prepare(["lon-b", "lon-a"]), world, {})[-3:] == ["make lon-b", "put lon-b", "check lon-b"]
    assert set(world.pending) == {"lon-a", "lon-b"}

    def after() -> KeySteps:
        return (yield from promote(["lon-a"]))

    assert outcomes(drive(after(), world, {})) == {"lon-a": ("applied", None)}
    assert world.current["lon-a"] == world.ring["lon-a"]


@pytest.mark.parametrize(("step", "fault"), [(1, "fails after"), (3, "fails after"), (3, "garbles")])
def test_a_new_tunnel_whose_key_is_not_safely_stored_must_not_be_created(step: int, fault: str) -> None:
    assert outcomes(drive(prepare(["lon-a"]), World(), {step: fault}))["lon-a"][0] == "failed"
