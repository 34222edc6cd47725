"""Invented accounts: trees of YAML files and the lists that an API would answer. The same arguments give
the same bytes.

    python -m tests.benchmarks.data FOLDER --tunnels 1000 [--accounts 1] [--update N] [--create N] [--delete N]

Writes FOLDER/tunnels/ (what `--dir` takes) and FOLDER/lists/ACCOUNT_ID.json. Lists are as noisy as real ones: another
order, another spelling of IPv6, read-only fields, null and empty for absent. None of that is a difference.
"""

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PER_FILE = 50
SITES = 2  # tunnels of one site
ACCOUNT = """account_id: {id}
prune: true
limits: {{max_deletes: 100000, max_delete_percent: 100, max_change_percent: 100}}
"""


def account_id(number: int) -> str:
    """The id of the account with this number."""
    return f"{0xBE4C0000 + number:032x}"


def _v4(base: int, offset: int) -> str:
    return ".".join(str((base + offset) >> shift & 255) for shift in (24, 16, 8, 0))


def tunnel(number: int, account: str, draw: random.Random) -> dict[str, Any]:
    """One tunnel in the API's form, written fields only."""
    site, leg = divmod(number, SITES)
    name = f"site{site:05d}-{'ab'[leg]}"
    health: dict[str, Any] = {
        "enabled": True,
        "type": draw.choice(("request", "reply")),
        "direction": draw.choice(("bidirectional", "unidirectional")),
        "rate": draw.choice(("low", "mid", "high")),
    }
    if number % 4 == 0:  # only such a check has a target
        health |= {"type": "request", "direction": "unidirectional"}
        health["target"] = {"saved": _v4(0x0A000000, 2 * number + 1)}
    out = {
        "name": name,
        "cloudflare_endpoint": f"203.0.113.{1 + leg}",
        "customer_endpoint": _v4(0xC6120000, number),
        "interface_address": f"{_v4(0x0A000000, 2 * number)}/31",
        "interface_address6": f"fd00:{number >> 16:x}:{number & 0xFFFF:x}::a/127",
        "description": f"Site {site}, uplink {'AB'[leg]}: circuit {draw.randrange(10**6):06d}",
        "replay_protection": number % 3 == 0,
        "automatic_return_routing": False,
        "health_check": health,
    }
    if number % 5 < 3:
        prefixes = [f"{_v4(0xAC100000, (number * 7 + k) % 4096 * 256)}/24" for k in range(1 + number % 4)]
        out["bgp"] = {
            "customer_asn": 64512 + number % 1000,
            "extra_prefixes": prefixes,
            "md5_key": f"{draw.getrandbits(64):016x}",
        }
    if number % 2 == 0:
        out["custom_remote_identities"] = {"fqdn_id": f"{name}.{account}.custom.ipsec.cloudflare.com"}
    return out


def _lines(value: dict[str, Any], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield f"{indent}{key}:"
            yield from _lines(inner, indent + "  ")
        elif isinstance(inner, list):
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {item}" for item in inner)
        elif key in ("description", "md5_key"):
            yield f'{indent}{key}: "{inner}"'
        elif isinstance(inner, bool):
            yield f"{indent}{key}: {str(inner).lower()}"
        else:
            yield f"{indent}{key}: {inner}"


def yaml_of(value: dict[str, Any]) -> str:
    """A tunnel as a person would write it."""
    by_hand = {**value, "interface_address6": f'"{value["interface_address6"].upper()}"', "psk": "external"}
    first, *rest = _lines(by_hand, "    ")
    return "\n".join((f"  - {first.strip()}  # by hand", *rest)) + "\n"


def live_of(value: dict[str, Any], number: int, draw: random.Random) -> dict[str, Any]:
    """The same tunnel as the list endpoint would give it."""
    own = json.loads(json.dumps(value))
    target = own["health_check"].setdefault("target", {"saved": ""})
    target["effective"] = target["saved"] or value["customer_endpoint"]
    out = {
        "id": f"{0xF00D0000 + number:032x}",
        "created_on": "2026-01-05T10:00:00.123456Z",
        "modified_on": "2026-02-03T04:05:06.654321Z",
        **own,
        "allow_null_cipher": False,
        "psk_metadata": {"last_generated_on": "2026-01-05T10:00:00Z"},
    }
    if "bgp" in out:
        draw.shuffle(out["bgp"]["extra_prefixes"])
        out["bgp_status"] = {"state": "BGP_UP", "tcp_established": True, "updated_at": "2026-02-01T00:00:00Z"}
    elif number % 2:
        out["bgp"] = None
    return out


def edit(live: dict[str, Any], turn: int) -> None:
    """Changes a live tunnel as somebody would in the dashboard, another field each turn."""
    match turn % 5:
        case 0:
            live["description"] = "changed by hand"
        case 1:
            live["customer_endpoint"] = "192.0.2.77"
        case 2:
            live["health_check"]["rate"] = "low" if live["health_check"]["rate"] != "low" else "high"
        case 3:
            live["replay_protection"] = not live["replay_protection"]
        case _:
            live["custom_remote_identities"] = {"fqdn_id": f"other{turn}.x.custom.ipsec.cloudflare.com"}


def write_files(folder: Path, number: int, declared: list[dict[str, Any]]) -> None:
    """The files of one account, as `--dir=FOLDER/tunnels` takes them."""
    home = folder / "tunnels" / f"account-{number:04d}"
    home.mkdir(parents=True)
    (home / "account.yaml").write_text(ACCOUNT.format(id=account_id(number)))
    for start in range(0, len(declared), PER_FILE):
        text = "# one site after another\ntunnels:\n" + "".join(map(yaml_of, declared[start : start + PER_FILE]))
        (home / f"tunnels-{start // PER_FILE:04d}.yaml").write_text(text)


def write_account(folder: Path, number: int, count: int, differences: tuple[int, int, int]) -> None:
    """One account: its files, and a list in which so many tunnels are to be updated, created, deleted."""
    updates, creates, deletes = differences
    ident, draw = account_id(number), random.Random(number)
    declared = [tunnel(n, ident, draw) for n in range(count)]
    write_files(folder, number, declared)
    order = list(range(count))
    draw.shuffle(order)
    live = [live_of(declared[n], n, draw) for n in order[creates:]]
    for turn, item in enumerate(live[:updates]):
        edit(item, turn)
    live += [live_of(tunnel(n, ident, draw), n, draw) for n in range(count, count + deletes)]
    draw.shuffle(live)
    answer = {"success": True, "errors": [], "messages": [], "result": {"ipsec_tunnels": live}}
    (folder / "lists").mkdir(exist_ok=True)
    (folder / "lists" / f"{ident}.json").write_text(json.dumps(answer, separators=(",", ":")))


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for name, default in (("tunnels", 100), ("accounts", 1), ("update", 0), ("create", 0), ("delete", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    for number in range(options.accounts):
        differences = (options.update, options.create, options.delete)
        write_account(options.folder, number, options.tunnels, differences)


if __name__ == "__main__":
    main()
