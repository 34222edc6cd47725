import os
import random
import subprocess

import pytest

from reconciler.files.edit import Edit, EditableFile
from reconciler.files.load import load
from reconciler.files.patch import Accepted, accept_patch
from reconciler.files.tree import read_tree
from reconciler.model.live import live_from_result
from reconciler.model.settings import nested
from reconciler.plan.build import build_plan
from reconciler.plan.scope import PlanOptions
from tests.build import NOW, TODAY

ACCOUNT = "account_id: 023e105f4ecef8ad9ca31a8372d0c353\nprune: true\n"


def loaded(root):
    found = load(read_tree(root / "tunnels"), TODAY)
    assert [d for d in found.diagnostics if d.severity == "error"] == []
    return found.desired[0]


def planned(root, live):
    return build_plan(loaded(root), live, PlanOptions(NOW))


def write(root, tunnels, account=ACCOUNT):
    folder = root / "tunnels" / "prod"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "account.yaml").write_text(account)
    for name, text in (tunnels if isinstance(tunnels, dict) else {"a.yaml": tunnels}).items():
        (folder / name).write_bytes(text.encode())


def accept(root, live):
    """Makes the patch, lets git apply it, and gives what was accepted and the plan afterwards."""
    plan = planned(root, live)
    done = accept_patch(read_tree(root / "tunnels"), plan.desired, plan.changes, TODAY, strip=f"{root}/")
    if done.patch:
        environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)}
        command = ["git", "apply", "--whitespace=nowarn", "-"]
        ran = subprocess.run(  # noqa: S603 - git, with a patch made here
            command, input=done.patch.encode(), cwd=root, env=environment, capture_output=True, check=False
        )
        assert ran.returncode == 0, ran.stderr.decode() + done.patch
    return done, planned(root, live)


def raw(**fields):
    base = {
        "id": f"{fields.get('name', 'a').encode().hex():0>32}"[-32:],
        "name": "a",
        "cloudflare_endpoint": "203.0.113.1",
        "interface_address": "10.0.0.0/31",
    }
    return base | fields


def live(*tunnels):
    return live_from_result({"ipsec_tunnels": [raw(**t) for t in tunnels]})


TEXTS = ("London", "a: b, {c}", "on", "010", "x # y", "São Paulo 🚇", "'q' \"r\"", " edge ", "- dash", "two\nlines")
PATHS = {
    "customer_endpoint": ("198.51.100.7", "2001:db8::7", ""),
    "description": (*TEXTS, ""),
    "replay_protection": (True, False),
    "automatic_return_routing": (True, False),
    "custom_remote_identities.fqdn_id": ("{name}.x.custom.ipsec.cloudflare.com", ""),
    "health_check.enabled": (True, False),
    "health_check.rate": ("low", "mid", "high"),
    "health_check.type": ("reply", "request"),
    "health_check.direction": ("unidirectional", "bidirectional"),
    "health_check.target.saved": ("192.0.2.9", "192.0.2.10", ""),
    "bgp.customer_asn": (65010, 65011, 0),
    "bgp.extra_prefixes": ((), ("10.9.0.0/16",), ("10.8.0.0/16", "10.9.0.0/16", "2001:db8::/32")),
    "bgp.import_filter_id": ("f1", "f2", ""),
}
BGP = [p for p in PATHS if p.startswith("bgp.")]


