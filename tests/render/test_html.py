import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

import reconciler
from reconciler.model.problems import Location, Problem, warning
from reconciler.model.psk import KeyStatus
from reconciler.plan.diff import FieldChange
from reconciler.render import render
from reconciler.render.html import KINDS
from reconciler.report.values import ChangeReport, Report
from tests.render.payloads import PAYLOADS
from tests.render.samples import (
    DRIFT,
    INVALID,
    LON_A,
    OLD_SITE,
    PAR_A,
    PARTIAL,
    PLAN,
    SAMPLES,
    account,
    counted,
)
from tests.render.test_markdown import hostile
from tests.render.test_safe import parsed, seen

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=2000",
)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_loads_nothing_and_runs_nothing(name: str) -> None:
    page = render(SAMPLES[name], "html")
    tags = {tag.split()[0] for tag in parsed(page).found}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|\bon\w+=", page)


def test_the_policy_allows_the_page_s_own_style_alone() -> None:
    page = render(PLAN, "html")
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style == (Path(reconciler.__file__).parent / "render" / "page.css").read_text()
    allowed = f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"
    assert f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'" in page


def test_of_a_changed_list_each_side_shows_the_items_that_it_alone_has() -> None:
    many = [f"10.{i}.0.0/16" for i in range(200)]
    new = ("10.200.0.0/16",)
    field = FieldChange("bgp.extra_prefixes", many, [*many[1:], *new], added=new, removed=("10.0.0.0/16",))
    page = render(replace(PLAN, accounts=(account(changes=(replace(LON_A, fields=(field,)),)),)), "html")
    assert '<td class="before" data-is="Before"><code>- 10.0.0.0/16</code><br></td>' in page
    unchanged = '<code>+ 10.200.0.0/16</code><br><span class="dim">199 unchanged</span>'
    assert f'<td class="after" data-is="After">{unchanged}</td>' in page
    assert "10.1.0.0/16" not in page


@cache
def shape(text: str, command: str) -> list[str]:
    """The tags, but for those that stand in our own messages for back-ticks, and around a name with a hyphen."""
    found = parsed(render(hostile(text, command), "html")).found
    return [tag.split()[0] for tag in found if not tag.startswith("code") and tag != "span [('class', 'word')]"]


@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_no_payload_changes_the_shape_of_the_page(payload: str, command: str) -> None:
    assert shape(payload, command) == shape("ordinary text", command)


