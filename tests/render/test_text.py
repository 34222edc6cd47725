import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import main
from reconciler.model.problems import Guard, Location, Part, Problem, Source, error, warning
from reconciler.model.psk import KeyStatus
from reconciler.model.verdict import Result
from reconciler.plan.diff import FieldChange
from reconciler.render import Format, render, words
from reconciler.render.headline import tone
from reconciler.render.json import report_from_json
from reconciler.render.layout import Paint, columns
from reconciler.render.words import moment
from reconciler.report.outcome import Outcome
from reconciler.report.values import ChangeReport, Report
from tests.benchmarks.data import account_id, write_account
from tests.render.payloads import PAYLOADS
from tests.render.samples import (
    ACCOUNTS,
    BLOCKED,
    DRIFT,
    HELD_BACK,
    INVALID,
    LON_A,
    LON_B,
    NO_CHANGES,
    OLD_SITE,
    PAR_A,
    PARTIAL,
    PLAN,
    PSK,
    SAMPLES,
    account,
    counted,
)
from tests.render.test_markdown import all_said
from tests.render.test_safe import workflow_command


@pytest.mark.parametrize(
    ("report", "last"),
    [
        (PLAN, "Plan: 1 to create, 2 to update, 1 to delete."),
        (NO_CHANGES, "No changes. Live tunnels match the files."),
        (HELD_BACK, "No changes; 3 deletes held back (--no-delete)."),
        (replace(HELD_BACK, command="apply"), "No changes; 3 deletes held back (--no-delete)."),
        (
            replace(HELD_BACK, accounts=(*HELD_BACK.accounts, *PLAN.accounts), summary=PLAN.summary),
            "Plan: 1 to create, 2 to update, 1 to delete; 3 deletes held back (--no-delete).",
        ),
        (
            replace(PLAN, command="apply", accounts=(*HELD_BACK.accounts, *PLAN.accounts)),
            "Apply complete: 0 created, 0 updated, 0 deleted; 3 deletes held back (--no-delete).",
        ),
        (BLOCKED, "Plan: 0 to create, 0 to update, 2 to delete."),
        (PARTIAL, "Apply incomplete: 0 created, 1 updated, 0 deleted, 1 failed, 1 skipped, 1 unknown."),
        (INVALID, "Invalid: 2 errors, 1 warning."),
        (
            replace(INVALID, diagnostics=(error("a", "A", "A."), error("more-problems", "7 more", "More."))),
            "Invalid: more than 1 error.",
        ),
        (
            replace(
                INVALID,
                diagnostics=(error("a", "A", "A."), warning("b", "B", "B."), warning("more-problems", "7", "M")),
            ),
            "Invalid: 1 error, more than 1 warning.",
        ),
        (replace(PLAN, command="apply"), "Apply complete: 0 created, 0 updated, 0 deleted."),
        (replace(NO_CHANGES, command="apply"), "No changes. Live tunnels match the files."),
        (replace(BLOCKED, command="apply"), "Apply stopped (blocked): nothing was written."),
        (
            replace(PLAN, outcome="error"),
            "Plan failed: nothing was written, for the reasons above.",
        ),
        (replace(NO_CHANGES, command="validate"), "Valid: 1 account, 12 tunnels."),
        (
            replace(NO_CHANGES, command="validate", outcome="error", diagnostics=(error("a", "full disk", "A."),)),
            "Validate failed: full disk.",
        ),
        (replace(NO_CHANGES, command="import"), "Import: done."),
        (ACCOUNTS, "2 accounts."),
    ],
)
def test_the_last_line_is_the_headline(report: Report, last: str) -> None:
    assert render(report, "text").splitlines()[-1] == last


def test_the_calls_stand_before_the_plan() -> None:
    assert render(PLAN, "text").splitlines()[-2] == "Apply makes: 2 lists, 1 bulk update, 1 create, 1 delete"


def test_a_drift_report_begins_with_its_headline() -> None:
    first = render(DRIFT, "text").splitlines()[0]
    assert (
        first
        == "3 of 413 tunnels drifted (99.0 % in sync), 2 unmanaged, 1 missing, 0 not checked, 1 waiting for apply."
    )


