import random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.battery.paths import other_wish, walking_to
from tests.battery.port import KINDS, Mishaps
from tests.battery.run import Story, finish
from tests.battery.world import world

FAULTS = st.dictionaries(st.integers(0, 12), st.sampled_from(KINDS), max_size=3)


class Account(RuleBasedStateMachine):
    """An account to which anything happens in any order, and which converges when it stops."""

    @initialize(seed=st.integers(0, 400))
    def begin(self, seed: int) -> None:
        self.first = world(seed)
        self.story = Story(self.first, Mishaps({}), random.Random(seed))

    @rule(seed=st.integers(0, 1000))
    def edit_the_files(self, seed: int) -> None:
        walking_to(self.story, other_wish(self.first.desired, random.Random(seed)))

    @rule()
    def take_the_edit_back(self) -> None:
        walking_to(self.story, self.first.desired)

    @rule()
    def edit_by_hand(self) -> None:
        self.story.foreign_edit()

    @rule(faults=FAULTS)
    def apply(self, faults: dict[int, str]) -> None:
        self.story.mishaps.left = {self.story.mishaps.asked + i: kind for i, kind in faults.items()}
        self.story.invoke()

    @rule(before=st.booleans(), request=st.integers(0, 8))
    def apply_and_kill(self, before: bool, request: int) -> None:  # noqa: FBT001
        kind = "kill-before" if before else "kill-after"
        self.story.mishaps.left = {self.story.mishaps.asked + request: kind}
        self.story.invoke()

    @rule(days=st.integers(-400, 400))
    def let_the_clock_jump(self, days: int) -> None:
        self.story.world.clock.skew = days * 86400.0

    @invariant()
    def nothing_is_breached(self) -> None:
        if hasattr(self, "story"):
            assert self.story.watch.breaches == []

    def teardown(self) -> None:
        if hasattr(self, "story"):
            walking_to(self.story, self.first.desired)
            assert finish(self.story).breaches == []


Account.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestAccount = Account.TestCase
