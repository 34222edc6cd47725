import json

import pytest

from reconciler.api import wire
from reconciler.api.call import Ambiguous, Answered, ApiError, Call, Denied, NotSent, Refused, Verb
from reconciler.api.wire import Reply, encode
from reconciler.model.live import Live

RAY = "8f2a1b3c4d5e6f70-LHR"
ACCOUNT = "0" * 32
ID = "a" * 32
OTHER = "b" * 32
BASE = f"/accounts/{ACCOUNT}/magic/ipsec_tunnels"

LIST = Call(Verb.LIST)
CREATE = Call(Verb.CREATE, {"name": "lon"})
UPDATE = Call(Verb.UPDATE, {"items": [{"id": ID, "name": "lon"}]})
UPDATE_ONE = Call(Verb.UPDATE_ONE, {"name": "lon"}, ID)
DELETE = Call(Verb.DELETE, {}, ID)
SET_PSKS = Call(Verb.SET_PSKS, psks={ID: "lon", OTHER: "par"})
GENERATE = Call(Verb.GENERATE_PSK, {}, ID)
WRITES = (CREATE, UPDATE, UPDATE_ONE, DELETE, SET_PSKS, GENERATE)

TUNNEL = {"id": ID, "name": "lon", "cloudflare_endpoint": "192.0.2.1", "interface_address": "10.0.0.0/31"}
ERROR = b'{"success":false,"errors":[{"code":1022,"message":"no"}],"result":null}'


def decode(call, reply, wrap=str, quotes=lambda _: False):
    return wire.decode(call, reply, wrap, quotes)


def reveal(name):
    return f"key of {name}"


def good(result, **more):
    return json.dumps({"success": True, "errors": [], "messages": [], "result": result, **more}).encode()


def listed(*tunnels, **more):
    return good({"ipsec_tunnels": list(tunnels)}, **more)


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        (LIST, "GET", BASE, b""),
        (Call(Verb.ROUTES), "GET", BASE.replace("ipsec_tunnels", "routes"), b""),
        (CREATE, "POST", BASE, b'{"name":"lon"}'),
        (
            Call(Verb.CREATE, {"name": "lon"}, psks={"": "k"}),
            "POST",
            BASE,
            b'{"name":"lon","psk":"key of k"}',
        ),
        (UPDATE, "PUT", BASE, b'{"ipsec_tunnels":[{"id":"' + ID.encode() + b'","name":"lon"}]}'),
        (UPDATE_ONE, "PUT", f"{BASE}/{ID}", b'{"name":"lon"}'),
        (DELETE, "DELETE", f"{BASE}/{ID}", b"{}"),
        (Call(Verb.DELETE, {}, "a/../b?c#d"), "DELETE", f"{BASE}/a%2F..%2Fb%3Fc%23d", b"{}"),
        (
            Call(Verb.SET_PSKS, psks={ID: "k"}),
            "POST",
            f"{BASE}/psk",
            f'{{"psks":[{{"id":"{ID}","psk":"key of k"}}]}}'.encode(),
        ),
        (GENERATE, "POST", f"{BASE}/{ID}/psk_generate", b"{}"),
    ],
)
def test_each_call_has_its_request(call, method, path, body):
    request = encode(call, ACCOUNT, reveal)
    assert (request.method, request.path, request.body, request.query) == (method, path, body, {})
    assert request.headers.get("content-type") == ("application/json" if body else None)
    target = None if call.verb in {Verb.ROUTES, Verb.SET_PSKS, Verb.GENERATE_PSK} else "true"
    assert request.headers.get("x-magic-new-hc-target") == target


def test_a_check_only_says_so_in_the_query():
    assert encode(Call(Verb.CREATE, validate_only=True), ACCOUNT, reveal).query == {"validate_only": "true"}


@pytest.mark.parametrize("tunnel_id", [None, "", ".", ".."])
def test_an_id_that_would_change_the_path_is_refused(tunnel_id):
    with pytest.raises(ValueError, match="not an id"):
        encode(Call(Verb.DELETE, {}, tunnel_id), ACCOUNT, reveal)


def test_a_number_that_json_does_not_allow_is_not_sent():
    with pytest.raises(ValueError, match="JSON"):
        encode(Call(Verb.CREATE, {"mtu": float("nan")}), ACCOUNT, reveal)


@pytest.mark.parametrize(
    ("body", "what"),
    [(b"\n<html>", "with a web page in place of the API's answer"), (b"no", "without an error in it")],
)
def test_a_refusal_without_an_error_of_the_api_says_what_came_instead(body, what):
    assert decode(CREATE, Reply(400, {}, body)).errors == (ApiError("http-400", f"HTTP 400 {what}"),)


