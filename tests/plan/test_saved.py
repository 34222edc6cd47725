import json

import jsonschema
import pytest

from reconciler.model.desired import CommandRef, EnvRef, External, FileRef, Generated
from reconciler.model.document import schema_of
from reconciler.model.psk import SinkState
from reconciler.plan.saved import SavedPlan, carried_out, differences, read_saved, saved_plan
from tests.build import account, desired, live, plan, raw, tunnel

BGP = {"customer_asn": 65010, "md5_key": "s3cret-key"}


def digest(declared, now, **fields):
    return plan(declared, now, **fields).digest


def base():
    return desired(tunnel("a", description="x"), "n"), live("a", "b", "c", "d")


def test_digest_ignores_times_places_order_and_unknown_fields():
    declared, now = base()
    noisy = live("d", "c", "b", raw("a", modified_on="2026-01-01T00:00:00Z", bgp_status={"state": "up"}, later=1))
    moved = desired("n", tunnel("a", description="x", line=40))
    assert digest(moved, noisy) == digest(declared, now)


@pytest.mark.parametrize(
    ("declared", "now", "fields"),
    [
        (desired(tunnel("a", description="y"), "n"), base()[1], {}),
        (base()[0], live(raw("a", description="z"), "b", "c", "d"), {}),
        (base()[0], live(raw("a", id="f" * 32), "b", "c", "d"), {}),
        (base()[0], live(raw("a", health_check={"direction": "bidirectional"}), "b", "c", "d"), {}),
        (desired(tunnel("a", description="x"), tunnel("n", psk=EnvRef("N"))), base()[1], {}),
        (desired(tunnel("a", description="x"), "n", "b"), base()[1], {}),
        (desired(tunnel("a", description="x"), "n", of=account(account_id="0" * 32)), base()[1], {}),
        (*base(), {"base": "sandbox"}),
        (*base(), {"no_delete": True}),
    ],
)
def test_digest_changes_with_what_would_be_done(declared, now, fields):
    assert digest(declared, now, **fields) != digest(*base())


def test_digest_sees_a_desired_md5_key_change():
    now = live(raw("a", bgp={"customer_asn": 1}))
    one, two = (desired(tunnel("a", bgp=BGP | {"md5_key": key})) for key in ("one", "two"))
    assert digest(one, now) != digest(two, now)


@pytest.mark.parametrize(
    ("one", "two", "equal"),
    [
        (FileRef("/here/keys/a"), FileRef("/there/keys/a"), True),
        (FileRef("C:\\keys\\a"), FileRef("/there/keys/a"), True),
        (FileRef("keys/a"), FileRef("keys/b"), False),
        (CommandRef(("pass", "a"), "/here"), CommandRef(("pass", "a"), "/there"), True),
        (CommandRef(("pass", "a"), "/here"), CommandRef(("pass", "b"), "/here"), False),
        (EnvRef("A_PSK"), EnvRef("A_PSK"), True),
        (EnvRef("A_PSK"), EnvRef("B_PSK"), False),
        (External(), External(), True),
        (External(), EnvRef("A"), False),
        (Generated("local", FileRef("a")), Generated("local", FileRef("b")), False),
        (Generated("local", FileRef("a")), Generated("cloudflare", FileRef("a")), False),
    ],
)
def test_digest_covers_key_references_but_not_their_folders(one, two, equal):
    digests = {digest(desired(tunnel("a", psk=key)), live()) for key in (one, two)}
    assert len(digests) == (1 if equal else 2)


def test_no_two_kinds_of_key_reference_look_the_same_to_the_digest():
    one = FileRef("external")
    keys = (External(), EnvRef("external"), one, CommandRef(("external",), "/"), Generated("local", one), None)
    assert len({digest(desired(tunnel("a", psk=key)), live()) for key in keys}) == 6


KEYS = {
    "env": EnvRef("A_PSK"),
    "file": FileRef("keys/a"),
    "command": CommandRef(("pass", "a"), "/here"),
    "local": Generated("local", FileRef("keys/a")),
    "cloudflare": Generated("cloudflare", CommandRef(("put", "a"), "/here")),
    "external": External(),
    "none": None,
}