class Estate:
    """Random files in random styles, and what could be live instead; `odd` ones have what can't always be edited."""

    def __init__(self, seed, *, odd=False):
        self.random = random.Random(seed)
        self.odd = odd
        self.anchors = {}
        self.networks = iter(range(0, 1 << 16, 2))

    def maybe(self, chance=0.5):
        return self.random.random() < chance

    def network(self):
        number = next(self.networks)
        return f"10.1.{number >> 8}.{number & 255}/31"

    def fields(self, name, chance):
        found = {p: self.random.choice(v) for p, v in PATHS.items() if self.maybe(chance)}
        if not any(p in found for p in BGP) or self.maybe():
            found = {p: v for p, v in found.items() if p not in BGP}
        else:
            found.setdefault("bgp.customer_asn", 65010)
            if self.odd and self.maybe(0.3):
                found["bgp.md5_key"] = self.random.choice(("canary-1", "canary-2"))
        return {p: v.replace("{name}", name) if isinstance(v, str) else v for p, v in found.items()}

    def nest(self, found):
        out = {}
        for path, value in self.random.sample(sorted(found.items()), len(found)):
            *parents, leaf = path.split(".")
            place = out
            for parent in parents:
                place = place.setdefault(parent, {})
            place[leaf] = list(value) if isinstance(value, tuple) else value
        return out

    def flow(self, value):
        if isinstance(value, dict):
            inner = ", ".join(f"{k}: {self.flow(v)}" for k, v in value.items())
            return "{" + inner + ("," if inner and self.maybe(0.1) else "") + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.flow, value)) + "]"
        return self.scalar(value)

    def scalar(self, value):
        text = self.plain(value)
        if self.odd and self.maybe(0.05):
            return self.anchored(text)
        return text

    def anchored(self, text):
        """The text with an anchor, or an alias of one that it has."""
        if text in self.anchors:
            return f"*{self.anchors[text]}"
        self.anchors[text] = f"x{len(self.anchors)}"
        return f"&{self.anchors[text]} {text}"

    def plain(self, value):
        if value is None:
            return self.random.choice(("null", "~"))
        if isinstance(value, bool):
            return str(value).lower()
        if not isinstance(value, str):
            return str(value)
        plain = value and value.replace(".", "").replace("/", "").isalnum() and self.maybe()
        text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return value if plain else f'"{text}"'

    def comment(self):
        return self.random.choice(("  # why", "")) if self.maybe(0.3) else ""

    def block(self, value, column):
        lines = []
        for key, inner in value.items():
            pad = " " * column
            if self.maybe(0.1):
                lines.append(f"{pad}# about {key}")
            if isinstance(inner, dict) and inner and self.maybe():
                lines += [f"{pad}{key}:{self.comment()}", *self.block(inner, column + self.random.choice((1, 2, 4)))]
            elif isinstance(inner, list) and inner and self.maybe():
                lines += [f"{pad}{key}:", *(f"{pad}  - {self.scalar(v)}{self.comment()}" for v in inner)]
            elif inner is None and self.maybe():
                lines.append(f"{pad}{key}:{self.comment()}")
            elif self.odd and self.maybe(0.03):
                lines += [f"{pad}? {key}", f"{pad}: {self.flow(inner)}"]
            else:
                lines.append(f"{pad}{key}: {self.flow(inner)}{self.comment()}")
        return lines

    def tunnel(self, name, defaults):
        found = {"cloudflare_endpoint": "203.0.113.1", "interface_address": self.network()}
        out = {"name": name, **self.nest({**found, **self.fields(name, 0.4)})}
        for key in defaults:
            if self.maybe(0.2):
                out[key] = None
        if self.maybe(0.1) and isinstance((out.get("health_check") or {}).get("target"), dict):
            out["health_check"]["target"] = "192.0.2.77"
        if self.maybe(0.2):
            out["renamed_from"] = f"{name}-was"
        return dict(self.random.sample(sorted(out.items()), len(out))) if self.maybe(0.2) else out

    def defaults(self):
        found = self.fields("d", 0.2)
        return self.nest({p: v for p, v in found.items() if "fqdn" not in p})

    def file(self, number):
        self.anchors = {}
        defaults = self.defaults()
        head = ["defaults:", *self.block(defaults, 2)] if defaults else ["# no defaults: São"]
        tunnels = [self.tunnel(f"t{number}-{i}", defaults) for i in range(self.random.randint(0, 4))]
        if self.maybe(0.15) or not tunnels:
            lines = ["tunnels:" + (" [" + ", ".join(map(self.flow, tunnels)) + "]  # flow")]
        else:
            lines, column = ["tunnels:  # here"], self.random.choice((0, 2, 4))
            for tunnel in tunnels:
                gap = self.random.choice((1, 3))
                in_brackets = self.maybe(0.2)
                own = [self.flow(tunnel)] if in_brackets else self.block(tunnel, column + gap + 1)
                while own[0].lstrip().startswith("#"):
                    own.pop(0)
                own[0] = " " * column + "-" + " " * gap + own[0].lstrip()
                lines += [*own, *([""] if self.maybe() else []), *(["# next"] if self.maybe(0.1) else [])]
        parts = [head, lines] if self.odd or self.maybe(0.8) else [lines, head]
        text = "\n".join(line for part in parts for line in part)
        text = text if self.maybe(0.2) else text + "\n"
        text = text.replace("\n", "\r\n") if self.maybe(0.1) else text
        return ("\ufeff" if self.maybe(0.1) else "") + text

    def drifted(self, declared):
        kept = [t for t in declared.tunnels.values() if self.maybe(0.85)]
        out = [{"id": f"{n:032x}", **nested(self.changed(tunnel))} for n, tunnel in enumerate(kept)]
        for number in range(self.random.choice((0, 0, 1, 2))):
            name = f"t{number}-new"
            found = {"name": name, "cloudflare_endpoint": "203.0.113.1", "interface_address": self.network()}
            out.append({"id": f"{number + 1000:032x}", **self.nest({**found, **self.fields(name, 0.4)})})
        return live_from_result({"ipsec_tunnels": out})

    def changed(self, tunnel):
        settings = dict(tunnel.settings)
        changed = self.fields(tunnel.name, 0.3) if self.maybe(0.6) else {}
        if any(p in BGP for p in changed):
            settings |= {"bgp.extra_prefixes": (), "bgp.md5_key": ""}
            settings |= {"bgp.import_filter_id": "", "bgp.export_filter_id": ""}
        elif changed and self.maybe(0.3):
            settings = {p: v for p, v in settings.items() if not p.startswith("bgp.")}
        settings |= changed
        if tunnel.renamed_from and self.maybe(0.7):
            settings["name"] = tunnel.renamed_from
        if self.maybe(0.1):
            settings["interface_address"] = self.network()
        return settings