@pytest.mark.parametrize("command", ["plan", "drift"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_nothing_on_the_page_is_invisible(payload: str, command: str) -> None:
    for line in parsed(render(hostile(payload, command), "html")).text.split("\n"):
        seen(line)


def test_only_the_page_needs_the_templates_library() -> None:
    code = """if True:
        import sys
        from reconciler.render import FORMATS, render
        from tests.render.samples import PLAN
        for format_ in sorted(FORMATS, key="html".__eq__):
            print(format_, "jinja2" in sys.modules)
            render(PLAN, format_)
    """
    run = [sys.executable, "-c", code]
    printed = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603
    assert printed.split() == [
        "text",
        "False",
        "json",
        "False",
        "markdown",
        "False",
        "github",
        "False",
        "html",
        "False",
    ]


def test_large_plans_are_capped_and_say_so() -> None:
    changes = tuple(replace(LON_A, name=f"site-{i}") for i in range(10_000))
    page = render(replace(PLAN, summary=counted(0, 10_000), accounts=(account(changes=changes),)), "html")
    assert len(page) < 2_000_000
    assert "8,000 more changes are not shown here" in page
    assert "<h1>Plan: 0 to create, 10,000 to update, 0 to delete.</h1>" in page
    assert '<details class="update" open>' not in page


@pytest.mark.parametrize(
    ("report", "change", "titles"),
    [
        (PLAN, PAR_A, ["After"]),
        (PLAN, OLD_SITE, ["Before"]),
        (PLAN, LON_A, ["Before", "After"]),
        (DRIFT, replace(PAR_A, drift_class="missing"), ["Declared"]),
        (DRIFT, replace(OLD_SITE, drift_class="unmanaged"), ["Live"]),
    ],
)
def test_only_sides_with_values_have_a_column(report: Report, change: ChangeReport, titles: list[str]) -> None:
    page = render(replace(report, accounts=(account(changes=(change,)),)), "html")
    assert re.findall("<th>(.*?)</th>", page) == ["Field", *titles]


def test_the_counts_of_an_apply_are_those_of_what_was_done() -> None:
    tiles = re.findall(r"<b>(\d+)</b>([a-z ]+)</li>", render(PARTIAL, "html"))
    assert tiles[:6] == [
        ("0", "created"),
        ("1", "updated"),
        ("0", "deleted"),
        ("1", "failed"),
        ("1", "skipped"),
        ("1", "unknown"),
    ]


def all_payloads() -> Report:
    reports = [hostile(payload, "drift") for payload in PAYLOADS]
    return replace(
        DRIFT,
        accounts=tuple(one for report in reports for one in report.accounts),
        diagnostics=tuple(one for report in reports for one in report.diagnostics),
    )


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[str], str]:
    """Opens a page in headless Chromium and gives the document that comes of it."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("NOT CHECKED: no chromium on this machine, so the page was not opened in a browser")

    def dump(text: str) -> str:
        page = tmp_path / "page.html"
        page.write_text(text, encoding="utf-8")
        command = [chromium, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, check=True, timeout=120)  # noqa: S603 - our own arguments
        return done.stdout.decode()

    return dump


def test_a_real_browser_runs_nothing_of_any_payload(opened: Callable[[str], str]) -> None:
    page = render(all_payloads(), "html")
    document = opened(page)
    assert parsed(document).found[1:] == parsed(page).found[1:]
    assert re.findall(r"<title>(.*)</title>", document) == re.findall(r"<title>(.*)</title>", page)


def test_the_browser_would_have_run_a_script(opened: Callable[[str], str]) -> None:
    assert "<title>pwned</title>" in opened("<title>a</title><script>document.title='pwned'</script>")


def test_every_delete_is_named() -> None:
    deletes = tuple(replace(OLD_SITE, name=f"old-site-{n}", fields=()) for n in range(300))
    page = render(replace(PLAN, accounts=(account(changes=deletes),)), "html")
    (box,) = re.findall(r"Deletes 300 tunnels: (.*?)</div>", page)
    assert parsed(box).text == ", ".join(f"old-site-{n}" for n in range(300))


def test_a_long_plan_has_one_fold_for_each_kind_and_shows_each_kind_alone() -> None:
    rates = [FieldChange("health_check.rate", before, "high") for before in ("low", "mid")]
    changes = [replace(LON_A, name=f"equal-{n}", fields=(rates[0],)) for n in range(10)]
    changes += [replace(LON_A, name=f"own-{n}", impact="traffic", fields=(rates[n % 2],)) for n in range(2, 10)]
    changes += [replace(OLD_SITE, name=f"old-{n}") for n in range(10)]
    page = render(replace(PLAN, accounts=(account(changes=tuple(changes)),)), "html")
    folds = re.findall(r'data-kinds="(.*?)">\n<summary>(.*?)</summary>', page, re.DOTALL)
    told = [(kinds, " ".join(parsed(summary).text.split())) for kinds, summary in folds]
    assert told == [
        ("delete traffic", "delete 10 tunnels traffic"),
        ("update traffic", "update 4 tunnels health_check.rate low → high traffic"),
        ("update traffic", "update 4 tunnels health_check.rate mid → high traffic"),
        ("update", "update 10 tunnels health_check.rate low → high"),
    ]
    assert re.findall(r'id="show-(\w+)"( checked)?', page) == [
        ("all", " checked"),
        ("delete", ""),
        ("update", ""),
        ("traffic", ""),
    ]
    for number in range(10):
        assert f'<code class="name">old-{number}</code>' in page  # each in a fold of its own, inside that of its kind


def test_of_one_field_with_many_values_the_fold_has_a_row_for_each_tunnel() -> None:
    changes = tuple(replace(LON_A, name=f"s-{n}", fields=(FieldChange("description", f"{n}", None),)) for n in range(3))
    page = render(replace(PLAN, accounts=(account(changes=changes),)), "html")
    assert re.findall("<th>(.*?)</th>", page) == ["Tunnel", "Before", "After"]
    assert [" ".join(parsed(row).text.split()) for row in re.findall("<tr><td>(.*?)</tr>", page, re.DOTALL)] == [
        "s-00(unset)",
        "s-11(unset)",
        "s-22(unset)",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_style_sheet_can_show_each_kind_alone(kind: str) -> None:
    style = (Path(reconciler.__file__).parent / "render" / "page.css").read_text()
    assert f':root:has(#show-{kind}:checked) [data-kinds]:not([data-kinds~="{kind}"])' in style


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        (FieldChange("health_check.rate", "mid", "high"), "health_check.rate mid → high"),
        (FieldChange("description", None, "a" * 100), f"description (unset) → {'a' * 80}… (20 more characters)"),
        (FieldChange("bgp.md5_key", None, None, sensitive=True), "bgp.md5_key (sensitive, changes)"),
        (
            FieldChange("bgp.extra_prefixes", list("abcd"), list("efgh"), tuple("ef"), tuple("ab")),
            "bgp.extra_prefixes - a - b + e …",
        ),
    ],
)
def test_the_values_of_an_update_of_one_field_stand_in_its_row(field: FieldChange, shown: str) -> None:
    page = render(replace(PLAN, accounts=(account(changes=(replace(LON_A, fields=(field,)),)),)), "html")
    (values,) = re.findall(r'<span class="values">(.*?)</span>', page, re.DOTALL)
    assert " ".join(parsed(values).text.split()) == shown


def test_the_page_says_when_it_was_made_of_what_and_by_which_version() -> None:
    context = {"made_at": "2026-05-04T03:17:00Z", "commit": "4f2a9c1d", "base": "main"}
    page = render(replace(PLAN, context=context), "html")
    (facts, calls) = re.findall(r'<p class="dim">(.*?)</p>', page.partition("</header>")[0])
    assert parsed(facts).text == "2026-05-04 03:17:00 UTC · 14 live tunnels · commit 4f2a9c1d · base main"
    assert calls == "Apply makes: 2 lists, 1 bulk update, 1 create, 1 delete"
    assert f"<footer>Made by reconciler {reconciler.__version__}." in page


def test_the_same_slip_in_many_places_is_told_once_on_the_page_too() -> None:
    slips = tuple(warning("no-psk", f"tunnel {n} has no key", "Add one.", Location("a.yaml", n)) for n in range(1, 4))
    page = render(replace(INVALID, diagnostics=slips), "html")
    (item,) = re.findall("<li>(.*?)</li>", page, re.DOTALL)
    assert " ".join(parsed(item).text.split()) == (
        "warning a.yaml:1:1 tunnel 1 has no key. Add one. no-psk Likewise at a.yaml:2:1, a.yaml:3:1"
    )


def test_the_page_of_an_apply_names_what_failed() -> None:
    (box,) = re.findall(r"<b>Caution</b>(.*?)</div>", render(PARTIAL, "html"))
    assert box == (
        'Failed: <span class="name"><code>lon-b</code></span><br>Unknown: <span class="name"><code>par-a</code></span>'
    )


def test_a_name_in_a_message_is_not_parted_at_its_hyphen() -> None:
    page = render(replace(PLAN, accounts=(account(notes=("routes through lon-a and a.b-c are not checked",)),)), "html")
    assert 'through <span class="word">lon-a</span> and <span class="word">a.b-c</span> are' in page


def test_the_box_that_opens_all_is_there_only_where_changes_are_folded() -> None:
    def page(number: int) -> str:
        changes = tuple(replace(PAR_A, name=f"par-{n}") for n in range(number))
        return render(replace(PLAN, accounts=(account(changes=changes),)), "html")

    assert (
        'id="open-all"' in page(12),
        page(12).count('<details class="create" data-kinds="create traffic" open>'),
    ) == (
        False,
        12,
    )
    assert ('id="open-all"' in page(13), " open>" in page(13)) == (True, False)


@pytest.mark.parametrize(("report", "said"), [(PLAN, "No changes."), (DRIFT, "No drift.")])
def test_an_account_without_changes_says_so_in_its_card(report: Report, said: str) -> None:
    quiet, busy = account("quiet"), account("busy", changes=(PAR_A,))
    page = render(replace(report, accounts=(quiet, busy)), "html")
    assert page.count(f'<section><h2>quiet</h2>\n<p class="dim">{said}</p>\n</section>') == 1
    assert page.count(said) == 1


def test_drift_says_what_is_declared_then_what_is_live() -> None:
    rate = FieldChange("health_check.rate", "omega", "alpha")
    prefixes = FieldChange("bgp.extra_prefixes", ["b"], ["a"], added=("10.1.0.0/16",), removed=("10.2.0.0/16",))

    def page(*fields: FieldChange) -> str:
        change = replace(LON_A, fields=fields, drift_class="changed")
        return parsed(render(replace(DRIFT, accounts=(account(changes=(change,)),)), "html")).text

    assert "health_check.rate declared alpha, live omega" in page(rate)
    assert "10.1.0.0/16 declared only" in page(prefixes)
    assert "10.2.0.0/16 live only" in page(prefixes)
    columns = re.findall(r"Declared|Live|alpha|omega|10\.\d", page(prefixes, rate))
    assert columns == ["Declared", "Live", "10.1", "10.2", "alpha", "omega"]


@pytest.mark.parametrize(
    "text",
    [
        "lon-a",
        "a-rather-long-name-of-a-sink-file-0",
        "99.9 %",
        "--account",
    ],
)
def test_no_line_end_parts_a_name(text: str) -> None:
    key = KeyStatus(
        name="a",
        reference=f"file keys/{text}",
        age_days=None,
        overdue=False,
        rotate_after_days=None,
        source=None,
        outcome=None,
        error=Problem(f"code-of-{text[:3]}", f"about {text} and `{text}`"),
    )
    word = f'<span class="word">{text}</span>'
    page = render(replace(PLAN, accounts=(account(keys=(key,)),)), "html")
    assert f"<code>file keys/{word}</code>" in page
    assert f"about {word} and <code>{word}</code>" in page