def test_no_drift_is_said_first() -> None:
    clean = replace(DRIFT, summary=counted(), outcome="ok", accounts=(account(managed=412, unchanged=412),))
    assert render(clean, "text") == "No drift: 412 tunnels in sync, 0 unmanaged, 0 missing, 0 not checked.\n"


def test_one_in_a_hundred_thousand_is_not_all_in_sync() -> None:
    large = replace(DRIFT, accounts=(replace(DRIFT.accounts[0], managed=100_000),))
    assert "(99.9 % in sync)" in render(large, "text").splitlines()[0]


def test_nothing_changes_is_one_line() -> None:
    assert render(NO_CHANGES, "text") == "No changes. Live tunnels match the files.\n"


def test_deletes_come_first_then_impact_on_traffic() -> None:
    changes = sorted(PLAN.accounts[0].changes, key=words.gravity)
    assert [change.name for change in changes] == ["old-site", "lon-b", "par-a", "lon-a"]


LINE = (Part("- {name: a long name, "), Part("pks", shown=False, name="pks"), Part(": "))
LINE += (Part("hunter2", shown=False), Part(", rate: low}\t# 東京"), Part("|"))


@pytest.mark.parametrize(
    ("summary", "column", "shown", "caret"),
    [
        ("C", 1, "- {name: a long name, ***: ***, rate: low} # 東京|", 0),
        ("C", 10, "- {name: a long name, ***: ***, rate: low} # 東京|", 9),
        ("C", 24, "- {name: a long name, ***: ***, rate: low} # 東京|", 22),
        ("C", 30, "- {name: a long name, ***: ***, rate: low} # 東京|", 27),
        ("C", 37, "- {name: a long name, ***: ***, rate: low} # 東京|", 32),
        ("C", 51, "- {name: a long name, ***: ***, rate: low} # 東京|", 47),
        ("C", 99, "- {name: a long name, ***: ***, rate: low} # 東京|", 50),
        ('unknown key "pks"', 24, "- {name: a long name, pks: ***, rate: low} # 東京|", 23),
        ("unknown key 'pks'", 24, "- {name: a long name, ***: ***, rate: low} # 東京|", 22),
        ('what is "hunter2"', 24, "- {name: a long name, ***: ***, rate: low} # 東京|", 22),
    ],
)
def test_the_caret_follows_what_is_masked(summary: str, column: int, shown: str, caret: int) -> None:
    found = replace(INVALID, diagnostics=(error("c", summary, "Why.", Location("a", 1, column)),))
    lines = render(found, "text", line_of=lambda *_: LINE).splitlines()[1:3]
    assert lines == [f"    1 | {shown}", f"      | {' ' * caret}^"]


def test_a_line_of_signs_alone_is_shown() -> None:
    found = replace(INVALID, diagnostics=(error("c", "C", "Why.", Location("a", 1, 1)),))
    text = render(found, "text", line_of=lambda *_: (Part("---"),))
    assert "    1 | ---\n      | ^\n" in text


@pytest.mark.parametrize("parts", [None, (), (Part("  ***: [", shown=False),), (Part("  "),)])
def test_a_line_that_tells_nothing_is_not_shown(parts: tuple[Part, ...] | None) -> None:
    found = replace(INVALID, diagnostics=(error("c", "C", "Why.", Location("a", 1, 1)),))
    assert not [line for line in render(found, "text", line_of=lambda *_: parts).splitlines() if " | " in line]


def test_every_problem_has_a_line_and_the_first_twenty_all_that_there_is_to_say() -> None:
    several = [error("c", f"C{n}", "Why." if n % 2 else "How.", Location("a", n, 1)) for n in range(1, 23)]
    several.append(error("c", "C23", "Other.", Location("a", 23, 1)))
    found = replace(INVALID, diagnostics=tuple(several))
    lines = render(found, "text", line_of=lambda *_: (Part("x"),)).splitlines()
    assert lines[57:] == [
        "a:20:1: error: C20. How. [c]",
        "   20 | x",
        "      | ^",
        "a:21:1: error: C21 [c]",
        "a:22:1: error: C22 [c]",
        "a:23:1: error: C23. Other. [c]",
        "",
        "Lines are quoted for 20 problems, errors first; advice is not repeated. -o json has it all.",
        "",
        *lines[-1:],
    ]


