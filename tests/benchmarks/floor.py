"""The floor: the least that any plan in Python must do, with the fastest parsers there are and no check at all.

    python floor.py FOLDER BASE_URL ACCOUNT_ID

Reads the YAML files (yaml-rs), asks for the list (http.client, after building the TLS context that a real run needs),
reads it (orjson), makes both sides comparable, compares, prints. It sees no mistake in the files, trusts any answer
and knows neither defaults, guards nor order. Without yaml-rs and orjson it takes libyaml and json, and is slower.
"""

import gc
import http.client
import os
import ssl
import sys
import zlib
from socket import AF_INET6, inet_ntop, inet_pton

gc.disable()
try:
    from yaml_rs import loads as yaml_loads
except ImportError:
    import yaml

    def yaml_loads(text):
        return yaml.load(text, yaml.CSafeLoader)


try:
    from orjson import loads as json_loads
except ImportError:
    from json import loads as json_loads


def texts(folder):
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            if name != "account.yaml":
                with open(f"{parent}/{name}", encoding="utf-8") as file:  # noqa: PTH123 - the least there is
                    yield file.read()


def listed(base, account):
    ssl.create_default_context()
    connection = http.client.HTTPConnection(base.removeprefix("http://"))
    headers = {"accept-encoding": "gzip", "authorization": "Bearer benchmark"}
    connection.request("GET", f"/accounts/{account}/magic/ipsec_tunnels", headers=headers)
    return zlib.decompress(connection.getresponse().read(), 31)


def address(text):
    if ":" not in text:
        return text
    host, slash, length = text.partition("/")
    return inet_ntop(AF_INET6, inet_pton(AF_INET6, host)) + slash + length


def flat(t):
    health, bgp = t.get("health_check") or {}, t.get("bgp")
    target, identities = health.get("target") or {}, t.get("custom_remote_identities") or {}
    out = {
        "cloudflare_endpoint": t["cloudflare_endpoint"],
        "customer_endpoint": t.get("customer_endpoint") or "",
        "interface_address": t["interface_address"],
        "interface_address6": address(t.get("interface_address6") or ""),
        "description": t.get("description") or "",
        "replay_protection": t.get("replay_protection", False),
        "automatic_return_routing": t.get("automatic_return_routing", False),
        "health_check.enabled": health.get("enabled", True),
        "health_check.type": health.get("type", "reply"),
        "health_check.rate": health.get("rate", "mid"),
        "health_check.direction": health.get("direction", ""),
        "health_check.target.saved": target.get("saved") or "",
        "custom_remote_identities.fqdn_id": identities.get("fqdn_id") or "",
    }
    if bgp:
        out["bgp.customer_asn"] = bgp["customer_asn"]
        out["bgp.extra_prefixes"] = sorted(map(address, bgp.get("extra_prefixes") or ()))
        out["bgp.md5_key"] = bgp.get("md5_key") or ""
    return out


def main():
    folder, base, account = sys.argv[1:]
    wanted = {t["name"]: flat(t) for text in texts(folder) for t in yaml_loads(text)["tunnels"]}
    live = {t["name"]: flat(t) for t in json_loads(listed(base, account))["result"]["ipsec_tunnels"]}
    lines, update = [], 0
    for name in sorted(wanted.keys() & live.keys()):
        want, have = wanted[name], live[name]
        if want != have:
            update += 1
            lines += [f"~ {name}: {p}: {have.get(p)!r} -> {v!r}" for p, v in want.items() if have.get(p) != v]
    lines += [f"+ {name}" for name in sorted(wanted.keys() - live.keys())]
    lines += [f"- {name}" for name in sorted(live.keys() - wanted.keys())]
    create, delete = len(wanted.keys() - live.keys()), len(live.keys() - wanted.keys())
    lines.append(f"Plan: {create} to create, {update} to update, {delete} to delete.")
    sys.stdout.write("\n".join(lines) + "\n")


main()
