"""A measurement against servers of every kind: what it says is right, and it leaves nothing behind."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from reconciler.api.call import Ask, NotSent, Step, drive
from reconciler.api.wire import Reply, Request
from reconciler.engine.bench import Bench, Hindrance, clear
from reconciler.engine.measure import CALLS, TABLE, measure, semantics
from reconciler.model.live import Live
from reconciler.model.problems import Problem
from reconciler.simulator.semantics import DEFAULT, Semantics
from tests.build import ACCOUNT_ID
from tests.engine.harness import World
from tests.strangers import foreign_edit

HINTS = get_type_hints(Semantics)
MEASURED = [row.switch for row in TABLE if row.experiment]
NUMBERS = {
    "bulk_limit": (0, 1, 2),
    "list_lag": (0, 1, 2, 3),
    "asn_max": (4294967295, 2147483647, 65535, 70000),
}
SOME = (*MEASURED, "replaced_psk", "bgp_lag", "bgp_hold", "bgp_keeps")


def bench(**fields: Any) -> Bench:
    return Bench(IPv4Network("10.255.0.0/29"), "203.0.113.1", "x1", **fields)


def measured(text: str, *names: str, **of_bench: Any) -> tuple[World, Bench, Hindrance | None]:
    """A measurement and the clean-up after it; the tunnels that were there before must be as they were."""
    world, place = World(*names, semantics=text), bench(**of_bench)
    before = world.simulator.tunnels(ACCOUNT_ID)
    problem = drive(measure(place), world.carry)
    assert isinstance(drive(clear(place), world.carry), Live)
    assert world.simulator.tunnels(ACCOUNT_ID) == before
    return world, place, problem


def some_semantics(seed: int) -> str:
    """Any reading of every switch that can be measured, and of some that can't."""
    rng = random.Random(seed)
    chosen = []
    for switch in SOME:
        hint = HINTS[switch]
        choices = get_args(hint) if get_origin(hint) is Literal else NUMBERS.get(switch, (0, 1))
        value = rng.choice(("true", "false") if hint is bool else choices)
        chosen.append(f"{switch}={value}")
    return ",".join(chosen)


def test_the_table_has_a_row_for_each_switch_of_the_simulator() -> None:
    assert sorted(row.switch for row in TABLE) == sorted(field.name for field in fields(Semantics))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.switch)
def test_a_row_is_measured_or_says_why_not_and_assumes_what_the_simulator_does(row: Any) -> None:
    assert (row.experiment is None) == bool(row.why_not)
    if row.assumed:
        assert getattr(Semantics.parse(f"{row.switch}={row.assumed}"), row.switch) == getattr(DEFAULT, row.switch)


def test_of_a_server_as_assumed_all_is_found_out_but_two() -> None:
    _, place, problem = measured("")
    assert problem is None
    assert [switch for switch in MEASURED if switch not in place.seen] == ["bulk_limit", "bulk_limit_status"]
    assert semantics(place.seen) == (
        "empty_list=list,create_shape=object,unset_text=absent,unset_object=absent,unset_flag=absent,"
        "unset_target=absent,default_direction=unidirectional,server_fields=false,list_lag=0,single_put=merge,"
        "bulk_body=wrapped,bulk_put=merge,addresses_unique=true,names_unique=true,conflict_status=400,bulk=atomic,"
        "modified_flag=true,unset_prefixes=empty,bgp_status=shown,asn_max=4294967295,object_put=replace,"
        "spelling=as_sent,null_object=refused,empty_text=clears,read_only=ignored,coupler_integration=true,"
        "text=as_sent,names=as_sent,order=insertion,routes=listed"
    )


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_server_does_nothing_seen_is_wrong(seed: int) -> None:
    server = some_semantics(seed)
    world, place, problem = measured(server)
    found, real = Semantics.parse(semantics(place.seen)), Semantics.parse(server)
    assert problem is None
    assert {s: getattr(found, s) for s in place.seen} == {s: getattr(real, s) for s in place.seen}
    made = Counter(world.verbs) + Counter(ask.verb.value for ask in world.asked)
    assert {verb: n for verb, n in made.items() if n > CALLS[verb]} == {}