def test_requests_and_replies_do_not_show_their_bodies():
    request = encode(Call(Verb.CREATE, psks={"": "k"}), ACCOUNT, reveal)
    assert "key of k" not in repr(request)
    assert "key of k" not in repr(Reply(200, {}, request.body))


UNREADABLE = [
    b"",
    b" ",
    b"null",
    b"[]",
    b"true",
    b'"success"',
    b"1",
    b"<html><body>ok</body></html>",
    listed(TUNNEL)[:-1],
    listed(TUNNEL)[:-40],
    listed() + b"}",
    listed() + listed(),
    b"\xff\xfe" + listed(),
    listed().decode().encode("utf-16"),
    b'{"success":true,"result":{"ipsec_tunnels":[{"name":"\xe9"}]}}',
    b'{"success":true,"result":{"ipsec_tunnels":[{"name":"\\ud800"}]}}',
    b'{"success":true,"result":NaN}',
    b'{"success":true,"result":Infinity}',
    b'{"success":true,"result":-Infinity}',
    b'{"success":true,"result":1e400}',
    b'{"success":true,"result":' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[" * 65 + b"]" * 65,
    b'{"success":true,"result":' + b"[" * 64 + b"]" * 64 + b"}",
    b'{"success":false,"success":true,"result":{"ipsec_tunnels":[]}}',
    b'{"success":true,"result":{"ipsec_tunnels":[]},"result":{"ipsec_tunnels":[]}}',
    b'{"success":true,"result":{"ipsec_tunnels":[{"id":"a","id":"b"}]}}',
    b"{'success':true}",
    b'{"success":true,}',
    b'{"success":true,"result":"a\nb"}',
    b'{"success":true}\x00',
    b" " * (32 * 1024 * 1024 + 1),
]


@pytest.mark.parametrize("call", [LIST, *WRITES], ids=lambda call: call.verb)
@pytest.mark.parametrize("body", UNREADABLE, ids=range(len(UNREADABLE)))
def test_an_unreadable_success_settles_nothing(call, body):
    settled = decode(call, Reply(200, {"cf-ray": RAY}, body))
    assert isinstance(settled, Ambiguous)
    assert (settled.code, settled.ray) == ("unreadable", RAY)


@pytest.mark.parametrize(("length", "why"), [(32 << 20, "is not JSON"), ((32 << 20) + 1, "is too long")])
def test_an_answer_of_more_than_32_mebibytes_is_not_even_parsed(length, why):
    assert decode(LIST, Reply(200, {}, bytes(length))).message == f"the answer {why} (HTTP 200)"


def test_nesting_up_to_the_limit_and_a_byte_order_mark_are_read():
    deep = b'{"success":true,"result":{"ipsec_tunnels":[]},"messages":' + b"[" * 63 + b"]" * 63 + b"}"
    for body in (deep, b"\xef\xbb\xbf" + listed()):
        assert isinstance(decode(LIST, Reply(200, {}, body)), Answered)


def test_a_paired_surrogate_escape_is_a_character():
    body = listed({**TUNNEL, "description": "\U0001f600"})
    assert b"\\ud83d" in body
    assert decode(LIST, Reply(200, {}, body)).live.tunnels[ID].raw["description"] == "\U0001f600"