def test_a_plan_that_an_earlier_version_saved_has_the_same_digest():
    now = live(raw("a", bgp=BGP | {"md5_key": "old-key"}), "gone", "keyless")
    made = [tunnel(name, psk=key) for name, key in KEYS.items()]
    declared = desired(tunnel("a", bgp=BGP), tunnel("keyless", psk=KEYS["cloudflare"]), *made)
    held = {"keyless": SinkState(current=False)}
    assert (
        plan(declared, now, held, base="sandbox").digest
        == "sha256:c8ac7f8255484c154049c7e5a432714c17aa1db851a472bef6fcc65b08cc1a95"
    )


def test_digest_takes_any_text():
    assert digest(desired("a"), live(raw("a", bgp=BGP | {"md5_key": "\ud800"}, description="\ud800")))


def secret_plan():
    now = live(raw("a", bgp=BGP | {"md5_key": "old-key"}), raw("b", bgp=BGP), raw("c"))
    return plan(desired(tunnel("a", bgp=BGP), tunnel("n", bgp=BGP), "c"), now)


def test_saved_plan_holds_no_secret_and_fits_its_schema():
    document = json.loads(json.dumps(saved_plan([secret_plan(), plan(*base())]).model_dump(mode="json")))
    jsonschema.validate(document, schema_of(SavedPlan))
    assert "s3cret-key" not in json.dumps(document)
    assert "old-key" not in json.dumps(document)


def test_schema_refuses_what_is_no_saved_plan():
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"format_version": "1.1", "kind": "saved-plan"}, schema_of(SavedPlan))


def stored(*plans):
    return json.loads(json.dumps(saved_plan(plans).model_dump(mode="json")))


def differing(document, *plans):
    return differences(read_saved(document), plans)


def test_same_plan_passes():
    assert differing(stored(plan(*base()), secret_plan()), plan(*base())) != ()
    assert differing(stored(plan(*base())), plan(*base())) == ()


@pytest.mark.parametrize(
    ("declared", "now", "expected"),
    [
        (desired(tunnel("a", description="y"), "n"), base()[1], ["description of a is not what it was"]),
        (base()[0], live(raw("a", description="z"), "b", "c", "d"), ["description of a is not what it was"]),
        (desired(tunnel("a", description="x"), "n", "b"), base()[1], ["b would not be changed now"]),
        (base()[0], live("a", "b", "c", "d", "e"), ["e would be changed now and was not before"]),
        (
            desired(tunnel("a", description="x"), tunnel("n", psk=EnvRef("N"))),
            base()[1],
            ["a value that is not shown, or the file, was changed"],
        ),
        (
            base()[0],
            live(raw("a", replay_protection=True), "b", "c", "d"),
            ["replay_protection of a is not what it was"],
        ),
    ],
)
def test_mismatch_names_what_differs(declared, now, expected):
    found = differing(stored(plan(*base())), plan(declared, now))
    assert found == tuple(f"prod: {what}" for what in expected)


def test_what_differs_is_told_in_order_of_name_and_not_of_id():
    now = live(raw("b", id="0" * 32), raw("a", id="f" * 32))
    wanted = (desired(*(tunnel(name, description=text) for name in "ab")) for text in "xy")
    then, after = (plan(one, now) for one in wanted)
    assert differing(stored(then), after) == tuple(f"prod: description of {n} is not what it was" for n in "ab")


def test_other_accounts_are_a_mismatch():
    other = plan(desired("a", of=account(name="lab")), live("a"))
    assert differing(stored(plan(*base())), other) == (
        "account lab is not in the saved plan",
        "account prod is in the saved plan only",
    )


def test_another_base_is_named():
    found = differing(stored(plan(*base())), plan(*base(), base="sandbox"))
    assert found == ("base of account prod is another one",)


def entry(**fields):
    return {"format_version": "1.1", "kind": "saved-plan", "accounts": [{"account": "prod", **fields}]}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "x",
        {},
        {"format_version": "9", "kind": "saved-plan", "accounts": []},
        {"format_version": "1.1", "kind": "saved-plan", "accounts": {}},
        {"format_version": "1.1", "kind": "saved-plan", "accounts": [None]},
        {"format_version": "1.1", "kind": "saved-plan", "accounts": [{"account": "prod"}] * 2},
        entry(),
        entry(digest=None, changes=None),
        entry(changes=[None, {"id": {}}, {"name": 1, "fields": [1, {"path": []}], "observed": []}]),
        entry(changes=[{"id": raw("a")["id"], "fields": {"path": "x"}, "observed": 3}]),
    ],
)
def test_a_malformed_file_is_refused(document):
    with pytest.raises(ValueError, match=r"^(the document|accounts|kind|format_version)\b"):
        read_saved(document)


