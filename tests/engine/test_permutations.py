from itertools import permutations

import pytest

from tests.build import ACCOUNT_ID, desired, tunnel
from tests.engine.harness import World

NAMES = ("a", "b", "c", "d", "e")
ADDRESSES = tuple(f"10.0.0.{2 * i}/31" for i in range(5))
IDENTITIES = tuple(f"{n}.12345.custom.ipsec.cloudflare.com" for n in NAMES)
KINDS = {
    "addresses": [{"interface_address": a} for a in ADDRESSES],
    "identities": [{"custom_remote_identities": {"fqdn_id": i}} for i in IDENTITIES],
}


@pytest.mark.parametrize("bulk", ["atomic", "sequential", "prefix"])
@pytest.mark.parametrize("size", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_permutation_converges_in_place(kind, size, bulk):
    held = KINDS[kind][:size]
    for order in permutations(range(size)):
        world = World(*NAMES[:size], semantics=f"bulk={bulk}", **dict(zip(NAMES, held, strict=False)))
        before = {t["name"]: t["id"] for t in world.simulator.tunnels(ACCOUNT_ID)}
        ended = world.apply(desired(*(tunnel(n, **held[i]) for n, i in zip(NAMES, order, strict=False))))
        assert ended.converged, order
        assert {t["name"]: t["id"] for t in world.simulator.tunnels(ACCOUNT_ID)} == before
        assert not {"create", "delete"} & set(world.verbs)