PARTS = (
    {"has_more": True},
    {"hasMore": False},
    {"total": 1},
    {"pages": 1},
    {"links": {"next": "/x"}},
    {"offset": 0},
    {"next_page": 2},
    {"nextPageToken": "x"},
    {"complete": False},
    {"is_truncated": True},
    {"total_count": 2},
    {"cursor": "x"},
    {"meta": {"total": 3}},
    {"metadata": {"next": "x"}},
    {"paging": {"cursors": {"after": "x"}}},
    {"resultInfo": {"total": 3}},
    {"done": False},
    {"eof": False},
    {"after": "x"},
    {"marker": "x"},
    {"size": 1},
    {"start": 0},
    {"skip": 0},
    {"@odata.nextLink": "/x"},
)
UNTRUSTED = [
    b"{}",
    ERROR,
    b'{"success":true}',
    b'{"result":{"ipsec_tunnels":[]}}',
    good(None),
    good([]),
    good([TUNNEL]),
    good({}),
    good("ipsec_tunnels"),
    good({"ipsec_tunnels": {}}),
    good({"ipsec_tunnels": ""}),
    good({"ipsec_tunnel": TUNNEL}),
    listed(None),
    listed("lon"),
    listed([]),
    listed({}),
    listed({**TUNNEL, "id": None}),
    listed({**TUNNEL, "id": 7}),
    listed({**TUNNEL, "id": ""}),
    listed({**TUNNEL, "id": "../x"}),
    listed({**TUNNEL, "id": "a/b"}),
    listed({**TUNNEL, "id": "a" * 37}),
    listed({**TUNNEL, "name": None}),
    listed({**TUNNEL, "name": ["lon"]}),
    listed({**TUNNEL, "name": ""}),
    listed({**TUNNEL, "interface_address": None}),
    listed({k: v for k, v in TUNNEL.items() if k != "cloudflare_endpoint"}),
    listed(TUNNEL, TUNNEL),
    listed(TUNNEL, {**TUNNEL, "name": "par"}),
    listed(TUNNEL, {**TUNNEL, "id": OTHER}),
    listed(success=False),
    listed(success=None),
    listed(success="true"),
    listed(success=1),
    listed(errors=[{"code": 1000, "message": "partly"}]),
    listed(errors={}),
    listed(errors=""),
    listed(errors="bad"),
    listed(errors=0),
    listed(TUNNEL, result_info={"total_count": 2}),
    listed(TUNNEL, result_info={"total_count": 0}),
    listed(TUNNEL, result_info={"total_count": "1"}),
    listed(TUNNEL, result_info={"count": 3}),
    listed(TUNNEL, result_info={"count": True}),
    listed(TUNNEL, result_info={"total_pages": 2}),
    listed(TUNNEL, result_info={"page": 2}),
    listed(TUNNEL, result_info={"cursor": "next"}),
    listed(TUNNEL, result_info={"next_cursor": "x"}),
    listed(TUNNEL, result_info={"cursors": {"after": "x"}}),
    listed(TUNNEL, result_info=[]),
    listed(TUNNEL, result_info="all"),
    *(listed(TUNNEL, result_info=info) for info in PARTS),
    *(good({"ipsec_tunnels": [TUNNEL], "result_info": info}) for info in PARTS),
    *(good({"ipsec_tunnels": [TUNNEL], **info}) for info in PARTS),
    *(listed(TUNNEL, **info) for info in PARTS),
    listed(TUNNEL, result_info={"took_ms": 3}),
    listed(TUNNEL, result_info={"page": 1}),
    listed(TUNNEL, result_info={"per_page": 1}),
    listed(TUNNEL, result_info={"page": 1, "per_page": 1, "count": 1}),
    listed(TUNNEL, result_info={"per_page": "25"}),
    listed(TUNNEL, result_info={"per_page": -1}),
    listed(TUNNEL, result_info={"cursors": {"before": "x"}}),
    good({"ipsec_tunnels": [TUNNEL], "result_info": [1]}),
    listed(result_info={"page": 1}),
    good({"ipsec_tunnels": None}, result_info={"total_count": 1}),
    good({"ipsec_tunnels": None}, result_info={"total_count": 2}),
    good({"ipsec_tunnels": None, "total_count": 2}),
]


@pytest.mark.parametrize("body", UNTRUSTED, ids=range(len(UNTRUSTED)))
def test_a_list_that_is_not_whole_is_untrusted(body):
    settled = decode(LIST, Reply(200, {"cf-ray": RAY}, body))
    assert isinstance(settled, Refused)
    assert (settled.status, settled.errors[0].code, settled.ray) == (200, "list-untrusted", RAY)


def test_a_list_of_null_waits_for_a_second_one():
    assert decode(LIST, Reply(200, {}, good({"ipsec_tunnels": None}))) == Answered()


def test_null_may_be_said_to_be_none():
    body = good({"ipsec_tunnels": None}, result_info={"count": 0, "total_count": 0})
    assert decode(LIST, Reply(200, {}, body)) == Answered()


def test_no_more_than_five_unknown_words_about_pages_are_told():
    (told,) = decode(LIST, Reply(200, {}, listed(TUNNEL, result_info=dict.fromkeys("abcdefg", 1)))).errors
    assert told.message == (
        "the answer says 'a', 'b', 'c', 'd', 'e' of its list, and it is not known whether that means a part of it"
    )


def test_an_empty_list_may_be_counted():
    assert decode(LIST, Reply(200, {}, listed(result_info={"count": 0, "total_count": 0, "per_page": 1}))).live == Live(
        {}
    )


