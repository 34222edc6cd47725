import random
from itertools import product
from typing import Any

import pytest
import yaml

from reconciler.files.dump import MARKER
from reconciler.simulator.message import RefusedError
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator
from tests.cli.world import ID, OTHER_ID, World, tunnel
from tests.strangers import foreign_create
from tests.variants import ALL_VARIANTS, Variant

SPELLED = tuple(
    Variant(
        f"{unset}-{target}-{spelling}-{order}",
        Semantics.parse(
            f"unset={unset},unset_target={target},spelling={spelling},order={order},server_fields={fields}"
        ),
    )
    for unset, target, (spelling, order, fields) in product(
        ("absent", "null", "explicit"),
        ("empty", "absent"),
        (("as_sent", "shuffled", "true"), ("canonical", "reverse", "false"), ("odd", "name", "true")),
    )
)
VARIANTS = (*ALL_VARIANTS, *SPELLED)
NAMES = [
    "lon-a",
    "LON-b",
    "lon.c",
    "par_1",
    "par_2",
    "ütz",
    "a b",
    "on",
    "010",
    "null",
    "~",
    "x" * 40,
    "a: b",
    "# no",
    "'q\"",
    "- x",
    "{x}",
    "%s",
    "1e3",
]
TEXTS = [
    "text",
    "yes",
    "0x1f",
    " lead",
    "trail ",
    "a\nb",
    "tab\t",
    "é\u2028",
    "'",
    '"',
    "null",
    "*a",
    "@x",
    "1:30",
    "|",
]
DEFAULTS: list[dict[str, Any]] = [
    {},
    {"description": "of the account", "health_check": {"rate": "high", "enabled": False}},
    {
        "bgp": {"customer_asn": 65000},
        "replay_protection": True,
        "custom_remote_identities": {"fqdn_id": "d.12345.custom.ipsec.cloudflare.com"},
    },
]


def estate(rng: random.Random) -> list[dict[str, Any]]:
    """A few live tunnels with any fields in them."""
    numbers = rng.sample(range(400), rng.randrange(0, 6))
    return [_one(rng, n, name) for n, name in zip(numbers, rng.sample(NAMES, len(numbers)), strict=True)]


def _one(rng: random.Random, number: int, name: str) -> dict[str, Any]:
    prefixes = rng.sample(["10.9.0.0/16", "10.8.0.0/24", "2001:db8::/32"], rng.randrange(3))
    rate = rng.choice(["low", "mid", "high"])
    optional: dict[str, Any] = {
        "description": rng.choice(TEXTS),
        "interface_address6": f"2606:54C1:7:0:a9fe:12d2:1:{number * 2:x}/127",
        "replay_protection": rng.random() < 0.5,
        "automatic_return_routing": rng.random() < 0.5,
        "bgp": {"customer_asn": rng.randrange(1, 2**31), "extra_prefixes": prefixes, "md5_key": "key & <x>"},
        "custom_remote_identities": {"fqdn_id": f"s{number}.12345.custom.ipsec.cloudflare.com"},
        "health_check": {"rate": rate, "type": "request", "direction": "bidirectional", "enabled": False},
    }
    if rng.random() < 0.3:
        optional["health_check"]["target"] = {"saved": "192.0.2.10"}
    return tunnel(number, name=name, **{k: v for k, v in optional.items() if rng.random() < 0.5})


def test_an_import_without_a_folder_and_without_an_account_says_how_to_begin(world: World) -> None:
    ran = world.run("import")
    assert ran.code == 3
    assert f"reconciler import --base-url {world.base_url} --account NAME --account-id ID" in ran.out
    assert "[no-account]" in ran.out