@pytest.mark.parametrize("switch", [switch for switch in MEASURED if HINTS[switch] is not int])
def test_every_value_of_a_switch_is_found_out_or_left_undecided(switch: str) -> None:
    values = ("true", "false") if HINTS[switch] is bool else get_args(HINTS[switch])
    found = {}
    for value in values:
        _, place, _ = measured(f"{switch}={value}")
        found[str(value)] = place.seen.get(switch)
    assert found == {str(value): str(value) for value in values} | UNDECIDED.get(switch, {})


UNDECIDED: dict[str, dict[str, str | None]] = {
    "bulk_limit_status": {"413": None, "400": None},
    "bgp_status": {"absent": None},
    "routes": {"null": None},
}
"""Readings that look like another one: a session that is only not there yet, an account without routes."""


class Late(World):
    """A server whose GET of a tunnel shows what it was at the GET before."""

    def __init__(self, semantics: str) -> None:
        super().__init__(semantics=semantics)
        self.before: dict[str, Reply] = {}

    def send(self, request: Request) -> Reply:
        reply = super().send(request)
        if request.method == "GET" and "/ipsec_tunnels/" in request.path:
            before, self.before[request.path] = self.before.get(request.path, reply), reply
            return before
        return reply


class Hasty(World):
    """A server that does not know `validate_only`."""

    def send(self, request: Request) -> Reply:
        reply = super().send(replace(request, query={}))
        names = [tunnel["name"] for tunnel in self.simulator.tunnels(ACCOUNT_ID)]
        assert len(set(names)) == len(names)
        return reply


@pytest.mark.parametrize("bulk", ["atomic", "prefix"])
def test_a_server_that_is_late_with_what_was_sent_is_waited_for(bulk: str) -> None:
    world, place = Late(f"bulk={bulk}"), bench()
    assert drive(measure(place), world.carry) is None
    assert [switch for switch in MEASURED if switch not in place.seen] == [
        "list_lag",
        "bulk_limit",
        "bulk_limit_status",
    ]
    assert Semantics.parse(semantics(place.seen)) == Semantics.parse(f"bulk={bulk}")


def test_a_server_that_carries_out_what_it_is_to_check_never_has_two_tunnels_of_one_name() -> None:
    world, place = Hasty(semantics="names_unique=false"), bench()
    assert drive(measure(place), world.carry) is None
    assert [switch for switch in MEASURED if switch not in place.seen] == [
        "bulk_limit",
        "bulk_limit_status",
        "names_unique",
    ]


class Lenient(World):
    """A server that finds no fault with what it is only to check."""

    def send(self, request: Request) -> Reply:
        fine = b'{"success":true,"errors":[],"messages":[],"result":{}}'
        return Reply(200, {}, fine) if request.query else super().send(request)


def test_a_check_that_finds_no_fault_with_anything_tells_nothing() -> None:
    world, place = Lenient(semantics=""), bench()
    assert drive(measure(place), world.carry) is None
    assert ("names_unique" in place.seen, place.seen["addresses_unique"]) == (False, "true")