def test_doubles_are_told_with_what_to_do_unless_a_name_is_a_secret():
    body = listed(TUNNEL, {**TUNNEL, "id": OTHER})
    (told,) = decode(LIST, Reply(200, {}, body)).errors
    assert told.message == '2 tunnels have the name "' + TUNNEL["name"] + f'" (ids {ID}, {OTHER})'
    assert told.remedy.startswith("Rename or delete all but one of them by hand")
    (told,) = decode(LIST, Reply(200, {}, body), quotes=lambda text: OTHER in text).errors
    assert OTHER not in told.message
    assert told.message.endswith("is withheld, since it may hold a secret")


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 301, 302, 303, 307, 308, 304])
def test_only_a_200_is_a_list(status):
    settled = decode(LIST, Reply(status, {}, listed(TUNNEL)))
    assert (settled.status, settled.errors[0].code) == (status, "list-untrusted")


@pytest.mark.parametrize(
    "body",
    [
        listed(TUNNEL),
        listed(TUNNEL, errors=None),
        listed(TUNNEL, result_info=None),
        listed(TUNNEL, result_info={}),
        listed(TUNNEL, result_info={"count": 1, "page": 1, "total_count": 1, "total_pages": 1, "cursors": {}}),
        listed(TUNNEL, result_info={"page": 1, "per_page": 1, "total_count": 1}),
        listed(TUNNEL, result_info={"page": 1, "per_page": 1, "total_pages": 1}),
        listed(TUNNEL, result_info={"page": 1, "per_page": 2, "count": 1}),
        listed(TUNNEL, result_info={"count": 1, "next": None, "cursor": "", "has_more": None}),
        listed(TUNNEL, account_id="a", request_id="b"),
        listed(TUNNEL, meta={}, warnings=[], marker=None),
        good({"ipsec_tunnels": [TUNNEL], "total_count": 1, "account_id": "a", "links": None}),
        good({"ipsec_tunnels": [TUNNEL], "result_info": {"count": 1, "total_count": 1}}),
        listed({**TUNNEL, "new_field": [1, {"x": None}]}),
        json.dumps({"success": True, "result": {"ipsec_tunnels": [TUNNEL]}}).encode(),
    ],
)
def test_a_whole_list_is_trusted(body):
    assert list(decode(LIST, Reply(200, {}, body)).live.tunnels) == [ID]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("link", '</x?page=2>; rel="next"'),
        ("link", "</x>; rel=prev, </x?page=2>; rel=next"),
        ("content-range", "tunnels 0-0/3"),
        ("x-total-count", "3"),
        ("x-next-page", "2"),
        ("x-pagination-more", "true"),
        ("x-next-cursor", "x"),
    ],
)
def test_a_list_whose_headers_speak_of_pages_is_untrusted(name, value):
    (told,) = decode(LIST, Reply(200, {name: value}, listed(TUNNEL))).errors
    assert (told.code, told.message) == (
        "list-untrusted",
        f"the answer's header {name} speaks of a part of a longer list",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("link", '<https://docs.example>; rel="help"'),
        ("x-account-id", "a"),
        ("x-ratelimit-remaining", "3"),
        ("x-content-type-options", "nosniff"),
        ("content-length", "9"),
        ("accept-ranges", "bytes"),
    ],
)
def test_other_headers_say_nothing_of_pages(name, value):
    assert list(decode(LIST, Reply(200, {name: value}, listed(TUNNEL))).live.tunnels) == [ID]


