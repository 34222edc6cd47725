"""What the formats say of BGP sessions: only where it has something to say."""

from dataclasses import replace

import pytest

from reconciler.render import render, words
from reconciler.render.groups import groups
from reconciler.render.headline import headline, tone
from reconciler.report.values import Down
from tests.render.samples import DRIFT, LON_A, LON_B, OLD_SITE, PLAN, account

SINCE = "2026-05-04T08:00:00.123456Z"
UP = {"health": "up", "health_since": SINCE}
DOWN = {"health": "down", "health_since": SINCE}


@pytest.mark.parametrize(
    ("change", "fields", "expected"),
    [
        (LON_B, {}, ("", "", "")),  # it has no BGP
        (LON_B, UP, ("BGP up", "", "")),
        (LON_B, DOWN, ("BGP down", "BGP down since 2026-05-04 08:00:00 UTC", " (BGP down)")),
        (LON_B, {"health": "down"}, ("BGP down", "", " (BGP down)")),
        (LON_B, {"health": "unknown"}, ("BGP not known", "", "")),
        (LON_B, {**UP, "outcome": "applied"}, ("BGP was up", "", "")),
        (LON_B, {"health": "unknown", "outcome": "failed"}, ("BGP was not known", "", "")),
        (LON_A, UP, ("", "", "")),  # it interrupts nothing
        (LON_A, {"health": "unknown"}, ("", "", "")),
        (LON_A, DOWN, ("BGP down", "BGP down since 2026-05-04 08:00:00 UTC", " (BGP down)")),
        (OLD_SITE, UP, ("BGP up", "", " (BGP up)")),
        (OLD_SITE, {"health": "unknown"}, ("BGP not known", "", " (BGP not known)")),
    ],
)
def test_a_state_is_told_where_it_matters(change, fields, expected):
    found = replace(change, **fields)
    assert (words.health(found), words.down_since(found), words.marked(found)) == expected


PLANNED = replace(
    PLAN, accounts=(account(changes=(replace(LON_A, **DOWN), replace(LON_B, **UP), replace(OLD_SITE, **UP))),)
)


def lines(text: str, *about: str) -> list[str]:
    return [line for line in text.splitlines() if any(word in line for word in about)]


def test_a_plan_as_text_says_it_beside_the_impact():
    assert lines(render(PLANNED, "text"), "BGP") == [
        "  - old-site             traffic   BGP up",
        "  ~ london-old -> lon-b  traffic   BGP up    tunnels/prod/london.yaml:12",
        "  ~ lon-a                          BGP down  tunnels/prod/london.yaml:4",
        "      BGP down since 2026-05-04 08:00:00 UTC",
    ]


def test_a_plan_as_markdown_says_it_in_the_box_the_table_and_the_folds():
    file, down = "tunnels/prod/london.yaml", "BGP down since 2026-05-04 08:00:00 UTC"
    fields = "bgp.extra\\_prefixes, bgp.md5\\_key, description, interface\\_address"
    link = f"https://github.com/acme/tunnels/blob/4f2a9c1d/{file}"
    assert lines(render(PLANNED, "markdown"), "BGP") == [
        "> - **Deletes 1 tunnel**: `old-site` (BGP up)",
        "| 🔴 delete | `old-site` | ⚠️ traffic, BGP up | 2 fields |  |",
        f"| 🟡 update | `london-old` → `lon-b` | ⚠️ traffic, BGP up | {fields} | [{file}:12]({link}#L12) |",
        f"| 🟡 update | `lon-a` | none, {down} | health\\_check.rate: mid -&gt; high | [{file}:4]({link}#L4) |",
        "<details><summary>- <code>old-site</code> (2 fields, traffic, BGP up)</summary>",
        "<details><summary>~ <code>london-old → lon-b</code> (4 fields, traffic, BGP up)</summary>",
        "<details><summary>~ <code>lon-a</code> (1 field, BGP down)</summary>",
    ]


