"""Other programs on work of the same size: a zone for octoDNS, and a list by Cloudflare's official SDK.

    python peers.py zone FOLDER NAMES CHANGED    writes FOLDER/octodns.yaml with a source and a target
    python peers.py list BASE_URL ACCOUNT_ID       lists the tunnels with the SDK

octoDNS has no tunnels, so it plans as many DNS names with 1.5 records each from YAML to YAML: half as many lines in a
file as a tunnel has, and no network.
"""

import importlib.util
import sys
from pathlib import Path

CONFIG = """manager: {{max_workers: 1}}
providers:
  source: {{class: octodns.provider.yaml.YamlProvider, directory: {0}/source, default_ttl: 300, enforce_order: false}}
  target: {{class: octodns.provider.yaml.YamlProvider, directory: {0}/target, default_ttl: 300, enforce_order: false}}
zones:
  example.com.: {{sources: [source], targets: [target]}}
"""


def installed(module: str) -> bool:
    """Whether a peer is there."""
    return importlib.util.find_spec(module) is not None


def _records(number: int, ttl: int) -> str:
    address = f"{number >> 8}.{number & 255}"
    values = f"    values:\n      - 198.18.{address}\n      - 198.19.{address}\n"
    if number % 2:
        text = f"  - type: TXT\n    ttl: 300\n    value: site {number} circuit {number * 7919 % 10**6:06d}\n"
        return f"site{number:05d}:\n  - type: A\n    ttl: {ttl}\n{values}{text}"
    check = f"    octodns:\n      healthcheck: {{host: s{number}.example.com, path: /up, port: 443, protocol: HTTPS}}\n"
    return f"site{number:05d}:\n  - type: A\n    ttl: {ttl}\n{check}{values}"


def write_zone(folder: Path, names: int, changed: int) -> None:
    """A zone with so many names of one or two records; so many have another TTL in the target."""
    for side in ("source", "target"):
        (folder / side).mkdir(parents=True)
        ttls = (600 if side == "target" and n < changed else 300 for n in range(names))
        text = "---\n" + "".join(_records(n, ttl) for n, ttl in enumerate(ttls))
        (folder / side / "example.com.yaml").write_text(text)
    (folder / "octodns.yaml").write_text(CONFIG.format(folder))


def list_tunnels(base_url: str, account: str) -> int:
    """How many tunnels the SDK lists."""
    from cloudflare import Cloudflare

    client = Cloudflare(api_token="benchmark", base_url=base_url)  # noqa: S106 - nothing is behind it
    found = client.magic_transit.ipsec_tunnels.list(account_id=account, x_magic_new_hc_target=True)
    return len(found.ipsec_tunnels or ())


if __name__ == "__main__":
    if sys.argv[1] == "zone":
        write_zone(Path(sys.argv[2]).resolve(), int(sys.argv[3]), int(sys.argv[4]))
    else:
        print(list_tunnels(sys.argv[2], sys.argv[3]))