@pytest.mark.parametrize(
    ("call", "result", "expected"),
    [
        (CREATE, TUNNEL, {}),
        (CREATE, {"ipsec_tunnels": [TUNNEL]}, {}),
        (CREATE, None, {}),
        (UPDATE, {"modified": True, "modified_ipsec_tunnels": [TUNNEL, None, {"id": 7}]}, {"tunnels": {ID: TUNNEL}}),
        (UPDATE, {"modified_ipsec_tunnels": [TUNNEL]}, {"tunnels": {ID: TUNNEL}}),
        (UPDATE, {"modified": True}, {"tunnels": {}}),
        (UPDATE_ONE, {"modified": True, "modified_ipsec_tunnel": TUNNEL}, {"tunnels": {ID: TUNNEL}}),
        (UPDATE_ONE, {"modified_ipsec_tunnel": TUNNEL}, {"tunnels": {ID: TUNNEL}}),
        (UPDATE_ONE, {"modified_ipsec_tunnel": {"id": ID, "x": 1.5}}, {"tunnels": {ID: {"id": ID, "x": 1.5}}}),
        (DELETE, {"deleted": True, "deleted_ipsec_tunnel": TUNNEL}, {}),
        (DELETE, {"deleted": True}, {}),
        (
            SET_PSKS,
            {"successfully_applied_psks": {ID: {"psk": "s3cret"}, OTHER: {}}, "unapplied_psks": {}},
            {"taken": {ID: True, OTHER: True}},
        ),
        (
            SET_PSKS,
            {
                "successfully_applied_psks": {OTHER: {"ipsec_tunnel_id": OTHER}},
                "unapplied_psks": {ID: "short", "c": "x"},
            },
            {"taken": {ID: False, OTHER: True}},
        ),
        (
            SET_PSKS,
            {"successfully_applied_psks": {ID: {}, OTHER: {"ipsec_tunnel_id": ID}}, "unapplied_psks": {ID: "short"}},
            {"taken": {}},
        ),
        (
            SET_PSKS,
            {"unapplied_psks": {ID: None, OTHER: "no"}},
            {"taken": {ID: False, OTHER: False}},
        ),
        (GENERATE, {"ipsec_tunnel_id": ID, "psk": "abc"}, {"psk": ["abc"], "made_on": ""}),
        (GENERATE, {"psk": "abc", "psk_metadata": {"last_generated_on": "now"}}, {"psk": ["abc"], "made_on": "now"}),
        (GENERATE, {"psk": "abc", "psk_metadata": {"last_generated_on": 7}}, {"psk": ["abc"], "made_on": ""}),
        (Call(Verb.UPDATE, {"items": []}, validate_only=True), {"modified": False}, {}),
        (Call(Verb.CREATE, validate_only=True), None, {}),
    ],
)
def test_a_good_answer_is_reduced_to_what_the_engine_needs(call, result, expected):
    assert decode(call, Reply(200, {}, good(result)), lambda text: [text]) == Answered(**expected)


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (UPDATE, None),
        (UPDATE, []),
        (UPDATE, {}),
        (UPDATE, {"modified": "yes"}),
        (UPDATE, {"modified": 1, "modified_ipsec_tunnels": []}),
        (UPDATE, {"modified": True, "modified_ipsec_tunnels": {}}),
        (UPDATE_ONE, None),
        (UPDATE_ONE, {}),
        (UPDATE_ONE, {"modified": None}),
        (UPDATE_ONE, {"modified": True, "modified_ipsec_tunnel": {"id": OTHER}}),
        (DELETE, None),
        (DELETE, "gone"),
        (DELETE, {}),
        (DELETE, {"deleted": 0}),
        (DELETE, {"deleted": True, "deleted_ipsec_tunnel": {"id": OTHER}}),
        (SET_PSKS, None),
        (SET_PSKS, {}),
        (SET_PSKS, {"successfully_applied_psks": [ID], "unapplied_psks": []}),
        (GENERATE, None),
        (GENERATE, {}),
        (GENERATE, {"psk": ""}),
        (GENERATE, {"psk": 123}),
        (GENERATE, {"ipsec_tunnel_id": OTHER, "psk": "abc"}),
    ],
)
def test_a_success_that_does_not_say_what_was_done_settles_nothing(call, result):
    settled = decode(call, Reply(200, {}, good(result)))
    assert isinstance(settled, Ambiguous)
    assert settled.code == "unreadable"


@pytest.mark.parametrize(
    ("call", "body", "code"),
    [
        (UPDATE, good({"modified": False, "modified_ipsec_tunnels": []}), "not-modified"),
        (UPDATE_ONE, good({"modified": False}), "not-modified"),
        (DELETE, good({"deleted": False}), "not-deleted"),
        (CREATE, ERROR, "1022"),
        (CREATE, good(TUNNEL, success=False), "no-success"),
        (CREATE, good(TUNNEL, errors=[{"code": 5, "message": "x"}]), "5"),
        (CREATE, good(TUNNEL, errors=[None]), "unknown"),
    ],
)
def test_a_success_that_says_it_was_not_done_is_a_refusal(call, body, code):
    settled = decode(call, Reply(200, {}, body))
    assert isinstance(settled, Refused)
    assert (settled.status, settled.errors[0].code) == (200, code)


def test_what_an_answer_says_was_not_done_is_told():
    settled = decode(DELETE, Reply(200, {}, good({"deleted": False})))
    assert settled.errors == (ApiError("not-deleted", "the answer says deleted: false"),)


@pytest.mark.parametrize("call", WRITES, ids=lambda call: call.verb)
@pytest.mark.parametrize("change", [{"success": None}, {"success": "true"}, {"success": 1}, {"errors": "x"}])
def test_a_write_whose_success_is_unclear_settles_nothing(call, change):
    assert isinstance(decode(call, Reply(200, {}, good({"deleted": True}, **change))), Ambiguous)


@pytest.mark.parametrize("call", [LIST, *WRITES], ids=lambda call: call.verb)
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (100, "http-100", Ambiguous),
        (408, "http-408", Ambiguous),
        (429, "rate-limited", NotSent),
        (500, "http-500", Ambiguous),
        (502, "http-502", Ambiguous),
        (503, "http-503", Ambiguous),
        (504, "http-504", Ambiguous),
        (520, "http-520", Ambiguous),
        (599, "http-599", Ambiguous),
        (999, "http-999", Ambiguous),
    ],
)
def test_a_status_that_settles_nothing(call, status, code, kind):
    settled = decode(call, Reply(status, {}, ERROR))
    assert (type(settled), settled.code) == (kind, code)