class Fixed(World):
    """A server that refuses every PUT that would change one field."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def send(self, request: Request) -> Reply:
        body = json.loads(request.body) if request.method == "PUT" else {}
        live = {tunnel["id"]: tunnel for tunnel in self.simulator.tunnels(ACCOUNT_ID)}
        items = body.get("ipsec_tunnels", [body]) if isinstance(body, dict) else body
        for item in items:
            now = live.get(item.get("id", request.path.rpartition("/")[2]), {})
            if self.path in item and item[self.path] != now.get(self.path):
                return Reply(400, {}, b'{"success":false,"errors":[{"code":1022,"message":"fixed"}],"result":null}')
        return super().send(request)


@pytest.mark.parametrize(
    ("path", "undecided"),
    [
        ("interface_address", ["addresses_unique", "names_unique", "conflict_status", "bulk"]),
        ("name", ["names_unique", "names", "order"]),
        ("bgp", ["unset_prefixes", "bgp_status", "asn_max", "object_put", "spelling", "null_object"]),
        ("customer_endpoint", ["empty_text"]),
        ("automatic_return_routing", ["coupler_integration"]),
        ("health_check", ["list_lag", "single_put", "bulk_put", "bulk", "object_put", "empty_text"]),
    ],
)
def test_a_refusal_of_what_an_experiment_needs_tells_nothing(path: str, undecided: list[str]) -> None:
    world, place = Fixed(path), bench()
    assert drive(measure(place), world.carry) is None
    left = [switch for switch in MEASURED if switch not in place.seen]
    assert [switch for switch in left if not switch.startswith("bulk_limit")] == undecided


class Odd(World):
    """A server whose answers hold a value of another type in all places but id and description."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def send(self, request: Request) -> Reply:
        reply = super().send(request)
        answer = json.loads(reply.body)
        result = answer["result"] or {}
        for tunnel in (result.get("ipsec_tunnel"), result.get("modified_ipsec_tunnel")):
            for key in (tunnel or {}).keys() - {"id", "description"}:
                tunnel[key] = self.value
        if "modified" in result:
            result["modified"] = self.value
        return Reply(reply.status, reply.headers, json.dumps(answer).encode())


@pytest.mark.parametrize("value", [None, 7, [1], {"rate": [1], "customer_asn": {}, "extra_prefixes": [[2]]}])
def test_an_answer_may_hold_anything_and_tells_nothing_then(value: Any) -> None:
    world, place = Odd(value), bench()
    assert drive(measure(place), world.carry) is None
    assert (
        place.seen.keys() & {"single_put", "names", "modified_flag", "spelling", "asn_max", "unset_prefixes"} == set()
    )
    assert isinstance(drive(clear(place), world.carry), Live)


class Altered(World):
    """A server whose answers are altered: a function gets the request, the answer and each tunnel in it, or none.

    It returns the status, if it is to be another.
    """

    def __init__(self, alter: Callable[[Request, Any, Any], int | None]) -> None:
        super().__init__()
        self.alter = alter

    def send(self, request: Request) -> Reply:
        reply = super().send(request)
        answer = json.loads(reply.body)
        result = answer["result"] or {}
        tunnels = [result.get("ipsec_tunnel", {}), *(result.get("ipsec_tunnels") or ())]
        statuses = [self.alter(request, answer, tunnel) for tunnel in tunnels]
        return Reply(statuses[0] or reply.status, reply.headers, json.dumps(answer).encode())


def lists_null(request: Request, _: Any, tunnel: Any) -> None:
    if request.path.endswith("/ipsec_tunnels"):
        tunnel["customer_endpoint"] = None


def creates_two(request: Request, answer: Any, _: Any) -> None:
    if request.method == "POST":
        answer["result"] = {"ipsec_tunnels": [answer["result"]] * 2}


def forbids_routes_without_a_word(request: Request, answer: Any, _: Any) -> int | None:
    if not request.path.endswith("/routes"):
        return None
    answer |= {"result": None, "success": False}
    return 403


def never_routes(_: Request, __: Any, tunnel: Any) -> None:
    tunnel.pop("automatic_return_routing", None)


@pytest.mark.parametrize(
    ("alter", "undecided"),
    [
        (lists_null, "unset_text"),
        (creates_two, "create_shape"),
        (forbids_routes_without_a_word, "routes"),
        (lambda _, __, tunnel: tunnel.update(x_new=1), "server_fields"),
        (lambda _, __, tunnel: tunnel.update(remote_identities={}), "server_fields"),
        (never_routes, "coupler_integration"),
    ],
    ids=["unlike lists", "two made", "no word", "unknown field", "identities", "no routing"],
)
def test_what_fits_no_reading_is_undecided(alter: Any, undecided: str) -> None:
    world, place = Altered(alter), bench()
    assert drive(measure(place), world.carry) is None
    left = [switch for switch in MEASURED if switch not in place.seen]
    assert sorted(left) == sorted(["bulk_limit", "bulk_limit_status", undecided])


