import ast
import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from deepdiff import DeepDiff

import reconciler
from reconciler.secrets.secret import NotTextError, Secret, reveal

KEY = "canary-0123456789"

ALLOWED = {
    ("secrets/resolve.py", "_md5_key"),
    ("secrets/secret.py", "__eq__"),
    ("secrets/redact.py", "add"),
    ("secrets/redact.py", "can_hide"),
    ("secrets/redact.py", "mask_commands"),
    ("secrets/sinks.py", "put"),
}
"""Functions of this package that may open a secret; those elsewhere are listed in ALLOWED_ELSEWHERE."""

ALLOWED_ELSEWHERE = {
    ("api/exchange.py", "exchange"),
    ("api/wire.py", "encode"),
    ("cli/clients.py", "_reveal"),
}


def reveals(path: Path) -> set[str]:
    """Names of the functions in a module that call something named `reveal`."""
    found = set()
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, (ast.FunctionDef, ast.Lambda)):
            for node in ast.walk(function):
                name = getattr(node, "id", getattr(node, "attr", ""))
                if isinstance(node, (ast.Name, ast.Attribute)) and name in {"reveal", "_Secret__text"}:
                    found.add(getattr(function, "name", "lambda"))
    return found


@dataclass(frozen=True)
class Holder:
    key: Secret


REFUSED: dict[str, Callable[[Secret], object]] = {
    "str": str,
    "format": format,
    "f-string": lambda s: f"<{s}>",
    "percent": lambda s: "%s" % s,  # noqa: UP031
    "str.format": "{:>9}".format,
    "join": lambda s: " ".join(iter([s])),  # type: ignore[arg-type]
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "asdict": lambda s: asdict(Holder(s)),
    "json": json.dumps,
    "json default str": lambda s: json.dumps(s, default=str),
    "hash": hash,
    "vars": vars,
    "setattr": lambda s: setattr(s, "text", "x"),
    "getstate": lambda s: s.__getstate__(),
    "bytes": lambda s: bytes(s),  # type: ignore[call-overload] # noqa: PLW0108
    "len": lambda s: len(s),  # type: ignore[arg-type] # noqa: PLW0108
}


@pytest.mark.parametrize("way", REFUSED)
def test_every_way_of_showing_or_copying_is_refused_without_naming_the_key(way: str) -> None:
    with pytest.raises(TypeError) as raised:
        REFUSED[way](Secret(KEY))
    assert KEY not in str(raised.value)


def test_repr_is_constant_also_inside_containers() -> None:
    assert repr({"k": [Holder(Secret(KEY))]}) == "{'k': [Holder(key=<Secret>)]}"


def test_dumping_differs_tell_nothing() -> None:
    assert KEY not in repr(DeepDiff(Holder(Secret(KEY)), Holder(Secret("other")), ignore_order=True))


def test_equality_is_by_value_and_only_with_secrets() -> None:
    assert Secret("ä1") == Secret("ä1")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@pytest.mark.parametrize(
    "text", ["0123", "1_000", "yes", " lead", "q\"'$x", "%s", "{0}", "ä\n\0", pytest.param("x" * 65536, id="64 KiB")]
)
def test_text_is_opaque(text: str) -> None:
    assert reveal(Secret(text)) == text
    assert reveal(Secret.from_bytes(text.encode())) == text


@pytest.mark.parametrize("data", [b"\xff\xfekey", b"\xed\xa0\x80"])
def test_bytes_that_json_cannot_carry_are_a_clear_error(data: bytes) -> None:
    with pytest.raises(NotTextError, match="UTF-8"):
        Secret.from_bytes(data)


def test_lone_surrogates_and_nothing_are_no_keys() -> None:
    with pytest.raises(NotTextError):
        Secret("\ud800")
    with pytest.raises(ValueError, match="empty"):
        Secret("")


def test_secrets_are_opened_at_the_listed_places_only() -> None:
    root = Path(reconciler.__file__).parent
    found = {(path.relative_to(root).as_posix(), name) for path in root.rglob("*.py") for name in reveals(path)} - {
        ("secrets/secret.py", "reveal")
    }
    assert found == ALLOWED | ALLOWED_ELSEWHERE
