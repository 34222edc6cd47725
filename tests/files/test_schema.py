from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic_core import ValidationError

from reconciler.files.schema import json_schema
from reconciler.model.account import TunnelFile
from reconciler.model.tunnel import SETTINGS
from reconciler.model.written import Plain

ESTATE = Path(__file__).parents[1] / "estate"


def valid(value: Any, kind: str = "files") -> bool:
    return jsonschema.Draft202012Validator(json_schema(kind)).is_valid(value)


def tunnel(**fields: Any) -> dict[str, Any]:
    base = {"name": "a", "cloudflare_endpoint": "203.0.113.1", "interface_address": "10.0.0.0/31"}
    return {"tunnels": [{**base, **fields}]}


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("tunnels", ["defaults", "tunnels"]),
        (
            "account",
            [
                *("account_id", "token", "prune", "removed", "protect", "owns", "paused"),
                *("ignore", "limits", "parking", "rollout", "windows", "defaults"),
            ],
        ),
    ],
)
def test_an_editor_offers_the_keys_of_its_kind_of_file_alone(kind: str, keys: list[str]):
    found = json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(found)
    assert list(found["properties"]) == keys


def test_an_account_id_may_have_capitals():
    account = {"account_id": "023E105F4ECEF8AD9CA31A8372D0C353", "prune": True}
    assert [valid(account, "account"), valid(account | {"account_id": "x"}, "account")] == [True, False]


def test_the_json_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert "title" not in json_schema()["$defs"]["Bgp"]
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", sorted(ESTATE.rglob("*.yaml")), ids=lambda path: str(path.relative_to(ESTATE)))
def test_editors_find_nothing_wrong_with_the_sample_estate(path: Path):
    value = yaml.safe_load(path.read_text())
    own, other = ("account", "tunnels") if path.name == "account.yaml" else ("tunnels", "account")
    assert [valid(value, kind) for kind in ("files", own, other)] == [True, True, False]


@pytest.mark.parametrize(
    "value",
    [
        tunnel(),
        tunnel(psk="external", health_check={"target": "192.0.2.1"}, bgp={"customer_asn": 1}),
        tunnel(psk={"env": "A", "rotate_after": "90d"}, description=2026, bgp=None),
        tunnel(psk={"generate": True, "deliver_to": {"command": ["a"]}}),
        *(tunnel(bgp={"customer_asn": 1, "md5_key": key}) for key in ("a key", 123, {"env": "A"}, {"file": "a"}, None)),
        {"tunnels": []},
    ],
)
def test_editors_accept_what_is_valid(value: Any):
    assert valid(value)


@pytest.mark.parametrize(
    "value",
    [
        {},
        None,
        tunnel(psk="hunter2"),
        tunnel(psk={}),
        tunnel(psk={"rotate_after": "90d"}),
        tunnel(psk={"env": "A", "file": "a"}),
        tunnel(psk={"generate": True}),
        tunnel(psk={"env": "A", "deliver_to": {"file": "a"}}),
        tunnel(psk={"generate": True, "deliver_to": {}}),
        tunnel(psk={"generate": True, "deliver_to": {"file": "a", "command": ["b"]}}),
        tunnel(custmer_endpoint="198.51.100.1"),
        tunnel(bgp={"customer_asn": -1}),
        *(
            tunnel(bgp={"md5_key": key})
            for key in ({}, {"env": "A", "file": "a"}, {"command": ["a"]}, {"env": "a-b"}, [])
        ),
        tunnel(health_check={"rate": "fast"}),
        tunnel(interface_address="10.0.0.0/24"),
        {"account_id": "x", "prune": True},
        {"account_id": "0" * 32},
        {"defaults": {"name": "x"}, "tunnels": []},
    ],
)
def test_editors_mark_what_is_wrong(value: Any):
    assert not valid(value)


def test_every_field_of_the_api_can_be_written_and_is_described():
    definitions = json_schema()["$defs"]
    parts = {"bgp": "Bgp", "health_check": "HealthCheck", "custom_remote_identities": "Identities"}
    for path in SETTINGS:
        first, *rest = path.split(".")
        where = definitions[parts[first]] if rest else definitions["Tunnel"]
        assert where["properties"][rest[0] if rest else first]["description"]


def test_defaults_are_those_of_the_api():
    definitions = json_schema()["$defs"]
    shown = {p: definitions["HealthCheck"]["properties"][p]["default"] for p in ("enabled", "rate", "type")}
    assert shown == {p: SETTINGS[f"health_check.{p}"].default for p in shown}
    assert definitions["Defaults"]["properties"]["replay_protection"]["default"] is False


def test_what_was_written_comes_back_typed_and_nothing_else():
    value = {"tunnels": [{"name": Plain("010"), "protect": Plain("true"), "bgp": {"customer_asn": Plain("7")}}]}
    result = TunnelFile.model_validate(value).model_dump(exclude_unset=True)
    assert result == {"tunnels": [{"name": "010", "protect": True, "bgp": {"customer_asn": 7}}]}
    assert type(result["tunnels"][0]["name"]) is str


def test_all_errors_come_at_once():
    with pytest.raises(ValidationError) as invalid:
        TunnelFile.model_validate({"tunnels": [{"x": "1", "psk": "k", "bgp": {"customer_asn": "y"}}], "z": None})
    assert invalid.value.error_count() == 4
