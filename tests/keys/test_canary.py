import base64
import gzip
import html
import json
import urllib.parse

import pytest

from tests.keys.canary import leaks

KEY = 'c4n\'ary <"key"> äÖ&%/'

WRITTEN = {
    "raw": KEY.encode(),
    "json": json.dumps({"m": KEY}).encode(),
    "json twice": json.dumps(json.dumps({"m": KEY})).encode(),
    "url": urllib.parse.quote_plus(KEY).encode(),
    "html": html.escape(KEY).encode(),
    "base64": base64.b64encode(b"token:" + KEY.encode()),
    "hex": b"dump 0" + KEY.encode().hex().encode(),
    "repr": repr(KEY.encode()).encode(),
    "utf-16": "c4nary".encode("utf-16"),
    "compressed": gzip.compress(KEY.encode()),
    "reversed": KEY.encode()[::-1],
}


@pytest.mark.parametrize("encoding", WRITTEN)
def test_the_canary_is_found_in_every_encoding(encoding: str) -> None:
    assert encoding in leaks(b"before " * (encoding != "compressed") + WRITTEN[encoding], KEY, "c4nary")


def test_nothing_is_found_where_nothing_is() -> None:
    assert leaks(b"Plan: 1 to create, 0 to update. c4n", KEY) == []