@pytest.mark.parametrize("batch", range(12))
def test_accepting_any_drift_leaves_nothing_to_plan(tmp_path, batch):
    for seed in range(batch * 20, batch * 20 + 20):
        estate = Estate(seed)
        root = tmp_path / str(seed)
        files = {f"f{n}.yaml": estate.file(n) for n in range(estate.random.randint(1, 3))}
        defaults = estate.defaults()
        own = "\n".join(["defaults:", *estate.block(defaults, 2)]) + "\n" if defaults else ""
        write(root, files, ACCOUNT + own)
        now = estate.drifted(loaded(root))
        done, after = accept(root, now)
        assert done.left_out == (), seed
        assert after.changes == (), seed


@pytest.mark.parametrize("batch", range(5))
def test_files_of_any_layout_get_a_right_patch_or_none(tmp_path, batch):
    for seed in range(batch * 20, batch * 20 + 20):
        estate = Estate(seed, odd=True)
        root = tmp_path / str(seed)
        write(root, {f"f{n}.yaml": estate.file(n) for n in range(estate.random.randint(1, 3))})
        now = estate.drifted(loaded(root))
        names = {c.ref: c.name for c in planned(root, now).changes}
        done, after = accept(root, now)
        assert "canary" not in done.patch, seed
        assert {names[c.ref] for c in after.changes} <= {name for name, _ in done.left_out}, seed


ONE = """\
tunnels:
  - name: a  # the first
    cloudflare_endpoint: 203.0.113.1
    interface_address: 10.0.0.0/31
    health_check: {rate: low}  # slow
    psk: external
  # the second
  - name: b
    cloudflare_endpoint: 203.0.113.1
    interface_address: 10.0.0.2/31
    psk: external
"""
B = {"name": "b", "interface_address": "10.0.0.2/31"}
LOW = {"health_check": {"rate": "low"}}


def body(done):
    """The lines of a patch that go and come."""
    return [line for line in done.patch.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]


def test_patch_touches_only_what_changes(tmp_path):
    write(tmp_path, ONE)
    done, after = accept(tmp_path, live({"health_check": {"rate": "high"}}, B))
    assert after.changes == ()
    assert done.patch == (
        "--- a/tunnels/prod/a.yaml\n"
        "+++ b/tunnels/prod/a.yaml\n"
        "@@ -2,7 +2,7 @@\n"
        "   - name: a  # the first\n"
        "     cloudflare_endpoint: 203.0.113.1\n"
        "     interface_address: 10.0.0.0/31\n"
        "-    health_check: {rate: low}  # slow\n"
        "+    health_check: {rate: high}  # slow\n"
        "     psk: external\n"
        "   # the second\n"
        "   - name: b\n"
    )