def test_an_account_id_in_upper_case_is_taken_in_lower_case(world: World) -> None:
    assert world.run("import", "--account", "prod", "--account-id", ID.upper()).code == 0
    assert f"account_id: {ID}\n" in world.read("tunnels/prod/account.yaml")


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_a_plan_right_after_an_import_is_empty(world: World, variant: Variant) -> None:
    world.sim.semantics = variant.semantics
    for seed in range(6):
        rng = random.Random(f"{variant.name} {seed}")
        world.forget()
        for one in estate(rng):
            try:
                world.live(one)
            except RefusedError:
                continue  # this server takes less
        account = {"account_id": ID, "prune": seed % 2 == 0, "defaults": DEFAULTS[seed % 3]}
        world.write("tunnels/prod/account.yaml", yaml.safe_dump(account))
        ran = world.run("import", "--force", "--split", ("prefix", "none")[seed // 3])
        assert ran.code == 0, ran.out
        ran = world.run("plan", "-o", "json", "--detailed-exitcode")
        assert ran.code == 0, (seed, ran.out, world.read("tunnels/prod/imported.yaml"))
        assert ran.account["changes"] == ran.account["unmanaged"] == []


def test_a_new_account(world: World) -> None:
    world.live(tunnel(1), tunnel(2, name="x" * 300), account=OTHER_ID)
    ran = world.run("import", "--account", "new", "--account-id", OTHER_ID)
    assert ran.code == 0, ran.out
    assert "prune: false" in world.read("tunnels/new/account.yaml")
    assert "psk: external" in world.read("tunnels/new/imported.yaml")
    assert (world.root / "tunnels/new/imported.yaml").stat().st_mode & 0o777 == 0o600
    ran = world.run("plan", "-o", "json", "--detailed-exitcode")
    assert ran.code == 0, ran.out


def test_a_new_account_file_is_named(world: World) -> None:
    ran = world.run("import", "--account", "new", "--account-id", OTHER_ID)
    assert "note: Wrote tunnels/new/account.yaml, with `prune: false`." in ran.out
    assert (world.root / "tunnels/new/account.yaml").is_file()


def test_nothing_is_overwritten(world: World) -> None:
    world.live(tunnel(1))
    world.account()
    assert world.run("import").code == 0
    before = world.read("tunnels/prod/imported.yaml")
    world.live(tunnel(2))
    assert world.run("import").code == 1
    assert world.read("tunnels/prod/imported.yaml") == before
    assert world.run("import", "--force").code == 0
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_what_other_files_declare_is_not_imported_twice(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, description="declared"), file="prod/own.yaml")
    assert world.run("import").code == 0
    ran = world.run("plan", "-o", "json")
    assert [(c["action"], c["name"]) for c in ran.account["changes"]] == [("update", "t001")]


def test_what_stands_in_the_way_of_itself_is_overwritten(world: World) -> None:
    world.live(tunnel(1))
    world.account()
    world.write("tunnels/prod/imported.yaml", f"{MARKER}.\nnope: 1\n")
    assert world.run("import", "--force").code == 0
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_an_account_file_that_can_not_be_added_to_stays_as_it_is(world: World) -> None:
    world.live(tunnel(1), tunnel(2, description="no line\u2028end can be declared"))
    world.account()
    before = world.read("tunnels/prod/account.yaml")
    ran = world.run("import")
    assert ran.code == 1
    assert "by hand" in ran.out
    assert world.read("tunnels/prod/account.yaml") == before
    assert not (world.root / "tunnels/prod/imported.yaml").exists()


def test_a_file_of_the_same_name_further_down_counts(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.account()
    world.write("tunnels/prod/deep/imported.yaml", "")
    world.declare(tunnel(1), file="prod/x.yaml")
    (world.root / "tunnels/prod/x.yaml").replace(world.root / "tunnels/prod/deep/imported.yaml")
    assert world.run("import").code == 0
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_an_empty_account(world: World) -> None:
    world.account()
    assert world.run("import").code == 0
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_a_list_that_can_not_be_read_writes_no_file(world: World) -> None:
    from reconciler.simulator.faults import FaultKind, apply_fault

    world.account()
    world.answer = lambda sim, request: apply_fault(FaultKind.NULL_RESULT, sim, request)
    ran = world.run("import")
    assert (ran.code, "Next: " in ran.out) == (1, False)
    assert world.run("import", "--account", "new", "--account-id", OTHER_ID).code == 1
    assert sorted(p.name for p in (world.root / "tunnels").rglob("*")) == ["account.yaml", "prod"]


def test_two_accounts_of_which_one_has_its_file_already(world: World) -> None:
    world.live(tunnel(1))
    world.account("prod")
    world.account("lab", account_id=OTHER_ID)
    world.write("tunnels/prod/imported.yaml", f"{MARKER}.\ntunnels: []\n")
    assert world.run("import").code == 1
    assert not (world.root / "tunnels/lab/imported.yaml").exists()
    assert world.calls == []


def test_the_sample_converges_after_an_import(world: World) -> None:
    """Import, change a line, apply: a change goes to the imported tunnel in place."""
    ids = world.live(tunnel(1), tunnel(2))
    world.account()
    world.run("import")
    text = world.read("tunnels/prod/imported.yaml")
    world.write("tunnels/prod/imported.yaml", text.replace("name: t001", "name: t001\n    description: x"))
    assert world.run("apply", "--auto-approve").code == 0
    assert list(world.names().values()) == ids
    assert world.shown("t001")["description"] == "x"


def test_the_random_estates_are_random() -> None:
    sizes = {len(estate(random.Random(n))) for n in range(40)}
    assert len(sizes) > 3
    assert len(VARIANTS) * 6 >= 200
    sim = Simulator()
    assert all(foreign_create(sim, ID, {k: v for k, v in t.items() if k != "psk"}) for t in estate(random.Random(3)))


def test_what_contradicts_a_declared_tunnel_is_ignored_with_the_reason(world: World) -> None:
    identity = {"custom_remote_identities": {"fqdn_id": "s.12345.custom.ipsec.cloudflare.com"}}
    world.live(tunnel(1, interface_address="10.0.0.0/31"), tunnel(2), tunnel(3, **identity))
    world.write("tunnels/prod/account.yaml", f"account_id: {ID}\nprune: true\n")
    world.declare(tunnel(7, name="wide", interface_address="10.0.0.1/30"), tunnel(8, **identity), file="prod/own.yaml")
    ran = world.run("import", "-o", "json")
    assert ran.code == 0
    assert "for 1 of 3 live tunnels" in ran.account["notes"][0]
    assert "t001: '10.0.0.0/31' overlaps another tunnel's network" in " ".join(ran.account["notes"]).replace('"', "'")
    assert world.run("validate").code == 0
    ran = world.run("plan", "-o", "json")
    assert [i["name"] for i in ran.account["ignored"]] == ["t001", "t003"]
    assert world.read("tunnels/prod/imported.yaml").count("- name:") == 1


def test_a_tunnel_that_waits_to_be_renamed_is_not_imported_under_its_old_name(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, name="new", renamed_from="t001"), file="prod/own.yaml")
    assert world.run("import").code == 0
    assert world.run("validate").code == 0
    ran = world.run("plan", "-o", "json")
    assert [(c["action"], c["name"], c["previous_name"]) for c in ran.account["changes"]] == [("update", "new", "t001")]


def test_only_written_keys_and_tunnels_are_counted(world: World) -> None:
    bgp = {"bgp": {"customer_asn": 65010, "md5_key": "s0me key"}}
    world.live(tunnel(1, **bgp), tunnel(2), tunnel(3))
    world.declare(tunnel(1, **bgp), file="prod/own.yaml")
    note, _ = world.run("import", "-o", "json").account["notes"]
    assert note.endswith("with mode 0600, for 2 of 3 live tunnels.")
    world.live(tunnel(4, **bgp))
    note, keys, _ = world.run("import", "--force", "-o", "json").account["notes"]
    assert note.endswith("3 of 4 live tunnels.")
    assert keys == (
        "BGP MD5 keys stand there in clear (1 in all): think before you commit them, or import again with "
        "--force --md5-keys FILE."
    )


def test_what_was_imported_before_a_failure_is_said(world: World) -> None:
    world.live(tunnel(1))
    world.live(tunnel(2, description="no line\u2028end can be declared"), account=OTHER_ID)
    world.account("lab")
    world.account("prod", account_id=OTHER_ID)
    ran = world.run("import", "-o", "json")
    assert ran.code == 1
    assert [a["account"] for a in ran.json["accounts"]] == ["lab"]


def test_files_that_would_be_wrong_together_are_not_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.cli import import_
    from reconciler.files.dump import dump

    monkeypatch.setattr(import_, "dump", lambda live, own, declared, *_: dump(live, own, declared))
    world.live(tunnel(1, interface_address="10.0.0.0/31"))
    world.declare(tunnel(7, interface_address="10.0.0.1/30"), file="prod/own.yaml")
    ran = world.run("import", "-o", "json")
    assert (ran.code, [d["code"] for d in ran.json["diagnostics"]]) == (3, ["overlapping-network"])
    assert not (world.root / "tunnels/prod/imported.yaml").exists()


def files_of(world: World, account: str = "prod") -> list[str]:
    """The tunnel files in an account's folder."""
    found = sorted(path.name for path in (world.root / "tunnels" / account).glob("*.yaml"))
    return [name for name in found if name != "account.yaml"]


@pytest.mark.parametrize("first", ["prefix", "none"])
@pytest.mark.parametrize("second", ["prefix", "none"])
def test_a_plan_is_empty_after_each_import_of_a_changing_account(world: World, first: str, second: str) -> None:
    for seed in range(6):
        rng = random.Random(seed)
        world.forget()
        for path in (world.root / "tunnels").glob("*/*"):
            path.unlink()
        new = ["--account", "prod", "--account-id", ID] if seed % 2 else []
        if not new:
            world.account(defaults=DEFAULTS[seed % 3])
        world.live(*estate(rng))
        assert world.run("import", "--split", first, *new).code == 0
        assert world.run("plan", "--detailed-exitcode").code == 0
        world.forget()
        world.live(*estate(rng))
        assert world.run("import", "--split", second).code == 1
        assert world.run("import", "--split", second, "--force").code == 0
        ran = world.run("plan", "--detailed-exitcode", "-o", "json")
        assert (ran.code, ran.account["unmanaged"]) == (0, [])


def test_a_file_for_each_site(world: World) -> None:
    world.live(tunnel(1, name="lon-a"), tunnel(2, name="lon-b"), tunnel(3, name="par-a"))
    world.account()
    ran = world.run("import")
    assert ran.out.splitlines()[-3:] == [
        f"  note: Next: reconciler plan --base-url {world.base_url}",
        "",
        "Import: done.",
    ]
    assert "Wrote tunnels/prod/lon.yaml, tunnels/prod/imported.yaml with mode 0600, for 3 of 3 live tunnels." in ran.out
    assert files_of(world) == ["imported.yaml", "lon.yaml"]
    assert {(world.root / "tunnels/prod" / name).stat().st_mode & 0o777 for name in files_of(world)} == {0o600}


def test_many_files_are_counted(world: World) -> None:
    world.live(*(tunnel(n, name=f"s{n // 2}-{n % 2}") for n in range(8)))
    world.account()
    assert "Wrote 4 files in tunnels/prod with mode 0600, for 8 of 8 live tunnels." in world.run("import").out


def test_files_of_another_split_are_removed(world: World) -> None:
    world.live(tunnel(1, name="lon-a"), tunnel(2, name="lon-b"), tunnel(3, name="par-a"))
    world.account()
    world.run("import")
    ran = world.run("import", "--force", "--split", "none")
    assert (ran.code, files_of(world)) == (0, ["imported.yaml"])
    assert "note: Removed tunnels/prod/lon.yaml, of an earlier import or init." in ran.out
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_what_somebody_made_their_own_stays(world: World) -> None:
    """Without its marker, or moved below a folder, a file is not written anew, and what it declares not twice."""
    world.live(*(tunnel(n, name=f"{site}-{n}") for n, site in enumerate(("lon", "lon", "par", "par", "nyc", "nyc"))))
    world.account()
    world.run("import")
    own = world.read("tunnels/prod/lon.yaml").replace(MARKER, "# Ours").replace("psk: external", "psk: {env: X}")
    world.write("tunnels/prod/lon.yaml", own)
    moved = world.read("tunnels/prod/par.yaml")
    (world.root / "tunnels/prod/par.yaml").unlink()
    world.write("tunnels/prod/emea/par.yaml", moved)
    world.live(tunnel(7, name="lon-7"), tunnel(8, name="lon-8"), tunnel(9, name="par-9"))
    assert world.run("import", "--force").code == 0
    assert (world.read("tunnels/prod/lon.yaml"), world.read("tunnels/prod/emea/par.yaml")) == (own, moved)
    assert files_of(world) == ["imported.yaml", "lon-2.yaml", "lon.yaml", "nyc.yaml"]
    assert world.run("plan", "--detailed-exitcode", env={"X": "k"}).code == 0


def test_a_file_that_import_did_not_write_is_not_overwritten(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1), file="prod/imported.yaml")
    before = world.read("tunnels/prod/imported.yaml")
    assert world.run("import", "--force").code == 0
    assert world.read("tunnels/prod/imported.yaml") == before
    assert files_of(world) == ["imported-2.yaml", "imported.yaml"]
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_nothing_is_written_where_all_is_declared(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    ran = world.run("import")
    assert (ran.code, files_of(world)) == (0, ["a.yaml"])
    assert "note: Wrote no file of tunnels: nothing that is live is left to declare." in ran.out


def test_a_new_account_takes_no_files_over(world: World) -> None:
    world.live(tunnel(1))
    world.write("tunnels/new/deep/lon.yaml", "tunnels: []\n")
    ran = world.run("import", "--account", "new", "--account-id", ID, "-o", "json")
    assert (ran.code, [d["code"] for d in ran.json["diagnostics"]]) == (1, ["file-exists"])
    assert not (world.root / "tunnels/new/account.yaml").exists()


def test_an_import_that_was_cut_short_is_made_again(world: World) -> None:
    world.live(tunnel(1))
    new = ["import", "--account", "new", "--account-id", ID]
    world.write("tunnels/new/lon.yaml", f"{MARKER}.\ntunnels: [")
    assert world.run(*new).code == 1
    assert world.run(*new, "--force").code == 0
    assert files_of(world, "new") == ["imported.yaml"]
    assert world.run("plan", "--detailed-exitcode").code == 0


def test_files_name_the_schema_that_was_saved_for_editors(world: World) -> None:
    world.live(tunnel(1))
    world.write("tunnels.schema.json", "{}")
    world.run("import", "--account", "prod", "--account-id", ID)
    line = "# yaml-language-server: $schema=../../tunnels.schema.json"
    assert world.read("tunnels/prod/imported.yaml").splitlines()[1] == line
    assert "$schema" not in world.read("tunnels/prod/account.yaml")
    world.write("account.schema.json", "{}")
    world.run("import", "--account", "lab", "--account-id", OTHER_ID)
    line = "# yaml-language-server: $schema=../../account.schema.json"
    assert world.read("tunnels/lab/account.yaml").splitlines()[0] == line


def test_files_that_would_declare_something_else_are_not_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.cli import import_
    from reconciler.files.dump import dump

    def dump_wrongly(*args: Any) -> Any:
        found = dump(*args)
        return found._replace(files={name: text.replace("10.0.1.", "10.0.2.") for name, text in found.files.items()})

    monkeypatch.setattr(import_, "dump", dump_wrongly)
    world.live(tunnel(1))
    world.account()
    ran = world.run("import", "-o", "json")
    assert (ran.code, [d["code"] for d in ran.json["diagnostics"]]) == (70, ["import"])
    assert files_of(world) == []


def test_an_account_file_with_the_other_ending_is_added_to(world: World) -> None:
    world.live(tunnel(1), tunnel(2, description="no line\u2028end can be declared"))
    world.write("tunnels/prod/account.yml", f"account_id: {ID}\nprune: true\n")
    assert "note: Added rules under `ignore` to tunnels/prod/account.yml." in world.run("import").out
    assert "  - name: t002\n" in world.read("tunnels/prod/account.yml")
    assert world.run("plan", "--detailed-exitcode").code == 0