@pytest.mark.parametrize("name", ["text", "markdown", "html"])
def test_no_number_of_warnings_hides_an_error(name: str) -> None:
    many = [warning("w", f"W{n}", "Why.", Location("a", n, 1)) for n in range(1, 600)]
    found = replace(INVALID, diagnostics=(*many, error("e", "E600", "How.", Location("b", 1, 1))))
    assert "E600. How." in render(found, name)


def test_twenty_problems_are_told_whole() -> None:
    several = tuple(error("c", f"C{n}", "Why.", Location("a", n, 1)) for n in range(1, 21))
    said = render(replace(INVALID, diagnostics=several), "text")
    assert (said.count(". Why. [c]"), "Lines are quoted" in said) == (20, False)


def test_colour_only_adds_escapes() -> None:
    for report in SAMPLES.values():
        coloured = render(report, "text", color=True)
        assert re.sub(r"\x1b\[\d+m", "", coloured) == render(report, "text")


LONG = "custom_remote_identities.fqdn_id"
FQDN = "lon-00.12345.custom.ipsec.cloudflare.com"


@pytest.mark.parametrize(
    ("field", "width", "lines"),
    [
        (FieldChange("description", "a", "b"), 40, ["      ~ description  a -> b"]),
        (FieldChange("description", "a", "b"), 27, ["      ~ description  a -> b"]),
        (FieldChange("description", "a", "b"), 26, ["      ~ description", "          - a", "          + b"]),
        (FieldChange("description", None, "bbb bbb"), 27, ["      ~ description", '          + "bbb bbb"']),
        (FieldChange("description", "東" * 9, None), 44, ["      ~ description", f'          - "{"東" * 9}"']),
        (
            FieldChange(LONG, FQDN, f"new-{FQDN}"),
            40,
            [f"      ~ {LONG}", f"          - {FQDN}", f"          + new-{FQDN}"],
        ),
        (
            FieldChange("bgp.extra_prefixes", [], ["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"]),
            40,
            [
                "      ~ bgp.extra_prefixes",
                "          - []",
                "          + [10.0.0.0/16, 10.1.0.0/16,",
                "            10.2.0.0/16]",
            ],
        ),
        (
            FieldChange("bgp.md5_key", None, None, sensitive=True),
            25,
            ["      ~ bgp.md5_key", "          (sensitive, changes)"],
        ),
    ],
)
def test_what_is_wider_than_the_terminal_is_told_on_more_lines(
    field: FieldChange, width: int, lines: list[str]
) -> None:
    report = replace(PLAN, accounts=(account(changes=(replace(LON_A, source=None, fields=(field,)),)),))
    _, told, _ = render(report, "text", width=width).split("\n\n")
    assert told.splitlines()[1:] == lines


def test_old_and_new_have_their_signs_and_colours_also_in_drift() -> None:
    field = FieldChange(LONG, FQDN, f"new-{FQDN}")
    change = replace(LON_A, fields=(field,), drift_class="changed", severity="traffic")
    shown = render(replace(DRIFT, accounts=(account(changes=(change,)),)), "text", width=80, color=True)
    assert f"\n          \x1b[31m-\x1b[0m \x1b[31m{FQDN}  live\x1b[0m\n" in shown
    assert f"\n          \x1b[32m+\x1b[0m \x1b[32mnew-{FQDN}  declared\x1b[0m\n" in shown


@pytest.mark.parametrize(
    ("change", "width", "lines"),
    [
        (PAR_A, 46, ["  + par-a  traffic   tunnels/prod/paris.yaml:3"]),
        (PAR_A, 45, ["  + par-a  traffic", "      tunnels/prod/paris.yaml:3"]),
        (OLD_SITE, 21, ["  - old-site  traffic"]),
        (OLD_SITE, 20, ["  - old-site", "      traffic"]),
    ],
)
def test_the_place_goes_below_where_there_is_no_room(change: ChangeReport, width: int, lines: list[str]) -> None:
    shown = render(
        replace(PLAN, accounts=(account(changes=(replace(change, fields=(), psk=None),)),)), "text", width=width
    )
    _, told, _ = shown.split("\n\n")
    assert told.splitlines() == lines