@pytest.mark.parametrize(
    ("tunnels", "expected"),
    [
        (({**LOW, "description": "x: y"}, B), ["+    description: 'x: y'"]),
        (({}, B), ["-    health_check: {rate: low}  # slow", "+    health_check: {rate: mid}  # slow"]),
        (
            (LOW, B, {"name": "c", "interface_address": "10.0.0.4/31"}),
            [
                "+  - name: c",
                "+    cloudflare_endpoint: 203.0.113.1",
                "+    interface_address: 10.0.0.4/31",
                "+    psk: external",
            ],
        ),
        (
            (LOW,),
            [
                "-  - name: b",
                "-    cloudflare_endpoint: 203.0.113.1",
                "-    interface_address: 10.0.0.2/31",
                "-    psk: external",
            ],
        ),
    ],
    ids=["insert", "replace", "append", "remove"],
)
def test_lines_of_a_patch(tmp_path, tunnels, expected):
    write(tmp_path, ONE)
    done, after = accept(tmp_path, live(*tunnels))
    assert body(done) == expected
    assert (done.left_out, after.changes) == ((), ())


def test_no_difference_makes_no_patch(tmp_path):
    write(tmp_path, ONE)
    assert accept(tmp_path, live(LOW, B))[0].patch == ""


def test_inherited_values_are_overridden_in_the_tunnel(tmp_path):
    defaults = "defaults: {description: D, bgp: {customer_asn: 1}, health_check: {rate: high}}\n"
    write(tmp_path, defaults + ONE.replace("  # slow", ""))
    done, after = accept(tmp_path, live(LOW, {**B, "description": "D", "bgp": {"customer_asn": 1}}))
    assert body(done) == ["+    description: null", "+    bgp: null", "+    health_check: {rate: mid}"]
    assert after.changes == ()


def test_new_tunnel_says_only_what_the_defaults_do_not(tmp_path):
    defaults = "defaults:\n  customer_endpoint: 2001:DB8::7\n  replay_protection: true\n  bgp: {import_filter_id: f}\n"
    write(tmp_path, defaults + ONE.replace("    psk: external\n", "    bgp: null\n    psk: external\n"))
    defaulted = {"customer_endpoint": "2001:db8::7", "replay_protection": True}
    new = {"name": "c", "interface_address": "10.0.0.4/31", "replay_protection": True, "bgp": {"customer_asn": 5}}
    done, after = accept(tmp_path, live({**LOW, **defaulted}, {**B, **defaulted}, new))
    assert body(done) == [
        "+  - name: c",
        "+    cloudflare_endpoint: 203.0.113.1",
        "+    customer_endpoint: null",
        "+    interface_address: 10.0.0.4/31",
        "+    bgp: {customer_asn: 5, import_filter_id: null}",
        "+    psk: external",
    ]
    assert (done.left_out, after.changes) == ((), ())


def test_rename_by_hand_is_taken_back_with_its_old_name(tmp_path):
    write(tmp_path, ONE.replace("  - name: b\n", "  - name: b\n    renamed_from: was\n"))
    done, after = accept(tmp_path, live(LOW, {**B, "name": "was"}))
    assert body(done) == ["-  - name: b", "-    renamed_from: was", "+  - name: was"]
    assert after.changes == ()


def test_last_tunnel_leaves_an_empty_list(tmp_path):
    write(tmp_path, {"a.yaml": ONE.partition("  # the second")[0], "b.yaml": "tunnels: []\n"})
    after = accept(tmp_path, live())[1]
    assert (tmp_path / "tunnels/prod/a.yaml").read_text() == "tunnels: []\n"
    assert after.changes == ()


def test_file_without_a_last_newline_stays_so(tmp_path):
    write(tmp_path, ONE.rstrip("\n"))
    done, after = accept(tmp_path, live(LOW, {**B, "description": "x"}))
    assert done.patch.endswith("+    psk: external\n+    description: x\n\\ No newline at end of file\n")
    assert not (tmp_path / "tunnels/prod/a.yaml").read_text().endswith("\n")
    assert after.changes == ()


KEYED = ONE.replace(
    "    health_check: {rate: low}  # slow\n", "    bgp:\n      md5_key: canary\n      customer_asn: 1\n"
)


SHOWN = "the patch would show a BGP MD5 key that stands in its lines or beside them"
BGP_OF_A = {"customer_asn": 1, "md5_key": "canary"}


