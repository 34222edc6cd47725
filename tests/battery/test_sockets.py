"""A smaller set through the real HTTP client, real sockets and threads; only waiting is skipped."""

import random
from collections import Counter
from itertools import product

import pytest

from reconciler.api.call import drive
from reconciler.api.exchange import Allowance, Client, SecretAccess
from reconciler.api.http import HttpPort
from reconciler.simulator.faults import FaultKind, apply_fault
from reconciler.simulator.http import LoopbackServer
from reconciler.simulator.message import Reply, Request
from reconciler.simulator.server import Simulator
from tests.battery.guarded import Guarded
from tests.battery.port import Mishaps
from tests.battery.run import Story, tool
from tests.battery.world import ACCOUNT, World, key_text, world

KINDS = [
    *("reset-before", "reset-after", "500-before", "500-after", "502-after", "409-after", "429", "403"),
    *("redirect", "truncated", "wrong-length", "malformed", "html-200", "empty-200", "gzip-bomb", "deep-json"),
    *("null-result", "success-false", "duplicate-id", "lying-pagination", "lost-write"),
]
SEEDS = (2, 4, 12)


class HurriedPort(HttpPort):
    """Goes over the network and does not wait."""

    skipped = 0.0

    def now(self) -> float:
        return super().now() + self.skipped

    def sleep(self, seconds: float) -> None:
        self.skipped += seconds


class Faulty:
    """Answers instead of the server's own simulator, that of the present story: one request meets a fault."""

    def tell(self, story: Story, index: int = 0, kind: str | None = None) -> None:
        self.story, self.index, self.kind, self.asked = story, index, kind, 0

    def __call__(self, _: Simulator, request: Request) -> Reply:
        self.asked += 1
        if self.kind is None or self.asked - 1 != self.index:
            reply = self.story.simulator.handle(request)
        else:
            reply = apply_fault(FaultKind(self.kind), self.story.simulator, request)
        self.story.watch.state()
        return reply


def over_http(found: World, story: Story, base_url: str) -> str:
    """One run of the tool; its outcome."""
    port = HurriedPort(base_url, "token", 4, lambda: False)
    keys = SecretAccess(lambda _, name: key_text(name), str, lambda text: "token" in text)
    client = Client(ACCOUNT, Allowance(port.now() + 600, keys), port, 4)
    try:
        return drive(tool(found, Guarded(story.watch, 0.0, found)), client.run).outcome
    finally:
        client.close()
        port.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fault_over_the_network_breaks_no_promise(seed):
    found, answer = world(seed), Faulty()
    outcomes: Counter[str] = Counter()
    with LoopbackServer(Simulator(), answer=answer) as server:
        for index, kind in product(range(6), KINDS):
            story = Story(found, Mishaps({}), random.Random(0))
            answer.tell(story, index, kind)
            outcomes[over_http(found, story, server.base_url)] += 1
            answer.tell(story)
            repairs = (over_http(found, story, server.base_url) for _ in range(3))
            assert "ok" in repairs, (index, kind)  # stops at the first
            assert (story.watch.breaches, story.watch.settled(found)) == ([], ""), (index, kind)
    assert outcomes.keys() >= {"ok", "error", "auth"}