@pytest.mark.parametrize(
    ("psk", "said"),
    [
        ("env PAR_A_PSK", "env PAR_A_PSK"),
        ("generated, goes to file keys.json", "generated, goes to file keys.json"),
        ("external", "external: the tunnel won't come up until somebody sets one"),
        ("none", "none: the tunnel won't come up without one"),
    ],
)
def test_a_create_says_where_its_key_comes_from_and_its_name_once(psk: str, said: str) -> None:
    create = replace(PAR_A, psk=psk, fields=(FieldChange("name", None, "par-a"),))
    shown = render(replace(PLAN, accounts=(account(changes=(create,)),)), "text")
    assert shown.splitlines()[2:-3] == [
        "  + par-a  traffic   tunnels/prod/paris.yaml:3",
        f"      + psk  {said}",
    ]


def test_equal_updates_are_told_once_and_alike_ones_in_rows() -> None:
    def rate(name: str, before: str) -> ChangeReport:
        return replace(LON_A, name=name, fields=(FieldChange("health_check.rate", before, "high"),))

    equal = [rate(f"lon-{n}", "mid") for n in range(9)]
    alike = [rate("par-1", "low"), rate("paris-2", "a text that is too wide"), rate("par-3", "b")]
    shown = render(replace(PLAN, accounts=(account(changes=(*equal, *alike)),)), "text", width=44)
    assert shown.splitlines()[2:-4] == [
        "  ~ 9 tunnels",
        "      ~ health_check.rate  mid -> high",
        "      lon-0, lon-1, lon-2, lon-3, lon-4,",
        "      lon-5, lon-6, lon-7, lon-8",
        "",
        "  ~ 3 tunnels",
        "      ~ health_check.rate",
        "          par-1    low -> high",
        "          paris-2",
        '          - "a text that is too wide"',
        "          + high",
        "          par-3    b -> high",
    ]


@pytest.mark.parametrize(
    ("updates", "end"),
    [
        (17, ["", "Apply makes: 1 list", "Plan: 0 to create, 17 to", "update, 3 to delete."]),
        (
            18,
            [
                "Deletes 3 tunnels:",
                "  old-site-0, old-site-1,",
                "  old-site-2",
                "Apply makes: 1 list",
                "Plan: 0 to create, 18 to",
                "update, 3 to delete.",
            ],
        ),
    ],
)
def test_a_long_plan_names_its_deletes_at_its_end_too(updates: int, end: list[str]) -> None:
    changes = [replace(OLD_SITE, name=f"old-site-{n}") for n in range(3)] + [LON_A] * updates
    summary = counted(update=updates, delete=3)
    report = replace(PLAN, summary=summary, accounts=(account(changes=tuple(changes), api_calls={"list": 1}),))
    assert render(report, "text", width=26).splitlines()[-len(end) :] == end


MADE = replace(
    PLAN,
    command="apply",
    seconds=1234.5,
    accounts=(
        account(changes=(replace(LON_A, outcome="applied"),), calls_made={"list": 3, "update": 1, "update_one": 2}),
    ),
)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (MADE, "Calls made: 3 lists, 1 bulk update, 2 single updates, in 1,234.5 s; verified by a new list."),
        (
            replace(MADE, outcome="partial", accounts=(replace(MADE.accounts[0], outcome="partial"), account())),
            "Calls made: 3 lists, 1 bulk update, 2 single updates, in 1,234.5 s.",
        ),
        (
            replace(
                MADE,
                outcome="partial",
                accounts=(replace(MADE.accounts[0], outcome="partial", error=Problem("9", "no")),),
            ),
            "Calls made: 3 lists, 1 bulk update, 2 single updates, in 1,234.5 s; not verified by a new list.",
        ),
        (replace(MADE, accounts=(replace(MADE.accounts[0], calls_made=None),)), "Planned calls: "),
    ],
)
@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_the_calls_made_and_the_proof_are_told(report: Report, said: str, format_: Format) -> None:
    shown = render(report, format_).replace("**", "").replace("&#8203;", "").replace("</", "<")
    assert said.rstrip(".") + ("." if format_ == "text" and said.endswith(".") else "") in shown


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_each_key_says_when_it_is_to_be_rotated(format_: Format) -> None:
    assert render(PSK, format_).count("rotate after 365 days") == 2