@pytest.mark.parametrize(("call", "body"), [(LIST, ERROR), *((call, b"<html>") for call in (LIST, *WRITES))])
def test_a_conflict_of_a_list_or_without_the_word_of_the_api_settles_nothing(call, body):
    settled = decode(call, Reply(409, {}, body))
    assert (type(settled), settled.code) == (Ambiguous, "http-409")


@pytest.mark.parametrize("call", WRITES, ids=lambda call: call.verb)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirected_write_settles_nothing(call, status):
    settled = decode(call, Reply(status, {"location": "https://elsewhere.example"}, good({})))
    assert (type(settled), settled.code) == (Ambiguous, "redirect")


@pytest.mark.parametrize("call", [LIST, *WRITES], ids=lambda call: call.verb)
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("body", "code"),
    [(ERROR.replace(b"1022", b"1999"), "1999"), (b"<html>", None), (b"", None), (b'{"errors":{}}', None)],
)
def test_a_refused_token_is_denied_whatever_the_body(call, status, body, code):
    settled = decode(call, Reply(status, {}, body))
    assert isinstance(settled, Denied)
    assert (settled.status, settled.errors[0].code) == (status, code or f"http-{status}")


@pytest.mark.parametrize("call", [LIST, *WRITES], ids=lambda call: call.verb)
@pytest.mark.parametrize("code", ["1012", "1022", "1032", "7000", "7003"])
def test_a_403_with_an_error_about_what_was_asked_is_a_refusal_like_any_other(call, code):
    error = ERROR.replace(b"1022", code.encode())
    refused = decode(call, Reply(403, {}, error))
    assert isinstance(refused, Refused)
    assert (refused.status, refused.errors[0].code) == (403, code)
    assert isinstance(decode(call, Reply(401, {}, error)), Denied)
    assert isinstance(decode(call, Reply(403, {}, error.replace(b"[{", b'[{"code":10000,"message":"no"},{'))), Denied)


@pytest.mark.parametrize("call", [LIST, *WRITES], ids=lambda call: call.verb)
@pytest.mark.parametrize(("status", "code"), [(400, "10000"), (400, "6003"), (400, "9109"), (404, "1025")])
def test_an_error_about_the_token_is_a_denial_whatever_the_status(call, status, code):
    settled = decode(call, Reply(status, {}, ERROR.replace(b"1022", code.encode())))
    assert isinstance(settled, Denied)
    assert (settled.status, settled.errors[0].code) == (status, code)


@pytest.mark.parametrize(
    ("call", "status", "body", "seen"),
    [
        (CREATE, 400, ERROR, (400, "1022")),
        (CREATE, 400, b"<html>", (400, "http-400")),
        (CREATE, 422, b"", (422, "http-422")),
        (CREATE, 404, ERROR, (404, "1022")),
        (CREATE, 409, ERROR, (409, "1022")),
        (UPDATE, 409, ERROR, (409, "1022")),
        (DELETE, 409, ERROR, (409, "1022")),
        (LIST, 404, ERROR, (404, "1022")),
        (LIST, 400, b"\xff", (400, "http-400")),
        (UPDATE, 413, b"<html>too large</html>", (413, "http-413")),
        (UPDATE, 400, ERROR.replace(b"no", b"Request body is too large"), (413, "1022")),
        (UPDATE, 400, ERROR.replace(b"no", b"too many tunnels in request"), (413, "1022")),
        (UPDATE, 400, ERROR.replace(b"no", b"description is too large"), (400, "1022")),
        (DELETE, 404, ERROR.replace(b"1022", b"7003"), (404, "7003")),
        (DELETE, 404, ERROR.replace(b"1022", b"7000"), (404, "7000")),
        (DELETE, 404, ERROR.replace(b"1022", b"1012"), (404, "1012")),
    ],
)
def test_other_client_errors_are_refusals(call, status, body, seen):
    settled = decode(call, Reply(status, {}, body))
    assert isinstance(settled, Refused)
    assert (settled.status, settled.errors[0].code) == seen


def test_deleting_what_the_api_does_not_find_is_done():
    assert decode(DELETE, Reply(404, {}, ERROR)) == Answered()