@pytest.mark.parametrize(
    ("text", "bgp", "reason"),
    [
        (KEYED, {"md5_key": "canary2"}, "bgp.md5_key is sensitive and never written into a patch"),
        (KEYED, {"customer_asn": 2}, SHOWN),
        (
            ONE.replace("health_check: {rate: low}  # slow", "bgp: {customer_asn: 1, md5_key: canary}"),
            {"customer_asn": 2},
            SHOWN,
        ),
        (
            KEYED.replace("md5_key: canary\n      customer_asn: 1", "customer_asn: 1\n      md5_key: canary"),
            {"customer_asn": 2},
            SHOWN,
        ),
        (KEYED.replace("      md5_key: canary\n", ""), {}, "bgp.md5_key is sensitive and never written into a patch"),
        (
            f"defaults:\n  description: &key canary\n{KEYED.replace('md5_key: canary', 'md5_key: *key')}",
            {"customer_asn": 2},
            "it can't be edited: it uses an anchor or an alias",
        ),
    ],
    ids=["other key", "line before", "same line", "line after", "new key", "alias"],
)
def test_md5_keys_never_get_into_a_patch(tmp_path, text, bgp, reason):
    write(tmp_path, text)
    described = {"description": "canary"} if "&key" in text else {}
    done, _ = accept(tmp_path, live({**described, "bgp": {**BGP_OF_A, **bgp}}, {**B, **described}))
    assert done == Accepted("", (("a", reason),))


def test_context_never_shows_an_md5_key(tmp_path):
    write(tmp_path, KEYED)
    done, _ = accept(tmp_path, live({"description": "x", "bgp": BGP_OF_A}, {**B, "interface_address": "10.0.0.4/31"}))
    assert body(done) == ["-    interface_address: 10.0.0.2/31", "+    interface_address: 10.0.0.4/31"]
    assert done.left_out == (("a", SHOWN),)


def test_an_md5_key_behind_an_alias_is_not_shown_where_its_anchor_stands(tmp_path):
    keyed = "  - name: c\n    cloudflare_endpoint: 203.0.113.1\n    interface_address: 10.0.0.4/31\n"
    keyed += "    bgp: {customer_asn: 1, md5_key: *key}\n"
    write(tmp_path, f"defaults:\n  description: &key canary\n{ONE}{keyed}")
    others = {**B, "description": "canary"}, {"name": "c", "description": "canary", "interface_address": "10.0.0.4/31"}
    done, _ = accept(
        tmp_path,
        live(
            {"cloudflare_endpoint": "203.0.113.2", "description": "canary", **LOW},
            others[0],
            {**others[1], "bgp": BGP_OF_A},
        ),
    )
    assert done == Accepted("", (("a", SHOWN),))


def test_a_key_of_a_neighbour_is_not_shown_either(tmp_path):
    write(tmp_path, ONE + "    bgp: {customer_asn: 1, md5_key: canary}\n")
    new = {"name": "x", "interface_address": "10.0.0.4/31"}
    done, _ = accept(tmp_path, live(LOW, {**B, "bgp": BGP_OF_A}, new))
    assert done == Accepted("", (("x", SHOWN),))


def test_new_tunnel_comes_without_its_md5_key(tmp_path):
    write(tmp_path, ONE)
    done, after = accept(tmp_path, live(LOW, B, {"name": "c", "interface_address": "10.0.0.4/31", "bgp": {
        "customer_asn": 5, "md5_key": "canary"}}))  # fmt: skip
    assert "canary" not in done.patch
    assert done.left_out == (("c", "bgp.md5_key is sensitive and never written into a patch"),)
    assert [f.path for c in after.changes for f in c.fields] == ["bgp.md5_key"]


FIRST = "{name: a, cloudflare_endpoint: 203.0.113.1, interface_address: 10.0.0.0/31}"
SECOND = "name: b\n    cloudflare_endpoint: 203.0.113.1\n    interface_address: 10.0.0.2/31\n"
MERGED = f"tunnels:\n  - &one {FIRST}\n  - {{<<: *one, name: b, interface_address: 10.0.0.2/31}}\n"
ALIASED = f"defaults: {{description: &d x}}\ntunnels:\n  - {FIRST}\n  - {SECOND}    description: *d\n"
DASHED = f"tunnels:\n  - {FIRST}\n  -\n    {SECOND}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MERGED, "it can't be edited: it uses a merge key"),
        (ALIASED, "it can't be edited: it uses an anchor or an alias"),
        (DASHED, "it can't be edited: its first line is written in an unusual way"),
    ],
)
def test_what_cannot_be_edited_is_left_out_and_the_rest_is_not(tmp_path, text, reason):
    write(tmp_path, text)
    done, after = accept(tmp_path, live({"description": "new"}, {**B, "description": "new"}))
    assert ("b", reason) in done.left_out
    assert {c.name for c in after.changes} == {name for name, _ in done.left_out}