@pytest.mark.parametrize(
    ("found", "tone_"),
    [
        ({"overdue": True}, "changes"),
        ({"error": Problem("key-not-in-sink", "no")}, "changes"),
        ({}, "good"),
    ],
)
def test_keys_overdue_or_in_doubt_are_a_warning(found: dict[str, Any], tone_: str) -> None:
    fields = {"overdue": False, "rotate_after_days": 30, "source": None} | found
    assert tone(replace(PSK, outcome="ok", accounts=(account(keys=(KeyStatus("a", "env A", 3, **fields),)),))) == tone_


@pytest.mark.parametrize(("sandbox", "said"), [(True, "kept in the sandbox"), (False, "delivered")])
def test_a_key_made_in_the_sandbox_was_not_delivered(*, sandbox: bool, said: str) -> None:
    report = replace(MADE, sandbox=sandbox, accounts=(replace(MADE.accounts[0], keys=PSK.keys[:1]),))
    assert render(report, "text").endswith(f", 1 key made and {said}.\n")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("interrupted", "To go on: run apply again. It goes on from what is live."),
        ("partial", "To go on: look at what failed, then run apply again. It goes on from what is live."),
        (
            "auth",
            "To go on: give the token, or the permission that it lacks, then run apply again. It goes on from what is",
        ),
    ],
)
@pytest.mark.parametrize("format_", ["text", "html"])
def test_an_apply_that_stopped_half_way_says_how_to_go_on(outcome: Outcome, said: str, format_: Format) -> None:
    report = replace(MADE, outcome=outcome, accounts=(replace(MADE.accounts[0], outcome=outcome),))
    assert said in render(report, format_)
    for other in (MADE, PLAN, replace(report, command="drift")):
        assert "To go on: " not in render(other, format_)


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_a_plan_that_is_blocked_as_a_whole_makes_no_calls(format_: Format) -> None:
    assert "Apply makes" not in render(BLOCKED, format_)
    half = replace(BLOCKED, accounts=(*BLOCKED.accounts, account("lab", changes=(LON_A,), api_calls={"list": 2})))
    assert "3 lists" in render(half, format_)
    assert "delete" not in next(line for line in render(half, format_).splitlines() if "Apply makes" in line)


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("count", [1, 20])
def test_a_plan_of_the_benchmarks_estate_on_a_terminal(
    count: int, width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[str, str], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_account(Path(), 0, 60, (1, 0, 0) if count == 1 else (14, 3, 3))
    assert main(["plan", "--live", f"lists/{account_id(0)}.json", "-o", "json=plan.json"]) == 0
    report = report_from_json(Path("plan.json").read_bytes())
    golden(f"terminal-{count}-{width}.txt", render(report, "text", width=width))


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_hostile_text_stays_on_its_line(payload: str) -> None:
    change, harmless = (
        replace(
            LON_A, name=text, fields=(FieldChange("description", text, text),), outcome="failed", error=all_said(text)
        )
        for text in (payload, "x")
    )
    shown, usual = (render(replace(PLAN, accounts=(account(changes=(c,)),)), "text") for c in (change, harmless))
    assert len(shown.split("\n")) == len(usual.split("\n"))
    assert not any(map(workflow_command, shown.splitlines()))
    shown.encode()


@pytest.mark.parametrize(
    ("command", "verdict"),
    [
        ("plan", "Plan interrupted: it is not complete, and nothing was written."),
        ("drift", "Drift interrupted: it is not complete, and nothing was written."),
        ("apply", "Apply interrupted: 0 created, 0 updated, 0 deleted."),
    ],
)
def test_an_interrupted_run_never_says_that_all_is_well(command: str, verdict: str) -> None:
    report = replace(NO_CHANGES, command=command, outcome="interrupted", accounts=(account(outcome="interrupted"),))
    assert verdict in render(report, "text").splitlines()


def test_an_apply_of_several_accounts_says_how_many_converged() -> None:
    report = replace(PARTIAL, accounts=(*PARTIAL.accounts, account("lab")))
    assert render(report, "text").splitlines()[-1].endswith("1 unknown; 1 of 2 accounts converged.")


def test_what_only_git_changed_is_not_in_sync() -> None:
    waiting = replace(DRIFT.accounts[0].changes[0], cause="git")
    report = replace(
        DRIFT, summary=counted(), accounts=(account(changes=(waiting, replace(waiting, drift_class="unmanaged"))),)
    )
    assert (
        render(report, "text").splitlines()[0]
        == "No drift: 11 tunnels in sync, 0 unmanaged, 0 missing, 0 not checked, 2 waiting for apply."
    )


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-11-22T23:07:13.050042Z", "2026-11-22 23:07:13 UTC"),
        ("2026-11-22T23:07:13Z", "2026-11-22 23:07:13 UTC"),
        ("2026-11-22T23:07:13.5+00:00", "2026-11-22 23:07:13 UTC"),
        ("2026-11-22T23:07:13+02:00", "2026-11-22T23:07:13+02:00"),
        ("2026-11-22", "2026-11-22"),
        ("2026-11-22T23:07:13Z\n", "2026-11-22T23:07:13Z\n"),
        ("soon", "soon"),
    ],
)
def test_times_are_shown_to_the_second(written: str, shown: str) -> None:
    assert moment(written) == shown


