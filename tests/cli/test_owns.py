"""Files that own some of an account's tunnels, from the command line: the others are nobody's business."""

import json

import pytest

from tests.cli.test_lists import listed_with
from tests.cli.world import ID, OTHER_ID, World, tunnel
from tests.strangers import foreign_edit

MINE = {"owns": ["lon-*", "par-a"]}


def named(name: str, number: int, **fields: object) -> dict[str, object]:
    return tunnel(number, name=name, **fields)


@pytest.fixture
def shared(world: World) -> World:
    """`lon-a` and `par-a` are owned and declared; `oslo` and `par-b` are others'."""
    world.live(*(named(name, n) for n, name in enumerate(["lon-a", "par-a", "oslo", "par-b"])))
    world.account(**MINE)
    world.declare(named("lon-a", 0), named("par-a", 1))
    return world


@pytest.mark.parametrize("command", ["plan", "apply", "drift", "psk status"])
@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_others_are_a_count_and_nothing_else(shared: World, command: str, form: str) -> None:
    ran = shared.run(*command.split(), "-o", form)
    assert ran.code == 0
    assert "oslo" not in ran.out
    assert "par-b" not in ran.out
    counted = {"text": "Left alone: 2 not owned.", "json": '"not_owned": 2'}.get(form, "2 others not owned")
    assert counted in ran.out


def test_without_owns_nothing_is_said_of_it(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    for form in ("text", "markdown", "html", "json"):
        assert "owned" not in world.run("plan", "-o", form).out


def test_what_is_owned_and_not_declared_is_deleted_and_nothing_else(shared: World) -> None:
    shared.declare(named("par-a", 1))
    others = {name: shared.shown(name) for name in ("oslo", "par-b")}
    assert shared.run("apply", "--auto-approve").code == 0
    assert shared.names().keys() == {"par-a", "oslo", "par-b"}
    assert {name: shared.shown(name) for name in others} == others


def test_an_import_writes_what_is_owned(world: World) -> None:
    world.live(*(named(name, n) for n, name in enumerate(["lon-a", "lon-b", "oslo", "par-b", "par-a"])))
    # Nobody could declare this one, and no rule has to be written for it.
    world.sim.account(ID).tunnels[world.names()["oslo"]]["customer_endpoint"] = "nowhere"
    world.account(**MINE)
    before = world.read("tunnels/prod/account.yaml")
    ran = world.run("import", "-o", "json")
    assert (ran.code, ran.account["total"], ran.account["managed"], ran.account["not_owned"]) == (0, 3, 3, 2)
    written = "".join(path.read_text() for path in sorted((world.root / "tunnels/prod").iterdir()))
    assert [name for name in ("lon-a", "lon-b", "par-a", "oslo", "par-b") if f"name: {name}\n" in written] == [
        *("lon-a", "lon-b", "par-a")
    ]
    assert world.read("tunnels/prod/account.yaml") == before
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_a_saved_list_and_a_saved_plan_keep_to_what_is_owned(shared: World) -> None:
    shared.declare(named("lon-a", 0, description="x"))
    named_deletes = ("--allow-delete", "par-a")
    assert shared.run("plan", *named_deletes, "--save-live", "live.json", "--out", "plan.json").code == 0
    offline = shared.run("plan", *named_deletes, "--live", "live.json", "-o", "json")
    assert [(c["action"], c["name"]) for c in offline.account["changes"]] == [("update", "lon-a"), ("delete", "par-a")]
    foreign_edit(shared.sim, ID, "oslo", {"description": "theirs"})  # not in the plan, so not in its digest
    assert shared.run("apply", *named_deletes, "--plan", "plan.json").code == 0
    assert shared.names().keys() == {"lon-a", "oslo", "par-b"}


def test_a_plan_is_another_one_where_owns_makes_it_so(shared: World) -> None:
    shared.declare(named("lon-a", 0, description="x"), named("par-a", 1))
    assert shared.run("plan", "--out", "plan.json").code == 0
    shared.account(owns=[*MINE["owns"], "oslo"])
    assert shared.run("apply", "--plan", "plan.json", "-o", "json").code == 6
    assert set(shared.calls) == {"GET", "ROUTES"}


def test_a_target_reaches_nothing_that_is_not_owned(shared: World) -> None:
    shared.declare(named("lon-a", 0))
    for glob, deleted in (("*", ["par-a"]), ("par-*", ["par-a"]), ("o*", [])):
        ran = shared.run("plan", "--target", glob, "-o", "json")
        assert [c["name"] for c in ran.account["changes"]] == deleted
        assert "oslo" not in ran.out


@pytest.mark.parametrize("words", [["--all"], ["lon-*", "par-*"], ["--overdue"]])
def test_keys_are_those_of_owned_tunnels(shared: World, words: list[str]) -> None:
    sink = {"generate": True, "rotate_after": "1d", "deliver_to": {"file": "keys/{}"}}
    own = [{**sink, "deliver_to": {"file": f"keys/{name}"}} for name in ("lon-a", "par-a")]
    shared.declare(named("lon-a", 0, psk=own[0]), named("par-a", 1, psk=own[1]))
    before = {name: shared.key(name) for name in ("oslo", "par-b")}
    ran = shared.run("psk", "rotate", *words, "--auto-approve", "-o", "json")
    assert {key["name"] for key in ran.account["keys"]} <= {"lon-a", "par-a"}
    assert {name: shared.key(name) for name in before} == before


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_to_allow_the_delete_of_what_others_own_is_an_error(shared: World, command: str) -> None:
    ran = shared.run(command, "--allow-delete", "par-a", "--allow-delete", "par-b")
    assert (ran.code, ran.out) == (64, "")
    assert "reconciler: --allow-delete par-b: `owns` leaves that tunnel to other files, so it stays here" in ran.err
    assert shared.calls == []


def test_the_delete_may_be_meant_for_another_account(shared: World) -> None:
    shared.account("lab", account_id=OTHER_ID)
    shared.declare(tunnel(9), file="lab/b.yaml")
    assert shared.run("plan", "--allow-delete", "par-b").code == 0
    assert shared.run("plan", "--allow-delete", "par-b", "--account", "prod").code == 64


@pytest.mark.parametrize("prune", [True, False])
def test_what_can_not_be_read_and_others_own_blocks_nothing(shared: World, prune: bool) -> None:  # noqa: FBT001
    shared.account(**MINE, prune=prune)
    listed_with(shared, oslo={"bgp": "nonsense"})
    shared.declare(named("lon-a", 0, description="x"), named("par-a", 1))
    ran = shared.run("apply", "--auto-approve", "-o", "json")
    assert (ran.code, ran.account["not_checked"], ran.json["summary"]["not_owned"]) == (0, [], 2)
    assert shared.run("drift").code == 0


def test_a_network_that_others_hold_blocks_and_is_named(shared: World) -> None:
    taken = named("oslo", 2)["interface_address"]
    shared.declare(named("lon-a", 0), named("par-a", 1), named("lon-b", 7, interface_address=taken))
    ran = shared.run("plan", "-o", "json")
    (guard,) = ran.account["guards"]
    assert (ran.code, guard["code"], guard["names"]) == (5, "held", ["lon-b", "oslo"])


def test_a_report_with_the_number_is_read_back(shared: World) -> None:
    shared.write("report.json", shared.run("drift", "-o", "json").out)
    assert json.loads(shared.read("report.json"))["accounts"][0]["not_owned"] == 2
    assert "Left alone: 2 not owned." in shared.bare("render", "report.json", "-o", "text").out
    assert shared.run("drift", "--previous", "report.json").code == 0