def test_value_that_no_file_may_hold_is_left_out(tmp_path):
    write(tmp_path, ONE)
    done, after = accept(tmp_path, live({"health_check": {"rate": "warp"}}, {**B, "description": "x"}))
    assert done.left_out == (("a", 'the edited file would be wrong: "warp" is not one of the possible values'),)
    assert [c.name for c in after.changes] == ["a"]


def test_tunnel_whose_deletion_is_meant_is_not_taken_back(tmp_path):
    write(tmp_path, ONE, ACCOUNT + "removed: [c]\n")
    done, _ = accept(tmp_path, live(LOW, B, {"name": "c", "interface_address": "10.0.0.4/31"}))
    assert done == Accepted("", (("c", "account.yaml says under 'removed' that its deletion is meant"),))


def test_ignored_fields_stay_as_declared(tmp_path):
    rule = "ignore: [{name: a, fields: [health_check.rate], reason: by hand}]\n"
    write(tmp_path, ONE, ACCOUNT + rule)
    done, after = accept(tmp_path, live({"description": "x"}, B))
    assert body(done) == ["+    description: x"]
    assert after.changes == ()


def test_chain_of_renames_is_taken_back_as_a_whole(tmp_path):
    chain = ONE.replace("name: a ", "name: b\n    renamed_from: a ").replace(
        "name: b\n    cl", "name: c\n    renamed_from: b\n    cl"
    )
    write(tmp_path, chain)
    done, after = accept(tmp_path, live(LOW, B))
    assert (done.left_out, after.changes) == ((), ())
    assert [line for line in body(done) if line[0] == "+"] == ["+  - name: a", "+  - name: b"]


def test_part_of_a_chain_is_left_out(tmp_path):
    chain = ONE.replace("name: a ", "name: b\n    renamed_from: a ").replace(
        "name: b\n    cl", "name: c\n    renamed_from: b\n    cl"
    )
    write(tmp_path, chain)
    plan = planned(tmp_path, live(LOW, B))
    second = tuple(c for c in plan.changes if c.name == "c")
    done = accept_patch(read_tree(tmp_path / "tunnels"), plan.desired, second, TODAY, strip=f"{tmp_path}/")
    assert done == Accepted("", (("c", 'the edited file would be wrong: a second tunnel named "b"'),))


def test_file_outside_the_repository_is_left_out(tmp_path):
    write(tmp_path, ONE)
    plan = planned(tmp_path, live({}, B))
    done = accept_patch(read_tree(tmp_path / "tunnels"), plan.desired, plan.changes, TODAY)
    assert (done.patch, [name for name, _ in done.left_out]) == ("", ["a"])


def test_names_of_files_may_hold_spaces(tmp_path):
    write(tmp_path, {"lon don é.yaml": ONE})
    assert accept(tmp_path, live({}, B))[1].changes == ()


def test_address_in_short_form_stays_in_it(tmp_path):
    write(tmp_path, ONE.replace("{rate: low}", "{target: 192.0.2.1}"))
    done, _ = accept(tmp_path, live({"health_check": {"target": {"saved": "192.0.2.2"}}}, B))
    assert body(done)[1] == "+    health_check: {target: 192.0.2.2}  # slow"


def test_prefixes_that_stay_keep_their_lines(tmp_path):
    block = 'bgp:\n      customer_asn: 1\n      extra_prefixes:\n        - "10.9.0.0/16"\n        - 10.7.0.0/16\n'
    write(tmp_path, ONE.replace("health_check: {rate: low}  # slow\n", block))
    done, _ = accept(tmp_path, live({"bgp": {"customer_asn": 1, "extra_prefixes": ["10.9.0.0/16", "10.8.0.0/16"]}}, B))
    assert body(done) == ["-        - 10.7.0.0/16", "+        - 10.8.0.0/16"]


def test_edit_that_reads_back_otherwise_is_refused(tmp_path, monkeypatch):
    write(tmp_path, ONE)
    monkeypatch.setattr(EditableFile, "edits", lambda self, _: [Edit(at := self.text.index("low"), at + 3, "high")])
    done, _ = accept(tmp_path, live({"health_check": {"rate": "mid"}}, B))
    assert done == Accepted("", (("a", "the edited file would not read back as the live tunnel"),))