def test_the_json_keeps_times_as_they_came() -> None:
    change = replace(LON_A, modified_on="2026-11-22T23:07:13.050042Z", drift_class="changed", severity="cosmetic")
    report = replace(DRIFT, accounts=(account(changes=(change,)),))
    assert '"2026-11-22T23:07:13.050042Z"' in render(report, "json")
    assert "changed live 2026-11-22 23:07:13 UTC" in render(report, "text")


@pytest.mark.parametrize(
    ("accounts", "lines"),
    [
        (1, ["Blocked by 1 guard: apply writes nothing."]),
        (
            2,
            [
                "Blocked by 2 guards: apply writes nothing in such an account.",
                "2 paused accounts: apply writes nothing there.",
            ],
        ),
    ],
)
def test_what_stops_a_plan_stands_right_above_its_counts(accounts: int, lines: list[str]) -> None:
    shown = render(replace(BLOCKED, accounts=BLOCKED.accounts * accounts), "text").splitlines()
    assert shown[-1 - len(lines) : -1] == lines


PREFIXES = [f"10.{i}.0.0/16" for i in range(200)]
MANY = replace(
    LON_A,
    fields=(
        FieldChange(
            "bgp.extra_prefixes",
            PREFIXES,
            [*PREFIXES[1:], "10.200.0.0/16"],
            added=("10.200.0.0/16",),
            removed=("10.0.0.0/16",),
        ),
    ),
)


@pytest.mark.parametrize(
    ("report", "format_", "said"),
    [
        (
            PLAN,
            "text",
            "      ~ bgp.extra_prefixes  199 unchanged\n          - 10.0.0.0/16\n          + 10.200.0.0/16\n",
        ),
        (
            DRIFT,
            "text",
            "  199 unchanged\n          - 10.0.0.0/16  live only\n          + 10.200.0.0/16  declared only\n",
        ),
        (PLAN, "markdown", "  bgp.extra_prefixes (199 unchanged):\n-   10.0.0.0/16\n+   10.200.0.0/16\n"),
        (DRIFT, "markdown", "  bgp.extra_prefixes (199 unchanged):\n-   10.0.0.0/16\n+   10.200.0.0/16\n"),
    ],
)
def test_of_a_long_list_only_what_changed_is_shown(report: Report, format_: Format, said: str) -> None:
    change = replace(MANY, drift_class="changed" if report is DRIFT else None)
    shown = render(replace(report, accounts=(account(changes=(change,)),)), format_)
    assert said in shown
    assert "10.1.0.0/16" not in shown


@pytest.mark.parametrize(("format_", "told"), [("text", 200), ("markdown", 20)])
def test_of_many_changed_items_a_comment_has_the_first_and_the_text_all(format_: Format, told: int) -> None:
    field = FieldChange("bgp.extra_prefixes", [], PREFIXES, added=tuple(PREFIXES))
    shown = render(replace(PLAN, accounts=(account(changes=(replace(LON_A, fields=(field,)),)),)), format_)
    assert [prefix in shown for prefix in PREFIXES] == [True] * told + [False] * (200 - told)
    assert ("    and 180 more\n" in shown) == (told == 20)


