from itertools import permutations, product

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.model.live import Live
from reconciler.model.settings import nested
from reconciler.plan.build import remaining
from reconciler.plan.claims import claims, clash
from reconciler.plan.diff import compare, diff
from reconciler.plan.scope import scope
from tests.build import account, desired, live, options, plan, raw, tunnel

NAMES = "abcdefgh"
modest = settings(max_examples=200)


def _address(slot, *, wide):
    return f"10.0.0.{slot * 2 & ~3}/30" if wide else f"10.0.0.{slot * 2}/31"


@st.composite
def fields_of(draw, names):
    """Settings by name in which no two tunnels hold the same thing."""
    count = len(names)
    slots = draw(st.lists(st.integers(0, count + 3), unique=True, min_size=count, max_size=count))
    identities = draw(st.lists(st.integers(0, count + 2), unique=True, min_size=count, max_size=count))
    wide = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    out = {}
    for name, slot, identity, is_wide in zip(names, slots, identities, wide, strict=True):
        out[name] = {
            "interface_address": _address(slot, wide=is_wide and slot ^ 1 not in slots),
            "description": draw(st.sampled_from(["", "x", "y"])),
            "replay_protection": draw(st.booleans()),
        }
        if identity % 2:
            out[name]["custom_remote_identities"] = {"fqdn_id": f"i{identity}.example"}
    return out


@st.composite
def estates(draw):
    """Declarations (some of them renames) and live tunnels."""
    now = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6))
    then = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6))
    sources = draw(st.permutations(now))
    renamed = {new: old for new, old in zip(then, sources, strict=False) if new != old and draw(st.booleans())}
    declared = draw(fields_of(then))
    observed = draw(fields_of(now))
    items = [tunnel(n, renamed_from=renamed.get(n), **f) for n, f in declared.items()]
    return items, [raw(n, **f) for n, f in observed.items()]


def planned(estate, **fields):
    items, observed = estate
    return plan(desired(*items), live(*observed), **fields)


def fatal(found):
    return {g.code for g in found.guards} & {"name-swap", "held"}


class Server:
    """Refuses any single step after which two tunnels would hold the same thing."""

    def __init__(self, now: Live):
        self.held = {t.id: t.settings for t in now.tunnels.values()}

    def put(self, key, new):
        for other, has in self.held.items():
            for one in claims(new):
                assert other == key or not any(clash(one, r) for r in claims(has)), (new, has)
        self.held[key] = new

    def listed(self):
        return live(
            *(
                {"id": k.strip("+") if len(k) > 31 else k.strip("+").ljust(32, "0"), **nested(s)}
                for k, s in self.held.items()
            )
        )


def carry_out(found):
    server = Server(found.live)
    for change in found.phases.first_deletes:
        del server.held[change.ref]
    for group in found.phases.updates:
        if len(group) == 1:
            server.put(group[0].ref, group[0].target)
            continue
        for leg in found.detours[group[0].ref].legs:
            server.put(leg.change.ref, leg.settings)
    for change in found.phases.creates:
        server.put(change.ref, change.target)
    for change in found.phases.last_deletes:
        del server.held[change.ref]
    return server.listed()


@modest
@given(estates())
def test_every_plan_can_be_carried_out_one_step_at_a_time(estate):
    found = planned(estate)
    assume(not fatal(found))
    assert remaining(found, carry_out(found)) == ()


def test_every_mix_of_address_and_identity_permutations_can_be_carried_out():
    names = "abcd"
    now = live(*(_slotted(raw, n, i, i) for i, n in enumerate(names)))
    for slots, labels in product(permutations(range(4)), permutations(range(4))):
        items = [_slotted(tunnel, n, s, i) for n, s, i in zip(names, slots, labels, strict=True)]
        found = plan(desired(*items), now)
        assert {c.action for c in found.changes} <= {"update"}
        assert remaining(found, carry_out(found)) == ()


def _slotted(build, name, slot, label):
    identity = {"fqdn_id": f"i{label}.example"}
    return build(name, interface_address=_address(slot, wide=False), custom_remote_identities=identity)


@modest
@given(estates())
def test_a_finished_plan_leaves_nothing_to_plan(estate):
    found = planned(estate)
    assume(not fatal(found))
    again = plan(found.desired, carry_out(found))
    assert (again.changes, again.guards, again.api_calls["list"]) == ((), (), 1)


@modest
@given(estates(), st.randoms(use_true_random=False))
def test_order_of_inputs_never_changes_the_plan(estate, random):
    found = planned(estate)
    items, observed = (random.sample(part, len(part)) for part in estate)
    other = planned((items, observed))
    assert (other.digest, other.changes, other.phases, other.guards, other.notes) == (
        found.digest,
        found.changes,
        found.phases,
        found.guards,
        found.notes,
    )


@modest
@given(estates())
def test_phases_hold_every_change_once_and_needs_point_backwards(estate):
    found = planned(estate)
    phases = found.phases
    flat = [*phases.first_deletes, *(c for g in phases.updates for c in g), *phases.creates, *phases.last_deletes]
    assert sorted(c.ref for c in flat) == sorted(c.ref for c in found.changes)
    place = {c.ref: i for i, c in enumerate(flat)}
    together = {c.ref: group for group in phases.updates for c in group}
    assert all(
        place[n] < place[ref] or together[n] is together[ref] for ref, needs in phases.needs.items() for n in needs
    )


@modest
@given(estates())
def test_what_is_live_is_no_difference_from_itself(estate):
    _, observed = estate
    declared = desired(
        *(tunnel(o["name"], **{k: v for k, v in o.items() if k not in ("id", "name")}) for o in observed)
    )
    owned = scope(declared, live(*observed), options())
    assert diff(owned.pairs, owned.surplus) == ()


@modest
@given(fields_of("a"), fields_of("b"), st.integers(0, 3), st.integers(0, 3))
def test_what_differs_is_what_a_loop_finds(one, two, asn, other):
    before = tunnel("a", **one["a"], bgp={"customer_asn": asn, "extra_prefixes": ["10.0.0.0/8"]}).settings
    after = tunnel("b", **two["b"], bgp={"customer_asn": other} if other else None).settings
    expected = {p for p in before.keys() | after.keys() if (p in before) != (p in after) or before[p] != after[p]}
    assert compare(before, after)[0] == expected


@modest
@given(estates(), st.sampled_from(NAMES))
def test_target_never_touches_what_it_does_not_match(estate, target):
    found = planned(estate, glob=target)
    assert all(target in (c.name, c.previous_name) for c in found.changes)


@modest
@given(estates(), st.booleans(), st.integers(1, 9))
def test_a_plan_is_the_same_however_many_tunnels_others_own(estate, prune, count):
    items, observed = estate
    wanted = desired(*items, of=account(prune=prune, owns=[f"{name}*" for name in NAMES]))
    others = [
        raw(
            f"x{n}",
            interface_address=f"10.1.0.{2 * n}/31",
            bgp=[] if n % 2 else None,  # of a type that nobody can read
            custom_remote_identities={"fqdn_id": f"x{n}.example"},
        )
        for n in range(count)
    ]
    alone, among = plan(wanted, live(*observed)), plan(wanted, live(*observed, *others))
    assert (alone.scope.not_owned, among.scope.not_owned) == (0, count)
    assert among._replace(live=alone.live, scope=among.scope._replace(not_owned=0)) == alone