def test_a_404_that_the_api_did_not_write_settles_no_delete():
    assert isinstance(decode(DELETE, Reply(404, {}, b"<html>")), Ambiguous)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"code": 1022, "message": "Invalid \x1b[31m"}, ApiError("1022", "Invalid \x1b[31m")),
        ({"code": "e1" * 50, "message": "m" * 600}, ApiError("e1" * 32, "m" * 500)),
        ({"code": True, "message": "m"}, ApiError("unknown", "m")),
        ({"message": 5}, ApiError("unknown", "no message")),
        ({}, ApiError("unknown", "no message")),
        ("text", ApiError("unknown", "text")),
        ({"code": 1, "message": " \n"}, ApiError("1", "no message")),
        (
            {"code": 1, "message": "m", "documentation_url": "https://a.example/" + "x" * 600},
            ApiError("1", "m", documentation_url="https://a.example/" + "x" * 482),
        ),
    ],
)
def test_errors_are_verbatim_but_bounded(entry, error):
    body = json.dumps({"success": False, "errors": [entry]}).encode()
    assert decode(CREATE, Reply(400, {}, body)).errors == (error,)


@pytest.mark.parametrize(
    ("pointer", "field"),
    [
        ("/bgp/customer_asn", "bgp.customer_asn"),
        ("#/bgp/extra_prefixes/1", "bgp.extra_prefixes"),
        ("/ipsec_tunnels/3/health_check/target", "health_check.target"),
        ("ipsec_tunnels[0].name", "name"),
        ("/psks/0/name", "name"),
        ("body.interface_address6", "interface_address6"),
        ("/bgp/mtu", "/bgp/mtu"),
        ("/", "/"),
        ("", None),
        (7, None),
    ],
)
def test_a_pointer_names_a_field(pointer, field):
    body = json.dumps({"errors": [{"code": 1, "message": "no", "source": {"pointer": pointer}}]}).encode()
    assert decode(UPDATE_ONE, Reply(400, {}, body)).errors[0].field == field


def test_all_that_is_said_beside_an_error_comes_behind_it():
    chained = {"code": 3, "message": "why", "error_chain": [{"code": 4, "message": "deeper"}]}
    envelope = {
        "errors": [{"code": 1, "message": "one", "error_chain": [chained]}, {"code": 2, "message": "two"}],
        "messages": [{"code": 5, "message": "beside"}, {"code": 6, "message": ""}, "text", None],
    }
    told = decode(CREATE, Reply(400, {}, json.dumps(envelope).encode())).errors
    assert [(e.code, e.message) for e in told] == [
        ("1", "one"),
        ("3", "why"),
        ("4", "deeper"),
        ("2", "two"),
        ("5", "beside"),
        ("unknown", "text"),
    ]


def test_of_many_errors_and_causes_only_the_first_are_told():
    chain = None
    for code in range(9, 0, -1):
        chain = {"code": code, "message": "no", "error_chain": [chain] if chain else []}
    envelope = {"errors": [chain, *({"code": code, "message": "no"} for code in range(10, 40))]}
    told = decode(CREATE, Reply(400, {}, json.dumps(envelope).encode())).errors
    assert [int(e.code) for e in told] == [1, 2, 3, 4, 5, 6, *range(10, 24)]


@pytest.mark.parametrize("code", [10000, 1032, 7003])
def test_what_stands_beside_the_errors_decides_nothing(code):
    envelope = {"errors": [{"code": 1, "message": "no"}], "messages": [{"code": code, "message": "too many tunnels"}]}
    settled = decode(UPDATE, Reply(400, {}, json.dumps(envelope).encode()))
    assert (type(settled), settled.status) == (Refused, 400)


def test_messages_of_a_refusal_in_a_success_are_told_too():
    body = good({"modified": False}, messages=[{"code": 5, "message": "beside"}])
    assert decode(UPDATE_ONE, Reply(200, {}, body)).errors[1] == ApiError("5", "beside")