@pytest.mark.parametrize(
    ("width", "column", "shown"),
    [
        (None, 30, ["    4 | name: a, rate: midd, type: request", "      |" + " " * 30 + "^"]),
        (40, 30, ["    4 | me: a, rate: midd, type: request", "      |" + " " * 28 + "^"]),
        (28, 16, ["    4 |  a, rate: midd, type", "      |" + " " * 11 + "^"]),
        (28, 2, ["    4 | name: a, rate: midd,", "      |" + " " * 2 + "^"]),
    ],
)
def test_of_a_long_line_a_terminal_shows_what_is_around_the_caret(
    width: int | None, column: int, shown: list[str]
) -> None:
    found = (error("c", "S", "D.", Location("a.yaml", 4, column)),)
    parts = (Part("name: a, rate: midd, type: request"),)
    drawn = render(replace(INVALID, diagnostics=found), "text", width=width, line_of=lambda *_: parts)
    assert [line.rstrip() for line in drawn.splitlines() if "|" in line] == shown


def test_on_a_terminal_long_messages_wrap_between_words_below_their_beginning() -> None:
    guard = Guard("max-deletes", "too many tunnels would go", (), "say which ones are meant")
    one = account(notes=("routes through lon-a are not checked",), guards=(guard,))
    found = (error("unknown-key", "unknown key", "Did you mean another one?", Location("a.yaml", 4, 5)),)
    shown = render(replace(PLAN, accounts=(one,), diagnostics=found), "text", width=40)
    assert shown.splitlines()[:13] == [
        "a.yaml:4:5: error: unknown key",
        "    [unknown-key]",
        "    Did you mean another one?",
        "",
        "Account prod",
        "",
        "  blocked: too many tunnels would go",
        "           [max-deletes]",
        "           to go on: say which ones are",
        "                     meant",
        "  note: routes through lon-a are not",
        "        checked",
        "",
    ]


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_what_failed_comes_before_what_was_done(format_: Format) -> None:
    ends = {"t-1": "applied", "t-2": "skipped", "t-3": "unknown", "t-4": "failed"}
    changes = tuple(replace(OLD_SITE, name=name, outcome=Result(end)) for name, end in ends.items())
    changes += (replace(LON_A, name="t-5", outcome=Result.FAILED),)
    told = render(replace(PARTIAL, accounts=(account(changes=changes),)), format_)
    body = told[told.index("Tunnel |" if format_ == "markdown" else "Account" if format_ == "text" else "<section>") :]
    assert list(dict.fromkeys(re.findall(r"t-\d", body))) == ["t-4", "t-5", "t-3", "t-2", "t-1"]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            None,
            """\
  ~ 3 tunnels  cosmetic  changed
      ~ health_check.rate  declared high, live mid
      lon-a  tunnels/prod/london.yaml:4   changed live 2026-04-30 22:10:00 UTC, new
      lon-b  tunnels/prod/london.yaml:40  persisting, since 2026-05-01 03:17:00 UTC
      lon-c  tunnels/prod/london.yaml:4""",
        ),
        (
            50,
            """\
  ~ 3 tunnels  cosmetic  changed
      ~ health_check.rate  declared high, live mid
      lon-a  tunnels/prod/london.yaml:4
          changed live 2026-04-30 22:10:00 UTC,
          new
      lon-b  tunnels/prod/london.yaml:40
          persisting, since 2026-05-01 03:17:00
          UTC
      lon-c  tunnels/prod/london.yaml:4""",
        ),
    ],
)
def test_equal_drift_is_told_once_and_the_history_of_each_tunnel_beside_its_name(width: int | None, lines: str) -> None:
    one = replace(LON_A, drift_class="changed", severity="cosmetic", cause=None, modified_on=None)
    changes = (
        replace(one, modified_on="2026-04-30T22:10:00Z", age="new"),
        replace(
            one,
            name="lon-b",
            source=Source("tunnels/prod/london.yaml", 40),
            age="persisting",
            first_seen="2026-05-01T03:17:00Z",
        ),
        replace(one, name="lon-c"),
    )
    shown = render(replace(DRIFT, accounts=(account(changes=changes),)), "text", width=width)
    assert shown.split("\n\n")[-1].rstrip() == lines


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("name", SAMPLES)
def test_only_a_command_to_copy_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = render(SAMPLES[name], "text", width=width).splitlines()
    wide = [line for line in lines if columns(line) > width and " " in line.strip()]
    assert [line for line in wide if not line.startswith("    reconciler drift ")] == []


