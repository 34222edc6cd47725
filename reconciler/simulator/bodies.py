"""Ways to spoil the body of an answer that the simulator gave; the request takes effect in all of them."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from zlib import compressobj

from reconciler.simulator.message import Reply, Request
from reconciler.simulator.server import Simulator

HTML = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>Just a moment...</body></html>"
_BOMB_BYTES = 64 * 1024 * 1024
_DEPTH = 100_000


def with_bytes(change: Callable[[bytes], bytes], simulator: Simulator, request: Request) -> Reply:
    """Answers properly and changes the bytes of the body."""
    reply = simulator.handle(request)
    return reply._replace(body=change(reply.body))


def truncated(simulator: Simulator, request: Request) -> Reply:
    """Announces the whole body and sends half of it."""
    reply = simulator.handle(request)
    headers = {**reply.headers, "content-length": str(len(reply.body))}
    return Reply(reply.status, headers, reply.body[: len(reply.body) // 2])


def wrong_length(simulator: Simulator, request: Request) -> Reply:
    """Announces half of the body and sends as much."""
    reply = simulator.handle(request)
    cut = len(reply.body) // 2
    return Reply(reply.status, {**reply.headers, "content-length": str(cut)}, reply.body[:cut])


def with_fixed(status: int, content_type: str, body: bytes, simulator: Simulator, request: Request) -> Reply:
    """Lets the request take effect and answers something else."""
    simulator.handle(request)
    return Reply(status, {"content-type": content_type}, body)


def with_bomb(simulator: Simulator, request: Request) -> Reply:
    """Answers with a small gzip body that unpacks to 64 MiB."""
    simulator.handle(request)
    return Reply(200, {"content-type": "application/json", "content-encoding": "gzip"}, _bomb_body())


@lru_cache(maxsize=1)
def _bomb_body() -> bytes:
    packer = compressobj(9, wbits=31)
    block = b" " * (1024 * 1024)
    packed = b"".join(packer.compress(block) for _ in range(_BOMB_BYTES // len(block)))
    return packed + packer.flush()


def with_huge_body(simulator: Simulator, request: Request) -> Reply:
    """Answers with a valid body of 64 MiB."""
    simulator.handle(request)
    return Reply(200, {"content-type": "application/json"}, _huge_body())


@lru_cache(maxsize=1)
def _huge_body() -> bytes:
    return b'{"success":true,"errors":[],"messages":[],"result":{}' + b" " * _BOMB_BYTES + b"}"


def deepen(_: bytes) -> bytes:
    """Returns JSON nested 100,000 levels deep."""
    return b'{"success":true,"errors":[],"messages":[],"result":' + b"[" * _DEPTH + b"]" * _DEPTH + b"}"


def add_nan(body: bytes) -> bytes:
    """Adds a NaN, which is no JSON."""
    return body.replace(b'"result":', b'"nan":NaN,"result":', 1)


def with_envelope(change: Callable[[dict[str, Any]], None], simulator: Simulator, request: Request) -> Reply:
    """Answers properly and changes the decoded envelope."""
    reply = simulator.handle(request)
    envelope = json.loads(reply.body)
    change(envelope)
    return reply._replace(body=json.dumps(envelope).encode())


def mistype(envelope: dict[str, Any]) -> None:
    """Puts a number in the place of a tunnel."""
    key, items = _items(envelope)
    if items:
        items[0] = 7
    else:
        envelope["result"] = {key: "none"} if key else "text"


def nullify(envelope: dict[str, Any]) -> None:
    """Makes the result null in a success."""
    envelope["result"] = None


def nullify_list(envelope: dict[str, Any]) -> None:
    """Makes the list of tunnels null, as for an account that has none."""
    key = _items(envelope)[0]
    envelope["result"] = {key: None} if key else None


def deny(envelope: dict[str, Any]) -> None:
    """Says that the call failed, with status 200."""
    envelope.update(success=False, errors=[{"code": 1000, "message": "simulated"}], result=None)


def add_error(envelope: dict[str, Any]) -> None:
    """Says success, yet lists an error."""
    envelope["errors"] = [{"code": 1000, "message": "simulated"}]


def drop_field(envelope: dict[str, Any]) -> None:
    """Takes a required field from the first tunnel."""
    items = _items(envelope)[1]
    if items:
        items[0].pop("interface_address", None)
    else:
        envelope.pop("result", None)


def halve(envelope: dict[str, Any]) -> None:
    """Drops the second half of the tunnels."""
    items = _items(envelope)[1]
    if items:
        del items[len(items) // 2 :]
    else:
        envelope["result"] = {}


def empty(envelope: dict[str, Any]) -> None:
    """Drops all tunnels."""
    key = _items(envelope)[0]
    envelope["result"] = {key: []} if key else {}


def twice(field: str, envelope: dict[str, Any]) -> None:
    """Lets two tunnels share a field."""
    key, items = _items(envelope)
    if not items:
        envelope["result"] = {key: [{}, {}]} if key else {}
    elif len(items) > 1:
        items[1][field] = items[0][field]
    else:
        items.append({**items[0], **({} if field == "id" else {"id": "f" * 32})})


def claim_more(envelope: dict[str, Any]) -> None:
    """Adds a page count that says there is more."""
    items = _items(envelope)[1] or []
    count = len(items)
    envelope["result_info"] = {"page": 1, "per_page": max(1, count), "count": count, "total_count": count + 5}


def _items(envelope: dict[str, Any]) -> tuple[str, list[Any] | None]:
    """Returns the key and the list of tunnels in a result, `("", None)` when it holds no list; null is an empty one."""
    result = envelope.get("result")
    for key in ("ipsec_tunnels", "modified_ipsec_tunnels"):
        if isinstance(result, dict) and key in result:
            return key, result[key]
    return "", None