def test_a_plan_as_annotations_and_as_a_page_says_it():
    told = [line.split("::", 2)[2] for line in lines(render(PLANNED, "github"), "BGP")]
    assert told == [
        "old-site (BGP up)",
        "bgp.extra_prefixes, bgp.md5_key, description, interface_address, can interrupt traffic, BGP up",
        "health_check.rate: mid -> high, BGP down since 2026-05-04 08:00:00 UTC",
    ]
    page = render(PLANNED, "html")
    assert lines(page.partition("<body>")[2], "BGP down") == [
        '<span class="tag warning">BGP down</span>',
        '<p class="dim">BGP down since 2026-05-04 08:00:00 UTC</p>',
    ]
    assert page.count('<span class="tag applied">BGP up</span>') == 2
    assert "<code>old-site (BGP up)</code>" in page


def test_tunnels_that_are_up_and_those_that_are_down_are_told_apart():
    states = ["up", "down", None, "down", "up", "down", "unknown", "unknown", "unknown"]
    changes = [replace(LON_A, name=f"t{n}", impact="traffic", health=state) for n, state in enumerate(states)]
    found = {group.health: [one.name for one in group.changes] for group in groups([account(changes=tuple(changes))])}
    assert found == {"": ["t0", "t2", "t4"], "BGP down": ["t1", "t3", "t5"], "BGP not known": ["t6", "t7", "t8"]}
    every_one_up = tuple(change for change in changes if change.health == "up") * 2
    assert [group.health for group in groups([account(changes=every_one_up)])] == ["BGP up"]


def test_tunnels_told_together_share_their_state_and_cause_and_no_time():
    changes = [replace(LON_A, name=f"t{n}", cause="drift", **DOWN) for n in range(3)]
    assert render(replace(PLAN, accounts=(account(changes=tuple(changes)),)), "text").splitlines()[2:6] == [
        "  ~ 3 tunnels            BGP down",
        "      already different on Cloudflare",
        "      ~ health_check.rate  mid -> high",
        "      t0, t1, t2",
    ]


QUIET = replace(
    DRIFT,
    outcome="ok",
    accounts=(
        account(
            unchanged=12,
            down=(Down(name="lon-c", id="1", since=SINCE), Down(name="par <b>", id="2", since=None)),
        ),
    ),
)


def test_tunnels_in_sync_and_down_stand_in_the_title_and_by_name():
    assert headline(QUIET) == (
        "No drift: 12 tunnels in sync, 2 unmanaged, 0 missing, 0 not checked, 2 in sync and down."
    )
    assert (tone(QUIET), tone(replace(QUIET, accounts=(account(unchanged=12),)))) == ("changes", "good")
    told = "lon-c since 2026-05-04 08:00:00 UTC, par <b>"
    inert = told.replace("<", "&lt;").replace(">", "&gt;")
    assert lines(render(QUIET, "text"), "lon-c") == [f"  down: {told}"]
    assert lines(render(QUIET, "markdown"), "lon-c") == [f"- **In sync and down**: {inert}"]
    assert lines(render(QUIET, "html"), "lon-c") == [f'<div class="box warn"><b>In sync and down</b>{inert}</div>']


@pytest.mark.parametrize(
    ("format_", "live"), [("text", "\x1b"), ("markdown", "<b>"), ("html", "<b>"), ("github", "\x1b")]
)
def test_a_time_and_a_name_of_the_api_are_inert(format_, live):
    def drawn(text: str) -> str:
        change = replace(LON_B, health="down", health_since=text)
        of_account = account(changes=(change,), down=(Down(name=text, id="1", since=text),))
        return render(replace(PLAN, accounts=(of_account,)), format_)

    shown, usual = drawn("x\n::error::<b>\x1b[0m"), drawn("x")
    assert (shown.count("\n"), shown.count(live)) == (usual.count("\n"), usual.count(live))


def test_the_end_of_a_long_plan_names_deletes_with_their_state():
    changes = [replace(OLD_SITE, name=f"t{n:02}", **(UP if n == 3 else {})) for n in range(21)]
    told = render(replace(PLAN, accounts=(account(changes=tuple(changes)),)), "text")
    assert lines(told, "t02, t03")[0].startswith("  t00, t01, t02, t03 (BGP up), t04, ")
