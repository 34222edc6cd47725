import base64
import gzip
import html
import json
import urllib.parse

import pytest

from tests.secrets.canary import leaks

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
    "utf-16 in hex": "c4nary".encode("utf-16-be").hex().encode(),
    "bytes apart": str(list(KEY.encode())).encode(),
    "utf-16": "c4nary".encode("utf-16"),
    "compressed": gzip.compress(KEY.encode()),
    "reversed": KEY.encode()[::-1],
}


@pytest.mark.parametrize("encoding", WRITTEN)
def test_the_canary_is_found_in_every_encoding(encoding: str) -> None:
    assert encoding in leaks(b"before " * (encoding != "compressed") + WRITTEN[encoding], KEY, "c4nary")


@pytest.mark.parametrize(
    "written",
    [
        b"Qw7-hUN ter2\nxyz-09 Ab",
        b"qw7HUNTER2XYZ09AB",
        b"hunter2xyz09Ab",
        b"Qw7hunter2xyz0",
        b"51:77:37:68:75:6e:74:65:72:32:78:79:7a:30:39:41:62",
        b"0x51, 0x77, 0x37, 0x68, 0x75, 0x6e, 0x74, 0x65, 0x72, 0x32, 0x78, 0x79, 0x7a, 0x30, 0x39, 0x41, 0x62",
    ],
)
def test_the_canary_is_found_in_other_spellings(written: bytes) -> None:
    assert leaks(b"no: " + written + b"!", "Qw7hunter2xyz09Ab")


def test_nothing_is_found_where_nothing_is() -> None:
    assert leaks(b"Plan: 1 to create, 0 to update. c4n", KEY) == []
