"""A stand-in for the tunnels API on loopback: lists fast, keeps what is written, counts calls, can be slow on purpose.

    python -m tests.benchmarks.server LISTS [--latency SECONDS]

LISTS holds ACCOUNT_ID.json files. Prints its port, and runs until its standard input ends. `GET /calls` answers and
clears the counts. It judges nothing: what the API refuses is the simulator's business.
"""

import argparse
import asyncio
import gzip
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {}\r\ncontent-length: {}\r\n\r\n"


class Accounts:
    """The live tunnels: as files until the first write to an account, then as objects."""

    def __init__(self, lists: Path) -> None:
        self._packed = {f.stem: gzip.compress(f.read_bytes(), 5) for f in lists.glob("*.json")}
        self._open: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()

    def listed(self, account: str) -> bytes:
        """The list answer, compressed."""
        if account in self._open:
            result = {"ipsec_tunnels": list(self._open[account].values())}
            self._packed[account] = gzip.compress(_answer(result), 1)
        return self._packed[account]

    def _tunnels(self, account: str) -> dict[str, Any]:
        if account not in self._open:
            found = json.loads(gzip.decompress(self._packed[account]))["result"]["ipsec_tunnels"]
            self._open[account] = {t["id"]: t for t in found}
        return self._open[account]

    def write(self, method: str, account: str, tunnel_id: str, body: bytes) -> bytes:
        """Carries a write out; returns the answer."""
        tunnels = self._tunnels(account)
        if method == "DELETE":
            return _answer({"deleted": True, "deleted_ipsec_tunnel": tunnels.pop(tunnel_id)})
        sent = json.loads(body)
        if method == "POST":
            made = {"id": f"{0xC0DE0000 + len(tunnels) + self.calls['POST']:032x}", **sent}
            tunnels[made["id"]] = made
            return _answer({"ipsec_tunnels": [made]})
        for item in sent["ipsec_tunnels"]:
            tunnels[item["id"]] = {**tunnels[item["id"]], **item}
        return _answer({"modified": True, "modified_ipsec_tunnels": sent["ipsec_tunnels"]})


def _answer(result: object) -> bytes:
    return json.dumps({"success": True, "errors": [], "messages": [], "result": result}).encode()


async def serve(accounts: Accounts, latency: float) -> None:
    """Answer on a free port until standard input ends."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                size = next((int(h[15:]) for h in head if h.lower().startswith("content-length:")), 0)
                body = await reader.readexactly(size)
                encoding, content = await answer(head[0], body)
                writer.write(HEAD.format(encoding, len(content)).encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def answer(request: str, body: bytes) -> tuple[str, bytes]:
        method, path = request.partition("?")[0].removesuffix(" HTTP/1.1").split(" ")
        if path == "/calls":
            counts = json.dumps(accounts.calls).encode()
            accounts.calls.clear()
            return "identity", counts
        accounts.calls[method] += 1
        await asyncio.sleep(latency)
        account, _, tunnel_id = path.partition("/accounts/")[2].replace("/magic/ipsec_tunnels", "").partition("/")
        if method == "GET":
            return "gzip", accounts.listed(account)
        return "identity", accounts.write(method, account, tunnel_id, body)

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", type=Path)
    parser.add_argument("--latency", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(serve(Accounts(options.lists), options.latency))


if __name__ == "__main__":
    main()
