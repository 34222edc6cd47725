import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.model.document import schema_of
from reconciler.plan.diff import FieldChange
from reconciler.render.json import report_document, report_from_json, report_json
from reconciler.report.values import AccountReport, ChangeReport, Report
from tests.render.payloads import PAYLOADS
from tests.render.samples import DRIFT, LON_A, NO_CHANGES, PLAN, SAMPLES, account

VALIDATOR = Draft202012Validator(schema_of(Report))


def one_change(change: ChangeReport) -> Report:
    return replace(PLAN, accounts=(account(changes=(change,)),), context={})


def test_the_schema_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(schema_of(Report))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_report_fulfils_the_schema(name: str) -> None:
    VALIDATOR.validate(json.loads(report_json(SAMPLES[name])))


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_read_back_is_what_was_written(name: str) -> None:
    assert report_from_json(report_json(SAMPLES[name])) == replace(SAMPLES[name], context={})


def test_the_keys_stand_in_the_documented_order() -> None:
    document = report_document(PLAN)
    assert list(document) == ["format_version", "command", "outcome", "sandbox", "summary", "accounts", "diagnostics"]
    assert list(document["accounts"][0])[:10] == [
        "account",
        "account_id",
        "outcome",
        "digest",
        "api_calls",
        "guards",
        "changes",
        "unmanaged",
        "ignored",
        "not_checked",
    ]
    assert report_document(one_change(LON_A))["accounts"][0]["changes"] == [
        {
            "action": "update",
            "name": "lon-a",
            "previous_name": None,
            "id": "c4a7362d577a6c3019a474fd6f485821",
            "impact": "none",
            "cause": None,
            "fields": [{"path": "health_check.rate", "before": "mid", "after": "high", "sensitive": False}],
            "source": {"file": "tunnels/prod/london.yaml", "line": 4},
            "outcome": None,
            "error": None,
        }
    ]


def test_drift_has_its_keys_on_every_difference_and_account() -> None:
    found = report_document(DRIFT)["accounts"][0]
    assert all({"class", "severity", "first_seen", "age", "modified_on"} <= set(c) for c in found["changes"])
    assert {"total", "managed", "drifted", "unchanged", "resolved", "ways_out"} <= set(found)


def test_every_key_is_described() -> None:
    schema = schema_of(Report)
    parts = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    assert len(parts) > 15  # or what holds of all of them says nothing
    assert [key for part in parts for key, about in part["properties"].items() if not about.get("description")] == []


def test_items_of_a_list_stand_beside_it_where_any_came_or_went() -> None:
    fields = report_document(PLAN)["accounts"][0]["changes"][1]["fields"]
    assert fields[0] == {
        "path": "bgp.extra_prefixes",
        "before": ["10.9.0.0/16"],
        "after": ["10.10.0.0/16", "10.9.0.0/16"],
        "added": ["10.10.0.0/16"],
        "sensitive": False,
    }
    assert fields[2] == {"path": "description", "before": "London, rack 4", "after": None, "sensitive": False}


def test_a_sensitive_leaf_is_hidden_also_inside_a_whole_object() -> None:
    field = FieldChange("bgp", None, {"customer_asn": 1, "md5_key": "hunter2"})
    assert "hunter2" not in report_json(one_change(replace(LON_A, fields=(field,))))


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_any_text_survives_writing_and_reading(payload: str) -> None:
    report = one_change(replace(LON_A, name=payload, fields=(FieldChange("description", payload, None),)))
    written = report_json(report)
    assert written.isascii()
    assert report_from_json(written) == report


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_has_not_is_null(value: float) -> None:
    report = one_change(replace(LON_A, fields=(FieldChange("x", value, None),)))
    assert report_document(report)["accounts"][0]["changes"][0]["fields"][0]["before"] is None


def edited(*path: str | int, value: Any) -> str:
    document = report_document(PLAN)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "null",
        "[]",
        "{}",
        "\ud800",
        b"\xff\xfe",
        '{"format_version": NaN}',
        '{"a": 1, "a": 2}',
        "[" * 100_000,
        '{"a":' * 100_000,
        edited("format_version", value="2.0"),
        edited("outcome", value="fine"),
        edited("sandbox", value=0),
        edited("summary", "create", value=-1),
        edited("summary", "create", value=True),
        edited("extra", value=1),
        edited("context", value={"run_url": "https://elsewhere.example"}),
        edited("accounts", value={}),
        edited("accounts", 0, "extra", value=1),
        edited("accounts", 0, "account", value=None),
        edited("accounts", 0, "changes", 0, "action", value="destroy"),
        edited("accounts", 0, "changes", 0, "impact", value=["none"]),
        edited("accounts", 0, "changes", 0, "source", value={"file": "a"}),
        edited("accounts", 0, "changes", 0, "source", value={"file": "a", "line": "1"}),
        edited("accounts", 0, "changes", 0, "fields", 0, "before", value=json.loads("[" * 70 + "]" * 70)),
        edited("accounts", 0, "notes", value=[1]),
        edited("accounts", 0, "api_calls", value={"list": "2"}),
        edited("diagnostics", value=[{"severity": "error"}]),
        edited(
            "diagnostics",
            value=[
                {
                    "severity": "fatal",
                    "code": "",
                    "summary": "",
                    "detail": "",
                    "file": None,
                    "line": None,
                    "column": None,
                }
            ],
        ),
        edited(
            "diagnostics",
            value=[
                {"severity": "error", "code": "", "summary": "", "detail": "", "file": None, "line": 1, "column": 1}
            ],
        ),
        edited("diagnostics", value=[{"severity": "error", "code": "", "summary": "", "detail": "", "count": 2}]),
    ],
    ids=range(31),
)
def test_anything_else_is_refused(document: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        report_from_json(document)


def test_a_report_of_an_earlier_version_is_read() -> None:
    assert report_from_json(edited("format_version", value="1.0")) == replace(PLAN, context={})


def test_a_refusal_says_where() -> None:
    with pytest.raises(
        ValueError, match=r"accounts\[0\]\.changes\[1\]\.action should be 'create', 'update' or 'delete'"
    ):
        report_from_json(edited("accounts", 0, "changes", 1, "action", value="destroy"))


def test_coverage_stays_out_of_a_plan_that_does_not_know_it() -> None:
    bare = replace(NO_CHANGES, accounts=(AccountReport(account="a", account_id="1", outcome="ok"),))
    assert "total" not in report_document(bare)["accounts"][0]
