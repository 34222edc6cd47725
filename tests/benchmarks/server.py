"""A stand-in for the tunnels API on loopback: lists fast, keeps what is written, counts calls, can be slow on purpose.

    python -m tests.benchmarks.server [--lists FOLDER] [--latency SECONDS]

FOLDER holds ACCOUNT_ID.json files; any other account is empty. Prints its port, and runs until its standard input ends.
`GET /calls` answers and clears the counts. It judges nothing: what the API refuses is the simulator's business.
"""

import argparse
import asyncio
import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {}\r\ncontent-length: {}\r\n\r\n"


class Accounts:
    """The live tunnels: as files until the first write to an account, then as objects."""

    def __init__(self, lists: Path | None) -> None:
        files = lists.glob("*.json") if lists else ()
        self._packed = {f.stem: gzip.compress(f.read_bytes(), 5) for f in files}
        self._open: dict[str, dict[str, Any]] = {}
        self._ids = (f"{number:032x}" for number in count(0xC0DE0000))
        self.calls: Counter[str] = Counter()

    def answer(self, method: str, path: str, body: bytes) -> tuple[str, bytes]:
        """The encoding and the body of an answer."""
        if path.endswith("/magic/routes"):
            self.calls["ROUTES"] += 1
            return "identity", _answer({"routes": []})
        account, _, tunnel_id = path.partition("/accounts/")[2].replace("/magic/ipsec_tunnels", "").partition("/")
        name = method if tunnel_id else {"GET": "LIST", "PUT": "BULK"}.get(method, method)
        self.calls[name] += 1
        if name == "LIST":
            return "gzip", self._list(account)
        if tunnel_id:
            return "identity", self._one(method, account, tunnel_id, body)
        return "identity", self._write(method, account, body)

    def _list(self, account: str) -> bytes:
        if account in self._open or account not in self._packed:
            result = {"ipsec_tunnels": list(self._tunnels(account).values())}
            self._packed[account] = gzip.compress(_answer(result), 1)
        return self._packed[account]

    def _tunnels(self, account: str) -> dict[str, Any]:
        if account not in self._open:
            packed = self._packed.get(account)
            found = json.loads(gzip.decompress(packed))["result"]["ipsec_tunnels"] if packed else []
            self._open[account] = {t["id"]: t for t in found}
        return self._open[account]

    def _one(self, method: str, account: str, tunnel_id: str, body: bytes) -> bytes:
        tunnels = self._tunnels(account)
        if method == "DELETE":
            return _answer({"deleted": True, "deleted_ipsec_tunnel": tunnels.pop(tunnel_id)})
        if method == "GET":
            return _answer({"ipsec_tunnel": tunnels[tunnel_id]})
        tunnels[tunnel_id] |= json.loads(body)
        return _answer({"modified": True, "modified_ipsec_tunnel": tunnels[tunnel_id]})

    def _write(self, method: str, account: str, body: bytes) -> bytes:
        tunnels, sent = self._tunnels(account), json.loads(body)
        if method == "POST":
            made = {"id": next(self._ids), **sent}
            tunnels[made["id"]] = made
            return _answer(made)
        for item in sent["ipsec_tunnels"]:
            tunnels[item["id"]] |= item
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
                method, path = head[0].partition("?")[0].removesuffix(" HTTP/1.1").split(" ")
                if path == "/calls":
                    encoding, content = "identity", json.dumps(accounts.calls).encode()
                    accounts.calls.clear()
                else:
                    await asyncio.sleep(latency)
                    encoding, content = accounts.answer(method, path, body)
                writer.write(HEAD.format(encoding, len(content)).encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


@contextmanager
def served(lists: Path | None = None, latency: float = 0.0) -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    argv = [sys.executable, "-m", "tests.benchmarks.server", f"--latency={latency}"]
    argv += [f"--lists={lists}"] if lists else []
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def calls(base: str) -> dict[str, int]:
    """How many calls the server got since it was last asked, by method; LIST, ROUTES and BULK go to a collection."""
    connection = HTTPConnection(base.removeprefix("http://"))
    connection.request("GET", "/calls")
    counts: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return counts


def listing(made: dict[str, int]) -> str:
    """Calls by method, in a few words."""
    return ", ".join(f"{number} {method}" for method, number in sorted(made.items()))


def main() -> None:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=Path)
    parser.add_argument("--latency", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(serve(Accounts(options.lists), options.latency))


if __name__ == "__main__":
    main()