ODD = """\
# top
defaults: { cloudflare_endpoint : "203.0.113.1" }   # all

tunnels:   # these
# before
- "name":   'a'
  interface_address:   10.0.0.0/31


# between
- description: x   # goes
  replay_protection: true # stays
  name: b  # and this
  interface_address: 10.0.0.2/31   # aligned
  # in it
  bgp:     # peer
      # number
      customer_asn: 65010
      extra_prefixes:
      - 10.7.0.0/16   # HQ
      - 10.8.0.0/16   # branch

- { name: c,   interface_address: 10.0.0.4/31,
    health_check: { rate: "low" }}   # last
# end
"""


def test_all_that_does_not_change_stays_byte_for_byte(tmp_path):
    write(tmp_path, ODD)
    bgp = {"customer_asn": 65010, "extra_prefixes": ["10.7.0.0/16", "10.9.0.0/16"], "export_filter_id": "f"}
    done, after = accept(
        tmp_path,
        live(
            {},
            {**B, "replay_protection": True, "customer_endpoint": "198.51.100.7", "bgp": bgp},
            {"name": "c", "interface_address": "10.0.0.4/31", "health_check": {"rate": "high"}},
        ),
    )
    assert (done.left_out, after.changes) == ((), ())
    assert (tmp_path / "tunnels/prod/a.yaml").read_text() == (
        ODD.replace("- description: x   # goes\n  replay", "- replay")
        .replace("      - 10.8.0.0/16   # branch\n", "      - 10.9.0.0/16\n      export_filter_id: f\n")
        .replace("filter_id: f\n", "filter_id: f\n  customer_endpoint: 198.51.100.7\n")
        .replace('{ rate: "low" }', "{ rate: high }")
    )


def test_list_that_was_empty_gets_lines_and_keeps_its_comment(tmp_path):
    write(tmp_path, "# top\ntunnels:  []   # none yet\n# end\n")
    assert accept(tmp_path, live({}))[1].changes == ()
    assert (tmp_path / "tunnels/prod/a.yaml").read_text() == (
        "# top\ntunnels:   # none yet\n  - name: a\n    cloudflare_endpoint: 203.0.113.1\n"
        "    interface_address: 10.0.0.0/31\n    psk: external\n# end\n"
    )


def test_list_in_brackets_stays_in_them(tmp_path):
    write(tmp_path, f"tunnels: [{FIRST}]  # all\n")
    assert accept(tmp_path, live({}, {**B, "description": "a, b"}))[1].changes == ()
    assert (tmp_path / "tunnels/prod/a.yaml").read_text() == (
        f"tunnels: [{FIRST}, {{name: b, cloudflare_endpoint: 203.0.113.1, interface_address: 10.0.0.2/31, "
        "description: 'a, b', psk: external}]  # all\n"
    )


def test_tunnel_is_added_behind_one_that_ends_with_an_alias(tmp_path):
    write(tmp_path, f"{ALIASED}# end\n")
    done, after = accept(tmp_path, live({"description": "x"}, {**B, "description": "x"}, {
        "name": "c", "interface_address": "10.0.0.4/31"}))  # fmt: skip
    assert (done.left_out, after.changes) == ((), ())
    assert body(done)[0] == "+  - name: c"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("- &one {name: b, interface_address: 10.0.0.2/31}", "it uses an anchor or an alias"),
        ("- name: b\n    interface_address: &net 10.0.0.2/31", "it uses an anchor or an alias"),
        ("- name: b\n    ? interface_address\n    : 10.0.0.2/31", "its keys are written in an unusual way"),
    ],
)
def test_unusual_layout_is_left_out(tmp_path, item, reason):
    write(tmp_path, f"defaults: {{cloudflare_endpoint: 203.0.113.1}}\ntunnels:\n  {item}\n")
    done, _ = accept(tmp_path, live({**B, "description": "x"}))
    assert done == Accepted("", (("b", f"it can't be edited: {reason}"),))


def test_line_ends_that_are_mixed_are_left_out(tmp_path):
    write(tmp_path, ONE.replace("# the first\n", "# the first\r\n"))
    done, _ = accept(tmp_path, live({}, B))
    assert done == Accepted(
        "", (("a", f"{tmp_path}/tunnels/prod/a.yaml can't be edited: its lines end in different ways"),)
    )
