"""The Hypothesis state machine: anything happens to an account in any order, and when it stops all converges."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.battery.keys import KEY_KINDS
from tests.battery.life import Life
from tests.battery.oracles import Breach
from tests.battery.port import KINDS
from tests.battery.run import Result
from tests.battery.world import World
from tests.variants import ALL_VARIANTS

EXAMPLES = 50
"""Examples of one story of the battery."""

NUMBER = st.integers(0, 1000)
FAULTS = st.dictionaries(st.integers(0, 12), st.sampled_from(KINDS), max_size=3)
KEY_FAULTS = st.dictionaries(st.integers(0, 3), st.sampled_from(KEY_KINDS), max_size=2)


class Account(RuleBasedStateMachine):
    """An account to which anything happens in any order. What happened is counted in `seen` and `fired`."""

    seen: ClassVar[Counter[str]] = Counter()
    fired: ClassVar[list[tuple[str, str]]] = []
    life: Life | None = None

    @initialize(seed=st.integers(0, 400), variant=st.integers(0, len(ALL_VARIANTS) - 1))
    def begin(self, seed: int, variant: int) -> None:
        self.life = Life(seed, variant)
        self.seen[f"variant {self.life.story.world.variant}"] += 1

    def _do(self, what: str, *given: Any, **named: Any) -> None:
        self.seen[what] += 1
        getattr(self.life, what)(*given, **named)

    @rule(number=NUMBER, keyed=st.booleans(), heir=st.booleans())
    def create(self, number: int, keyed: bool, heir: bool) -> None:  # noqa: FBT001
        self._do("create", number, keyed=keyed, heir=heir)

    @rule(number=NUMBER, edit=st.integers(0, 4))
    def edit(self, number: int, edit: int) -> None:
        self._do("edit", number, edit)

    @rule(number=NUMBER)
    def delete(self, number: int) -> None:
        self._do("delete", number)

    @rule(number=NUMBER)
    def rename(self, number: int) -> None:
        self._do("rename", number)

    @rule(number=NUMBER, other=NUMBER)
    def swap(self, number: int, other: int) -> None:
        self._do("swap", number, other)

    @rule(faults=KEY_FAULTS)
    def set_keys(self, faults: Mapping[int, str]) -> None:
        self._do("set_keys", faults)

    @rule()
    def edit_by_hand(self) -> None:
        self._do("edit_by_hand")

    @rule()
    def make_by_hand(self) -> None:
        self._do("make_by_hand")

    @rule(number=NUMBER)
    def delete_by_hand(self, number: int) -> None:
        self._do("delete_by_hand", number)

    @rule(faults=FAULTS)
    def apply(self, faults: Mapping[int, str]) -> None:
        self._do("apply", faults)

    @rule(before=st.booleans(), request=st.integers(0, 8))
    def apply_and_kill(self, before: bool, request: int) -> None:  # noqa: FBT001
        self._do("apply", {request: "kill-before" if before else "kill-after"})

    @rule(seed=NUMBER, faults=FAULTS)
    def apply_twice_at_once(self, seed: int, faults: Mapping[int, str]) -> None:
        self._do("apply_twice_at_once", seed, faults)

    @rule(days=st.integers(-400, 400))
    def let_the_clock_jump(self, days: int) -> None:
        self._do("let_the_clock_jump", days)

    @invariant()
    def nothing_is_breached(self) -> None:
        if self.life is not None and self.life.breaches:
            raise AssertionError("; ".join(f"{b.oracle} {b.text}" for b in self.life.breaches))

    def teardown(self) -> None:
        if self.life is not None:
            self.life.end()
            self.fired += self.life.story.mishaps.fired
            self.nothing_is_breached()


def run_machine(_: World, __: Mapping[int, str], number: int = 0, *, shrink: bool = True) -> Result:
    """So many examples of 25 steps; a breach comes with the shortest way to it that was found."""
    machine = seed(number)(type("Story", (Account,), {"seen": Counter(), "fired": []}))
    wanted = settings(
        max_examples=EXAMPLES,
        stateful_step_count=25,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=(Phase.generate, *[Phase.shrink] * shrink),
        suppress_health_check=list(HealthCheck),
    )
    breaches = []
    try:
        run_state_machine_as_test(machine, settings=wanted)
    except Exception as problem:  # noqa: BLE001 - any exception is a finding
        told = "\n".join([f"{type(problem).__name__}: {problem}", *getattr(problem, "__notes__", ())])
        breaches.append(Breach("machine", told))
    return Result(breaches, [], machine.fired, 0, 1, machine.seen, told=EXAMPLES)