KEY = "Qw7-hunter2/xyz+09 Ab"
SPELLINGS = (
    KEY,
    str(list(KEY.encode())),
    KEY.encode().hex(":"),
    KEY.encode("utf-16-le").hex(),
    KEY.swapcase(),
    "\n".join(KEY),
    KEY[3:],
    KEY[:-3],
    "backwards: " + KEY[::-1],
)
ASK = "; `reconciler plan --server-check` asks without the pre-shared key, and shows what it says"
BGP = {"bgp": {"customer_asn": 65010, "md5_key": KEY}}


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize("spelt", SPELLINGS)
@pytest.mark.parametrize(
    ("call", "more"),
    [
        (Call(Verb.CREATE, {"name": "lon"}, psks={"": "k"}), ASK),
        (Call(Verb.CREATE, {"name": "lon", **BGP}, psks={"": "k"}), ""),
        (Call(Verb.CREATE, {"name": "lon", **BGP}, validate_only=True), ""),
        (Call(Verb.UPDATE, {"items": [{"id": ID, "bgp": None}, {"id": OTHER, **BGP}]}), ""),
        (Call(Verb.UPDATE_ONE, BGP, ID), ""),
        (SET_PSKS, ""),
        (GENERATE, ""),
    ],
)
def test_of_an_answer_to_a_call_with_a_key_only_the_code_is_told(call, more, spelt, status):
    errors = [{"code": 1022, "message": f"no: {spelt}"}, {"code": spelt, "message": "no"}]
    told = decode(call, Reply(status, {}, json.dumps({"success": False, "errors": errors}).encode())).errors
    sentence = f"Cloudflare's message is withheld, since it may quote a key{more}"
    assert told == (ApiError("1022", sentence), ApiError("unknown", sentence))


@pytest.mark.parametrize(
    ("pointer", "field"), [("/bgp/md5_key", "bgp.md5_key"), (f"/{KEY}", None), (f"/bgp/md5_key/{KEY}", None)]
)
def test_the_field_that_it_is_about_is_told_only_if_it_is_one_of_ours(pointer, field):
    errors = [{"code": 1022, "message": "no", "source": {"pointer": pointer}}]
    body = json.dumps({"success": False, "errors": errors}).encode()
    sentence = "Cloudflare's message is withheld, since it may quote a key"
    assert decode(SET_PSKS, Reply(400, {}, body)).errors == (ApiError("1022", sentence, field=field),)


def test_what_a_message_means_is_known_although_it_is_withheld():
    body = json.dumps({"success": False, "errors": [{"code": 1, "message": "Request body is too large"}]}).encode()
    call = Call(Verb.UPDATE, {"items": [{"id": ID, **BGP}]})
    assert decode(call, Reply(400, {}, body)).status == 413


@pytest.mark.parametrize(
    "call", [LIST, CREATE, DELETE, Call(Verb.UPDATE, {"items": [{"id": ID, "bgp": {"customer_asn": 1}}]})]
)
def test_another_message_is_withheld_only_if_it_quotes_a_secret(call):
    errors = [{"code": "s3cret", "message": "no"}, {"code": 2, "message": "a s3cret"}, {"code": 3, "message": "no"}]
    body = json.dumps({"success": False, "errors": errors}).encode()
    told = decode(call, Reply(400, {}, body), quotes=lambda text: "s3cret" in text).errors
    sentence = "Cloudflare's message is withheld, since it may quote a key"
    assert told == (ApiError("unknown", sentence), ApiError("2", sentence), ApiError("3", "no"))


@pytest.mark.parametrize("reason", [KEY, "", None, 5, "too short"])
def test_the_reason_for_a_refused_key_is_not_kept(reason):
    assert decode(SET_PSKS, Reply(200, {}, good({"unapplied_psks": {ID: reason}}))) == Answered(taken={ID: False})


def test_no_message_about_an_unreadable_answer_quotes_it():
    for body in (b'{"result":{"psk":"s3cret"', b'{"psk":"s3cret","psk":"s3cret"}', b'["s3cret"]'):
        assert "s3cret" not in repr(decode(GENERATE, Reply(200, {}, body)))


@pytest.mark.parametrize("ray", ["", "s3cret-key", "Zx9", "8f2a1b3c4d5e6f70-LHR extra", "8f2a1b3c4d5e6f70-lhr", "-LHR"])
def test_a_ray_that_is_none_is_not_kept(ray):
    assert decode(LIST, Reply(401, {"cf-ray": ray}, b"")).ray is None


def test_a_tunnel_is_read_by_its_id_and_an_answer_about_another_is_not_believed():
    call = Call(Verb.GET, tunnel_id="1f")
    request = wire.encode(call, "acc", str)
    assert (request.method, request.path, request.body) == ("GET", "/accounts/acc/magic/ipsec_tunnels/1f", b"")
    assert request.headers["x-magic-new-hc-target"] == "true"
    one = b'{"success": true, "errors": [], "result": {"ipsec_tunnel": {"id": "1f", "name": "lon"}}}'
    assert decode(call, Reply(200, {}, one)).tunnels == {"1f": {"id": "1f", "name": "lon"}}
    for wrong in (b'"2e"', b"7", b"null"):
        assert isinstance(decode(call, Reply(200, {}, one.replace(b'"1f"', wrong))), Ambiguous)
    missing = b'{"success": false, "errors": [{"code": 1032, "message": "not found"}], "result": null}'
    assert isinstance(decode(call, Reply(404, {}, missing)), Refused)
