"""`show NAME` and `show --device NAME`, from the command line to the calls."""

import re

from reconciler.simulator.message import Reply, Request
from reconciler.simulator.semantics import Semantics
from reconciler.simulator.server import Simulator
from tests.cli.world import TOKEN, World, tunnel

BGP = {"bgp": {"customer_asn": 65010, "md5_key": "s3cret-of-bgp"}}


def test_everything_known_of_a_tunnel_is_shown_beside_what_git_declares(world: World) -> None:
    world.become(server_fields=True)
    (number, _) = world.live(tunnel(1, description="by hand", **BGP), tunnel(2))
    world.declare(tunnel(1, description="London", **BGP), tunnel(2))
    found = world.run("show", "t001", "--json")
    assert (found.code, found.json["command"], found.json["outcome"]) == (0, "show", "ok")
    (shown,) = found.account["tunnels"]
    assert (shown["name"], shown["id"], shown["source"]) == ("t001", number, {"file": "tunnels/prod/a.yaml", "line": 2})
    settings = {s["path"]: (s["live"], s["declared"], s["differs"]) for s in shown["settings"]}
    assert settings["description"] == ("by hand", "London", True)
    assert settings["bgp.customer_asn"] == (65010, 65010, False)
    assert settings["bgp.md5_key"] == (None, None, False)
    assert (shown["health"], shown["bgp_status"]["state"]) == ("down", "BGP_DOWN")
    assert shown["bgp_status"].keys() == {"state", "tcp_established", "updated_at"}
    assert shown["remote_identities"] == {"hex_id": number, "fqdn_id": f"{number}.ipsec.test"}
    assert shown["unknown"] == {"health_check.x_jitter": 7, "x_new_field": {"mode": "auto", "weight": 3}}
    assert [entry.path.rpartition("/")[2] for entry in world.sim.log] == ["ipsec_tunnels", number, "routes"]
    assert "s3cret" not in found.out


def test_as_text_differences_have_a_sign(world: World) -> None:
    world.live(tunnel(1, description="by hand"))
    world.declare(tunnel(1, description="London"))
    text = world.run("show", "t001").out
    assert '    ~ description               "by hand"  declared: London' in text.splitlines()
    assert "      key                       external, age unknown" in text.splitlines()
    assert text.endswith("1 tunnel.\n")


def test_what_a_rule_leaves_as_it_is_stands_beside_what_is_declared(world: World) -> None:
    world.live(tunnel(1, health_check={"rate": "low"}))
    world.account(ignore=[{"name": "t*", "fields": ["health_check.rate"], "reason": "tuned by hand"}])
    world.declare(tunnel(1, health_check={"rate": "high"}))
    assert "      health_check.rate         low  declared: high" in world.run("show", "t001").out.splitlines()


def test_static_routes_through_a_tunnel_are_shown(world: World) -> None:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1))  # a plan that deletes t002 would look at routes too
    world.route("10.66.0.0/16", "10.0.1.1")
    world.route("10.77.0.0/16", "10.0.9.1")
    found = world.run("show", "t00*", "--json")
    assert [one["routes"] for one in found.account["tunnels"]] == [
        [{"prefix": "10.66.0.0/16", "nexthop": "10.0.1.1", "priority": 100}],
        [],
    ]
    assert (world.calls.count("ROUTES"), "notes" in found.account) == (1, False)
    text = world.run("show", "t00*").out.splitlines()
    assert "      static route              10.66.0.0/16 by 10.0.1.1, priority 100" in text
    assert "      static routes             none" in text


def test_routes_that_can_not_be_read_are_no_failure_and_show_says_why(world: World) -> None:
    world.become(routes="forbidden")
    world.live(tunnel(1))
    world.declare(tunnel(1))
    found = world.run("show", "t001", "--json")
    assert (found.code, found.account["tunnels"][0]["routes"]) == (0, None)
    (note,) = found.account["notes"]
    assert re.fullmatch(r"Static routes were not read: the token may not read them: .+ \(\d+\)\.", note)
    text = world.run("show", "t001").out.splitlines()
    assert f"  note: {note}" in text
    assert "      static routes             not known" in text