class AnyRate(World):
    """A server that takes any rate for `low`."""

    def send(self, request: Request) -> Reply:
        return super().send(replace(request, body=request.body.replace(b'"none"', b'"low"')))


def test_a_bulk_update_with_a_wrong_item_that_is_taken_tells_nothing() -> None:
    world, place = AnyRate(), bench()
    assert drive(measure(place), world.carry) is None
    assert "bulk" not in place.seen


class Slower(World):
    """A server whose lists lag behind, and only once."""

    def send(self, request: Request) -> Reply:
        self.simulator.semantics = Semantics(list_lag=b'"rate":"low"' in request.body)
        return super().send(request)


def test_a_lag_that_is_not_the_same_twice_is_undecided() -> None:
    world, place = Slower(), bench()
    assert drive(measure(place), world.carry) is None
    assert "list_lag" not in place.seen


def test_an_account_with_other_tunnels_says_nothing_of_an_empty_one() -> None:
    _, place, problem = measured("", "lon", beside_live=True)
    assert (problem, "empty_list" in place.seen) == (None, False)


def test_once_it_is_stopped_nothing_more_is_asked() -> None:
    world, place, asked = World(), bench(), 0

    def carry(step: Step) -> tuple[Any, ...]:
        nonlocal asked
        asked += isinstance(step, Ask)
        return (NotSent("interrupted", "stopped"),) if asked > 5 else world.carry(step)

    assert drive(measure(place), carry) == NotSent("interrupted", "stopped")
    assert asked == 6


class Adopted(World):
    """An account where somebody makes a scratch tunnel his own, right before it is read for the n-th time."""

    def __init__(self, reads: int) -> None:
        super().__init__()
        self.reads = reads

    def send(self, request: Request) -> Reply:
        self.reads -= request.method == "GET" and "/ipsec_tunnels/" in request.path
        if not self.reads:
            self.reads = -1
            foreign_edit(self.simulator, ACCOUNT_ID, "reconciler-doctor-x1-8", {"description": "mine"})
        return super().send(request)


@pytest.mark.parametrize("reads", [2, 5, 10])
def test_a_tunnel_that_somebody_makes_his_own_ends_it_and_stays(reads: int) -> None:
    world, place = Adopted(reads), bench()
    found = drive(measure(place), world.carry)
    assert isinstance(drive(clear(place), world.carry), Live)
    assert (isinstance(found, Problem) and found.code) == "changed-meanwhile"
    assert [t["description"] for t in world.simulator.tunnels(ACCOUNT_ID)] == ["mine"]


PAGE = Path(__file__).parents[2] / ".github" / "docs" / "doctor.md"
MARK = "tests/engine/test_measure.py --update-golden -->\n"


def test_the_table_of_the_page_is_made_from_the_rows(request: pytest.FixtureRequest) -> None:
    rows = [
        f"| `{row.switch}` | {row.decides} | {f'`{row.assumed}`' if row.assumed else 'none'} | {row.copes} | "
        f"{row.why_not or first_line(row.experiment)} |"
        for row in TABLE
    ]
    head = ["| switch | what it decides | assumed | how the program copes | how it is measured, or why not |"]
    head.append("|---|---|---|---|---|")
    said, _, _ = PAGE.read_text().partition(MARK)
    wanted = "\n".join([said + MARK, *head, *rows, ""])
    if request.config.getoption("--update-golden"):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted


def first_line(experiment: Any) -> str:
    return str(experiment.__doc__).partition("\n")[0].replace("|", "or")