def test_a_file_without_accounts_is_refused():
    document = {"format_version": "1.1", "kind": "saved-plan", "accounts": []}
    assert differing(document, plan(*base())) == ("account prod is not in the saved plan",)


def test_a_file_that_says_something_else_under_the_right_digest_is_refused():
    document = stored(plan(*base()))
    document["accounts"][0]["changes"] = []
    (found,) = differing(document, plan(*base()))
    assert found == "the saved plan of account prod was changed after it was written"


def keyed(psk, line=1, **fields):
    return plan(desired(tunnel("n", psk=psk, line=line, **fields)), live("gone"))


def test_what_is_only_shown_may_differ_and_an_earlier_version_did_not_write_it():
    then, now = keyed(FileRef("/here/keys/n")), keyed(FileRef("/there/keys/n"), line=40)
    document = stored(then)
    (saved,) = document["accounts"]
    saved["notes"] = ["other words"]
    assert differing(document, now) == ()
    del saved["notes"]
    for change in saved["changes"]:
        del change["psk"], change["source"]
    assert differing(document, now) == ()


@pytest.mark.parametrize("forged", ["external", "env N", "file keys/other", "none", ""])
def test_what_a_file_says_of_a_key_is_what_is_done(forged):
    document = stored(keyed(FileRef("keys/n")))
    (create,) = [change for change in document["accounts"][0]["changes"] if change["name"] == "n"]
    assert create["psk"] == "file keys/n"
    create["psk"] = forged
    (found,) = differing(document, keyed(FileRef("keys/n")))
    assert found == "the saved plan of account prod was changed after it was written"


def test_an_account_twice_is_refused():
    document = stored(plan(*base()))
    document["accounts"] *= 2
    assert differing(document, plan(*base())) != ()


XY = desired(tunnel("a", description="x", replay_protection=True))
X = desired(tunnel("a", description="x"))


def prefixes(*wanted):
    return {"customer_asn": 1, "extra_prefixes": list(wanted)}


P = desired(tunnel("a", bgp=prefixes("10.8.0.0/16", "10.9.0.0/16")))


@pytest.mark.parametrize(
    ("then", "now", "done"),
    [
        ((desired("a"), live()), (desired("a"), live("a")), True),
        ((X, live("a")), (X, live(raw("a", description="x"))), True),
        ((desired("a"), live("a", "b")), (desired("a"), live("a")), True),
        ((P, live("a")), (P, live(raw("a", bgp=prefixes("10.9.0.0/16", "10.8.0.0/16")))), True),
        (
            (P, live(raw("a", bgp=prefixes("10.1.0.0/16")))),
            (P, live(raw("a", bgp=prefixes("10.9.0.0/16", "10.8.0.0/16")))),
            True,
        ),
        ((X, live("a")), (X, live("a")), False),
        ((X, live("a")), (desired("a"), live("a")), False),
        ((XY, live("a")), (X, live(raw("a", description="x"))), False),
        ((X, live("a")), (X, live(raw("a", id="f" * 32, description="x"))), False),
        ((desired("a"), live("a", "b")), (desired("a", "b"), live("a", "b")), False),
        ((desired("a", "b"), live("a")), (desired("a"), live("a")), False),
        ((desired("a"), live("a")), (desired("a"), live("a")), False),
        (
            (X, live("a")),
            (desired(tunnel("a", description="x"), of=account(account_id="0" * 32)), live(raw("a", description="x"))),
            False,
        ),
    ],
    ids=[
        "created",
        "updated",
        "deleted",
        "object in another order",
        "list in another order",
        "not yet",
        "taken back",
        "one field taken back",
        "another tunnel",
        "delete taken back",
        "create taken back",
        "empty plan",
        "another account",
    ],
)
def test_a_plan_is_carried_out_when_all_that_it_wanted_is_live(then, now, done):
    document = saved_plan([plan(*then)]).model_dump(mode="json")
    assert carried_out(read_saved(document), [plan(*now)]) is done


def test_a_plan_of_fewer_accounts_is_not_called_carried_out():
    document = saved_plan([plan(desired("a"), live())]).model_dump(mode="json")
    other = plan(desired("b", of=account(name="lab", account_id="0" * 32)), live("b"))
    assert carried_out(read_saved(document), [plan(desired("a"), live("a")), other]) is False
