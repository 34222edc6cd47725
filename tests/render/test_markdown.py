import json
import re
from dataclasses import replace
from functools import cache
from time import process_time

import pytest
from markdown_it import MarkdownIt

from reconciler.model.problems import Guard, Location, Problem, Reason, Source, error, warning
from reconciler.plan.diff import FieldChange
from reconciler.plan.scope import LeftAlone
from reconciler.render import render
from reconciler.report.values import Report, WaysOut
from tests.render.payloads import PAYLOADS
from tests.render.samples import (
    BLOCKED,
    DRIFT,
    INVALID,
    LON_A,
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
from tests.render.test_safe import parsed

MARKDOWN = MarkdownIt("gfm-like", {"html": True, "linkify": False})
WORST = "$\ud800`@|<\U000e0001" * 600


def marker(text: str) -> dict[str, object]:
    (found,) = re.findall(r"^<!-- reconciler (\{.*\}) -->\s*$", text, re.MULTILINE)
    assert text.startswith("<!-- reconciler {")
    document: dict[str, object] = json.loads(found)
    return document


def is_whole(text: str) -> bool:
    """Every fence and every fold that opens is closed, and every table row has as many cells as its head."""
    fences = [token for token in MARKDOWN.parse(text) if token.type == "fence"]
    closed = all(text.splitlines()[(t.map or [0, 1])[1] - 1] == t.markup for t in fences)
    outside = "\n".join(
        line
        for number, line in enumerate(text.splitlines())
        if not any(t.map and t.map[0] <= number < t.map[1] for t in fences)
    )
    folds = (
        outside.count("<details"),
        outside.count("</details>"),
        outside.count("<summary>"),
        outside.count("</summary>"),
    )
    return closed and len(set(folds)) == 1


def many(number: int, description: int) -> Report:
    changes = tuple(
        replace(
            LON_A,
            name=f"site-{i:05}",
            impact="traffic" if i % 3 == 0 else "none",
            fields=(FieldChange("description", f"{i}" + "a" * description, "b" * description),),
        )
        for i in range(number)
    )
    return replace(PLAN, summary=counted(0, number), accounts=(account(changes=changes, total=number),))


@pytest.mark.parametrize(
    ("report", "title"),
    [
        (PLAN, "## 🔴 Tunnel plan: 1 to create, 2 to update, 1 to delete"),
        (many(2, 3), "## 🟡 Tunnel plan: 0 to create, 2 to update, 0 to delete"),
        (NO_CHANGES, "## ✅ Tunnel plan: no changes. Live tunnels match the files"),
        (BLOCKED, "## 🔴 Tunnel plan: 0 to create, 0 to update, 2 to delete, blocked"),
        (PARTIAL, "## ❌ Tunnel apply incomplete: 0 created, 1 updated, 0 deleted, 1 failed, 1 skipped, 1 unknown"),
        (
            DRIFT,
            (
                "## 🟡 Tunnel drift: 3 of 413 tunnels drifted (99.0 % in sync), 2 unmanaged, 1 missing, 0 not checked, "
                "1 waiting for apply"
            ),
        ),
        (
            replace(PLAN, outcome="rejected"),
            "## ❌ Tunnel plan: 1 to create, 2 to update, 1 to delete, refused by Cloudflare",
        ),
        (replace(NO_CHANGES, command="apply"), "## ✅ Tunnel apply: no changes. Live tunnels match the files"),
        (INVALID, "## ❌ Tunnel plan: invalid, 2 errors, 1 warning"),
        (PSK, "## ❌ Pre-shared keys: 3 keys, 1 applied, 1 failed, 1 overdue, 1 of unknown age"),
        (replace(PLAN, command="show"), "## 🔴 Tunnel saved plan: 1 to create, 2 to update, 1 to delete"),
        (replace(PLAN, outcome="error"), "## ❌ Tunnel plan failed: nothing was written, for the reasons above"),
    ],
)
def test_the_title_is_the_headline_with_its_counts(report: Report, title: str) -> None:
    assert render(report, "markdown").splitlines()[1] == title


def test_the_marker_tells_ci_what_it_needs() -> None:
    found = marker(render(PLAN, "markdown"))
    assert found == {
        "tool": "reconciler",
        "version": found["version"],
        "command": "plan",
        "accounts": found["accounts"],
        "commit": "4f2a9c1d",
        "digest": PLAN.accounts[0].digest,
        "truncated": False,
    }
    assert PLAN.accounts[0].account_id not in render(PLAN, "markdown")


def test_no_changes_has_no_fold_and_no_box() -> None:
    shown = render(NO_CHANGES, "markdown")
    assert len(shown.strip().splitlines()) == 4
    assert "<details" not in shown


def test_the_caution_box_names_deletes_traffic_and_guards() -> None:
    assert (
        "> [!CAUTION]\n> - **Deletes 1 tunnel**: `old-site`\n> - **Can interrupt 1 tunnel**: `london-old` → `lon-b`"
        in render(PLAN, "markdown")
    )
    assert "> - **Blocked**: 2 of 3 tunnels" in render(BLOCKED, "markdown")


def test_equal_changes_share_a_row_and_a_fold_with_all_names() -> None:
    alike = [replace(LON_A, name=f"site-{i}") for i in range(4)]
    shown = render(replace(PLAN, accounts=(account(changes=(*alike, OLD_SITE), total=9),)), "markdown")
    rows = [line for line in shown.splitlines() if line.startswith(("| 🟡", "| 🔴"))]
    assert [row.split("|")[2].strip() for row in rows] == ["`old-site`", "`site-0`, `site-1`, `site-2`, and 1 more"]
    assert shown.count("<details") == 2
    assert "All of them: `site-0`, `site-1`, `site-2`, `site-3`" in shown


def test_of_a_long_plan_each_kind_has_one_row_and_one_fold() -> None:
    def field(number: int) -> tuple[FieldChange, ...]:
        return (FieldChange("description", f"{number}", "b"),)

    changes = [replace(LON_A, name=f"site-{n}", fields=field(n)) for n in range(10)]
    changes += [replace(PAR_A, name=f"new-{n}") for n in range(10)]
    changes += [replace(OLD_SITE, name=f"old-{n}") for n in range(10)]
    shown = render(replace(PLAN, accounts=(account(changes=tuple(changes)),)), "markdown")
    rows = [line for line in shown.splitlines() if line.startswith(("| 🟡", "| 🟢", "| 🔴"))]
    assert rows == [
        "| 🔴 delete | `old-0`, `old-1`, `old-2`, and 7 more | ⚠️ traffic |  |  |",
        "| 🟢 create | `new-0`, `new-1`, `new-2`, and 7 more | ⚠️ traffic |  |  |",
        "| 🟡 update | `site-0`, `site-1`, `site-2`, and 7 more | none | description |  |",
    ]
    assert re.findall("<summary>(.*)</summary>", shown) == [
        "- <b>10 deletes</b> (traffic)",
        "+ <b>10 creates</b> (traffic)",
        "~ <b>10 updates</b>: description",
    ]
    assert "```diff\n@@ old-0 @@\n- customer_endpoint: 198.51.100.99\n" in shown
    assert "```diff\n! site-0: 0 -> b\n! site-1: 1 -> b\n" in shown


def test_what_went_wrong_with_many_is_told_once_with_their_names() -> None:
    changes = tuple(
        replace(LON_A, name=f"site-{n}", outcome="skipped", error=Problem("not-reached", "an earlier change failed"))
        for n in range(30)
    )
    shown = render(replace(PARTIAL, accounts=(account(changes=changes),)), "markdown")
    assert "~ <b>30 updates</b>: health_check.rate (skipped)" in shown
    assert "- `site-0`, `site-1`, `site-2`, and 27 more: an earlier change failed (`not-reached`).\n" in shown


def test_the_same_slip_in_many_places_is_told_once_with_its_places() -> None:
    slips = [warning("no-psk", f"the tunnel {n} has no key", "Add one.", Location("a.yaml", n)) for n in range(1, 15)]
    found = (*slips, *(error("syntax", "broken", "Mend it.", Location("b.yaml", line)) for line in (3, 4)))
    # What an error says is never left out, nor how many warnings are not listed.
    found += (error("syntax", "torn", "Mend it.", Location("b.yaml", 5)),)
    found += tuple(warning("more-problems", f"{n} more", "Look again.", Location("b.yaml", n)) for n in (6, 7))
    lines = render(replace(INVALID, diagnostics=found, context={}), "markdown").splitlines()
    places = ", ".join(f"`a.yaml:{n}`" for n in range(2, 12))
    assert [line for line in lines if line.startswith("- ")] == [
        "- ❌ `b.yaml:3`: broken. Mend it. (`syntax`) Likewise at `b.yaml:4`.",
        "- ❌ `b.yaml:5`: torn. Mend it. (`syntax`)",
        f"- ⚠️ `a.yaml:1`: the tunnel 1 has no key. Add one. (`no-psk`) Likewise at {places}, and 3 more.",
        "- ⚠️ `b.yaml:6`: 6 more. Look again. (`more-problems`)",
        "- ⚠️ `b.yaml:7`: 7 more. Look again. (`more-problems`)",
    ]


@pytest.mark.parametrize(
    ("format_", "remedy"),
    [
        ("markdown", "To go on: add `removed: [a]` or `b`; &lt;b&gt; \\` @&#8203;all"),
        ("html", "To go on: add <code>removed: [a]</code> or <code>b</code>; &lt;b&gt; ` @all"),
    ],
)
def test_what_our_messages_put_between_back_ticks_is_code(format_: str, remedy: str) -> None:
    guard = Guard("max-deletes", "too many", (), "add `removed: [a]` or `b`; <b> ` @all")
    assert remedy in render(replace(PLAN, accounts=(account(guards=(guard,)),)), format_)


def test_a_rate_change_needs_no_caution() -> None:
    assert "CAUTION" not in render(replace(PLAN, accounts=(account(changes=(LON_A,)),)), "markdown")


def test_what_was_already_different_stands_apart() -> None:
    changes = (replace(LON_A, cause="drift", name="theirs"), replace(LON_A, cause="git", name="ours"))
    shown = render(replace(PLAN, accounts=(account(changes=changes),)), "markdown")
    places = [shown.index(text) for text in ("From this pull request", "`ours`", "Already different", "`theirs`")]
    assert places == sorted(places)


def test_a_plan_of_no_pull_request_speaks_of_apply_instead_of_merge() -> None:
    changes = (replace(LON_A, cause="git"),)
    ours, own = (
        render(replace(PLAN, accounts=(account(changes=changes),), context=context), "markdown")
        for context in ({"pull_request": "5"}, {})
    )
    assert "From this pull request" in ours
    assert "**On merge:** apply plans again, and where" in ours
    assert "**Next:** merge, and" in ours
    assert "### From git\n" in own
    assert "**On apply:** apply plans again. Updates" in own
    assert "**Next:** `reconciler apply`" in own


def test_of_several_accounts_each_line_names_its_own() -> None:
    left = (LeftAlone("*", "the live list could not be read"),)
    frozen = account("frozen", paused="freeze", notes=("look",), not_checked=left)
    report = replace(BLOCKED, accounts=(frozen, *BLOCKED.accounts))
    shown = render(report, "markdown")
    assert "Accounts `frozen`, `prod`" in shown
    assert "> - **Paused** in `frozen`: freeze. Apply is refused until its lines go.\n" in shown
    assert "> - **Blocked** in `prod`: 2 of 3" in shown
    assert "- **Note** in `frozen`: look\n" in shown
    assert "Unchanged: 1. Left alone: 1 not checked." in shown
    unread = replace(report, accounts=tuple(replace(one, total=None) for one in report.accounts))
    assert "\nLeft alone: 1 not checked." in render(unread, "markdown")
    assert "- not checked in `frozen`: all tunnels: the live" in render(replace(report, command="drift"), "markdown")


def test_a_pause_is_no_danger_in_a_drift_report() -> None:
    assert "CAUTION" not in render(replace(DRIFT, accounts=(account(paused="freeze"),)), "markdown")


def test_sensitive_values_only_change() -> None:
    assert "! bgp.md5_key: (sensitive, changes)" in render(PLAN, "markdown")


@pytest.mark.parametrize(
    ("checks", "line"),
    [
        (("accepted", "accepted"), "Cloudflare accepted all 2 changes (`validate_only`)."),
        (("accepted", "refused", "not checked"), "1 accepted, 1 refused, 1 not checked."),
    ],
)
def test_the_servers_own_check_is_told(checks: tuple[str, ...], line: str) -> None:
    changes = tuple(replace(LON_A, check=check) for check in checks)
    assert line in render(replace(PLAN, accounts=(account(changes=changes),)), "markdown")


@pytest.mark.parametrize(("number", "description"), [(600, 400), (10_000, 10), (130, 60_000)])
def test_large_plans_fit_say_what_was_dropped_and_stay_whole(number: int, description: int) -> None:
    shown = render(many(number, description), "markdown")
    assert len(shown.encode()) <= 60_000
    assert is_whole(shown)
    assert f"0 to create, {number:,} to update, 0 to delete" in shown
    assert marker(shown)["truncated"] is True
    assert re.search(f"_Shown: [0-9,]+ of {number:,} details. The run's text and JSON report hold all of it._", shown)
    assert shown.count("<details>") == 2
    assert "> [!CAUTION]" in shown


def test_time_follows_what_is_shown() -> None:
    small, large = many(600, 400), many(20_000, 400)
    started = process_time()
    render(small, "markdown")
    middle = process_time()
    render(large, "markdown")
    assert process_time() - middle < 60 * (middle - started) + 0.5


def all_said(text: str, reasons: int = 1) -> Problem:
    """A problem with the same text wherever it can hold any."""
    reason = Reason(text, text, text, text, Source(text, 1))
    return Problem(text, text, text, text, text, text, Source(text, 1), (reason,) * reasons)


def worst() -> Report:
    """Everything as long and as hard to escape as it can be."""
    loud = replace(PARTIAL.accounts[0].changes[1], name=WORST, previous_name=WORST, error=all_said(WORST, 30))
    change = replace(loud, error=Problem(WORST, WORST, WORST))
    guards = (Guard(WORST, WORST, (WORST,), WORST),) * 50
    left = (LeftAlone(WORST, WORST),) * 100
    one = account(
        changes=(loud, *(change, replace(OLD_SITE, name=WORST)) * 10) * 30,
        guards=guards,
        notes=(WORST,) * 50,
        not_checked=left,
        paused=WORST,
        error=all_said(WORST, 30),
        ways_out=WaysOut(revert=WORST, accept=WORST),
    )
    problem = error(WORST, WORST, WORST, Location(WORST, 1, 1))
    return replace(DRIFT, accounts=(replace(one, account=WORST),) * 20, diagnostics=(problem,) * 100)


@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
def test_the_worst_report_fits_too(command: str) -> None:
    shown = render(replace(worst(), command=command), "markdown")
    assert len(shown.encode()) <= 65_536
    assert is_whole(shown)
    marker(shown)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_whole(name: str) -> None:
    assert is_whole(render(SAMPLES[name], "markdown"))


def hostile(payload: str, command: str) -> Report:
    change = replace(
        PARTIAL.accounts[0].changes[1],
        name=payload,
        previous_name=payload,
        fields=(FieldChange("description", payload, payload), FieldChange(payload, (payload,), {payload: payload})),
        error=all_said(payload),
        drift_class="changed",
        severity="traffic",
        modified_on=payload,
        first_seen=payload,
        age="persisting",
    )
    one = account(
        name=payload,
        changes=(change, replace(change, source=replace(LON_A.source, file=payload))),  # type: ignore[type-var]
        guards=(Guard(payload, payload, (payload,), payload),),
        unmanaged=(LeftAlone(payload, payload, payload, (payload,), payload),),
        notes=(payload,),
        paused=payload,
        ways_out=WaysOut(revert=payload, accept=payload),
    )
    problem = error(payload, payload, payload, Location(payload, 3, 4))
    context = {"commit": payload, "base": payload}
    return replace(DRIFT, command=command, accounts=(one, one), diagnostics=(problem,), context=context)


@cache
def shape(text: str, command: str) -> list[str]:
    """The tags that come of it, but for `code`: in our own messages it stands for back-ticks."""
    page = parsed(MARKDOWN.render(render(hostile(text, command), "markdown")))
    return [tag.split()[0] for tag in page.found if not tag.startswith((" reconciler", "code "))]


@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_no_payload_changes_the_shape_of_the_comment(payload: str, command: str) -> None:
    assert shape(payload, command) == shape("ordinary text", command)
    marker(render(hostile(payload, command), "markdown"))


@pytest.mark.parametrize(
    ("url", "links"),
    [
        ("https://developers.cloudflare.com/magic-wan/x_y/#1022", 1),
        ("https://cloudflare.com", 1),
        ("https://cloudflare.com.evil.example/", 0),
        ("https://evilcloudflare.com/", 0),
        ("https://developers.cloudflare.com/a)<b>", 0),
        ("https://developers.cloudflare.com/a b", 0),
        ("https://u@developers.cloudflare.com/", 0),
        ("http://developers.cloudflare.com/", 0),
        ("javascript:alert(1)//cloudflare.com", 0),
    ],
)
@pytest.mark.parametrize("format_", ["markdown", "html"])
def test_only_documentation_of_cloudflare_becomes_a_link(url: str, links: int, format_: str) -> None:
    change = replace(LON_A, outcome="failed", error=Problem("1", "no", documentation_url=url))
    shown = render(replace(PARTIAL, accounts=(account(changes=(change,)),), context={}), format_)
    assert (shown.count(f"]({url})") if format_ == "markdown" else shown.count(f'href="{url}"')) == links


@pytest.mark.parametrize(
    ("url", "links"),
    [
        ("https://github.example/acme/tunnels/blob/main", 1),
        ("https://github.example/acme/a b", 0),
        ("https://github.example/a)<b>", 0),
        ("javascript:alert(1)", 0),
        ("http://github.example/", 0),
    ],
)
def test_only_plain_https_becomes_a_link(url: str, links: int) -> None:
    report = replace(PLAN, accounts=(account(changes=(LON_A,)),), context={"source_url": url})
    assert len(re.findall(r"\[tunnels/prod/london.yaml:4\]\(https:", render(report, "markdown"))) == links


def test_every_delete_is_named_as_far_as_a_comment_can_hold_them() -> None:
    def named(count: int) -> str:
        deletes = tuple(replace(OLD_SITE, name=f"old-site-{n}", fields=()) for n in range(count))
        shown = render(replace(PLAN, accounts=(account(changes=deletes),)), "markdown")
        (line,) = [line for line in shown.splitlines() if "**Deletes" in line]
        return line

    assert named(300) == "> - **Deletes 300 tunnels**: " + ", ".join(f"`old-site-{n}`" for n in range(300))
    assert named(5000).endswith("`old-site-630`, and 4,369 more")


def test_a_comment_says_where_the_key_of_a_new_tunnel_comes_from() -> None:
    create = replace(PAR_A, psk="none")
    shown = render(replace(PLAN, accounts=(account(changes=(create,)),)), "markdown")
    assert "\n+ psk: none: the tunnel won't come up without one\n" in shown


@pytest.mark.parametrize("format_", ["markdown", "html"])
def test_a_saved_plan_names_its_deletes_too(format_: str) -> None:
    shown = render(replace(PLAN, command="show"), format_)
    assert re.search("Deletes 1 tunnel.*old-site", shown)


def test_no_kind_takes_all_the_room() -> None:
    def field(value: str) -> tuple[FieldChange, ...]:
        return (FieldChange("bgp.customer_asn", 1, 2), FieldChange("description", value * 500, None))

    changes = [replace(LON_A, name=f"first-{n}", impact="traffic", fields=field(f"{n}")) for n in range(200)]
    changes += [replace(LON_A, name=f"second-{n}", fields=field(f"{n}")) for n in range(200)]
    shown = render(replace(PLAN, accounts=(account(changes=tuple(changes)),)), "markdown")
    assert "@@ second-0 @@" in shown
    assert len(re.findall("^  and [0-9]+ more$", shown, re.MULTILINE)) == 2


@pytest.mark.parametrize("sandbox", [True, False])
def test_the_next_step_of_a_sandbox_stays_in_it(sandbox: bool) -> None:  # noqa: FBT001 - a case
    step = "**Next:** `reconciler apply --sandbox`" if sandbox else "**Next:** `reconciler apply`"
    assert step in render(replace(PLAN, sandbox=sandbox, context={}), "markdown").splitlines()