def test_a_drift_that_failed_says_so_behind_its_reasons() -> None:
    failed = account(outcome="error", error=Problem("unreachable", "the API can't be reached"))
    shown = render(replace(DRIFT, outcome="error", accounts=(failed,)), "text")
    assert shown.splitlines() == [
        "Account prod",
        "",
        "  error: the API can't be reached [unreachable]",
        "",
        "Drift failed: the API or the network failed, or the live list can't be trusted.",
    ]


NAMED = replace(PAR_A, fields=(*PAR_A.fields, FieldChange("name", None, "par-a")), psk=None)
RENAME = replace(LON_A, previous_name="lon-1", fields=(FieldChange("name", "lon-1", "lon-a"),))


@pytest.mark.parametrize(
    ("format_", "shown"),
    [("markdown", "5 fields"), ("html", '<td class="path">'), ("github", "5 fields, can interrupt traffic")],
)
def test_every_format_counts_the_fields_without_the_name_which_the_head_says(format_: Format, shown: str) -> None:
    told = render(replace(PLAN, accounts=(account(changes=(NAMED,)),)), format_)
    assert told.count(shown) == {"markdown": 2, "html": 5, "github": 1}[format_]
    assert "name:" not in told
    assert "<code>name</code>" not in told


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_a_rename_is_told_in_the_head_alone(format_: Format) -> None:
    told = render(replace(PLAN, accounts=(account(changes=(RENAME,)),)), format_)
    assert told.count("lon-1") == 1
    assert "No field is shown" not in told


def test_the_text_says_that_a_sensitive_field_changes() -> None:
    told = render(replace(PLAN, accounts=(account(changes=(LON_B,)),)), "text")
    assert "      ~ bgp.md5_key         (sensitive, changes)\n" in told


@pytest.mark.parametrize("format_", ["html", "github"])
def test_whoever_reads_the_verdict_alone_sees_that_the_plan_is_blocked(format_: Format) -> None:
    begin = {"html": "<h1>", "github": "::error title=Verdict::"}[format_]
    assert f"{begin}Plan: 0 to create, 0 to update, 2 to delete, blocked." in render(BLOCKED, format_)


def test_one_long_name_moves_no_other_row_far() -> None:
    keys = tuple(replace(PSK.accounts[0].keys[1], name=name) for name in ("n" * 250, "a"))
    shown = render(replace(PSK, accounts=(account(keys=keys),)), "text")
    assert f"\n  a{' ' * 47}  age unknown  no psk\n" in shown


@pytest.mark.parametrize(
    ("text", "begin", "lines"),
    [
        ("", None, []),
        ("a bb ccc", None, ["  a bb ccc"]),
        ("one two three four five", None, ["  one two three four", "  five"]),
        ("東京 東京 東京 東京 東京", None, ["  東京 東京 東京 東京", "  東京"]),
        ("a" * 30 + " b", None, ["  " + "a" * 30, "  b"]),
        ("one two three four", "file:1: ", ["file:1: one two three", "  four"]),
        ("one two three four", "a-long-file-name:1: ", ["a-long-file-name:1:", "  one two three four"]),
    ],
)
def test_text_is_parted_between_words_by_its_columns(text: str, begin: str | None, lines: list[str]) -> None:
    used = len(begin) if begin else None
    assert list(Paint(width=22).below(text, 2, begin=begin, used=used)) == lines


def test_quiet_keeps_the_notes_of_a_run_that_did_not_go_well() -> None:
    for outcome, told in (("ok", False), ("partial", True)):
        report = replace(PLAN, outcome=outcome, accounts=(account(outcome=outcome, notes=("Look here.",)),))
        assert ("note: Look here." in render(report, "text", quiet=True)) == told
        assert "note: Look here." in render(report, "text")