def test_the_device_s_side_needs_no_routes(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    assert world.run("show", "--device", "t001").code == 0
    assert "ROUTES" not in world.calls


def test_times_are_told_as_everywhere_else(world: World) -> None:
    world.live(tunnel(1, **BGP))
    world.declare(tunnel(1, **BGP))
    found = re.findall(r"^      (?:made|changed|BGP updated_at)  +(.*)$", world.run("show", "t001").out, re.MULTILINE)
    assert [re.sub(r"\d", "0", told) for told in found] == ["0000-00-00 00:00:00 UTC"] * 3


def test_its_help_speaks_of_no_other_command(world: World) -> None:
    assert "NAME                  tunnels, or patterns like 'lon-*'\n" in world.bare("help", "show").out


def test_the_device_s_side_is_computed(world: World) -> None:
    world.live(tunnel(1, interface_address="10.1.0.6/30", interface_address6="2001:db8::/127", **BGP))
    world.declare(tunnel(1))
    found = world.run("show", "--device", "t001", "--json")
    assert found.account["devices"] == [
        {
            "name": "t001",
            "cloudflare_endpoint": "203.0.113.1",
            "customer_endpoint": "198.51.100.2",
            "interface_address": "10.1.0.5/30",
            "cloudflare_interface_address": "10.1.0.6/30",
            "interface_address6": "2001:db8::1/127",
            "cloudflare_interface_address6": "2001:db8::/127",
            "asn": 65010,
            "identities": {},
            "health_check_target": "198.51.100.2",
        }
    ]
    text = world.run("show", "--device", "t001").out
    assert "      inner address             10.1.0.5/30" in text.splitlines()
    assert "s3cret" not in text


def test_a_tunnel_that_no_file_declares_is_shown_too(world: World) -> None:
    world.live(tunnel(1), tunnel(9))
    world.declare(tunnel(1))
    (shown,) = world.run("show", "t009", "--json").account["tunnels"]
    assert shown["source"] is None
    assert {s["declared"] for s in shown["settings"]} == {None}


def test_patterns_match_live_tunnels(world: World) -> None:
    world.live(tunnel(1), tunnel(2), tunnel(11))
    world.declare(tunnel(1))
    assert [t["name"] for t in world.run("show", "t00*", "--json").account["tunnels"]] == ["t001", "t002"]


def test_a_name_that_is_not_live_gets_a_suggestion(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1), tunnel(2))
    found = world.run("show", "t01")
    assert found.code == 1
    assert 'error: no live tunnel is named t01. Did you mean "t001"?' in found.out
    declared = world.run("show", "t002")
    assert declared.code == 1
    assert "tunnels/prod/a.yaml:3" in declared.out
    assert "It is declared and not made yet" in declared.out


def test_what_is_live_is_shown_though_another_name_is_not(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    found = world.run("show", "t001", "t01", "--json")
    assert (found.code, [t["name"] for t in found.account["tunnels"]]) == (1, ["t001"])


def test_a_null_cipher_is_a_warning(world: World) -> None:
    world.become(server_fields=True)
    world.live(tunnel(1))
    world.declare(tunnel(1))

    def answer(simulator: Simulator, request: Request) -> Reply:
        reply = simulator.handle(request)
        return reply._replace(body=re.sub(rb'("allow_null_cipher": ?)false', rb"\1true ", reply.body))

    world.answer = answer
    found = world.run("show", "t001")
    assert found.code == 0
    assert "warning: t001 in prod may go without encryption (allow_null_cipher)" in found.out


def test_only_text_and_json_draw_a_tunnel(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    assert world.run("show", "t001", "-o", "markdown").code == 64
    assert world.run("show", "t001", "--plan", "x.json").code == 64


def test_a_token_that_may_only_read_is_enough(world: World) -> None:
    world.live(tunnel(1))
    world.declare(tunnel(1))
    world.sim.semantics = Semantics(tokens={TOKEN: "read"})
    assert world.run("show", "t001").code == 0
