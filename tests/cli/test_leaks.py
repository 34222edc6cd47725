"""Ways by which a key or token could get out. Each is tried in every format, and without the redactor too."""

import base64
import html
import json
import sys
from collections.abc import Callable
from urllib.parse import quote

import pytest

from reconciler.model.scratch import MARKER
from reconciler.secrets.redact import Redactor
from reconciler.simulator.faults import Ambiguous
from reconciler.simulator.message import Reply, failure
from tests.cli.test_accounts import git
from tests.cli.world import ID, Ran, World, tunnel
from tests.secrets.canary import leaks

KEY = "c4nary-PSK 'q\"<&>%s {0} *_`|~ \\key"
MD5 = "Md5=Canary&<x>_y"
TOKEN = "t0ken-C4nary.abcdef/123="  # noqa: S105
FORMATS = ("text", "json", "markdown", "html", "github")
ENV = {"CLOUDFLARE_API_TOKEN": TOKEN, "KEY": KEY, "MD5": MD5}
KEYED = {"psk": {"env": "KEY"}}
BGP = {"bgp": {"customer_asn": 65000, "md5_key": MD5}}
BGP_REF = {"bgp": {"customer_asn": 65000, "md5_key": {"env": "MD5"}}}
HOLDERS = ("tunnels/", "sink/", "live.json", "box.json")
"""Files that hold keys on purpose: the user's own, and those of mode 0600."""

Path_ = Callable[[World], list[Ran]]
PATHS: dict[str, Path_] = {}
REDACTED: set[str] = set()


def path(*, redacted: bool = False) -> Callable[[Path_], Path_]:
    """A named path; `redacted` when only the redactor closes it."""

    def named(function: Path_) -> Path_:
        name = function.__name__.replace("_", " ")
        PATHS[name] = function
        if redacted:
            REDACTED.add(name)
        return function

    return named


def each(world: World, *argv: str, **options: object) -> list[Ran]:
    """The same command in every format, with logs; files too."""
    (world.root / "out").mkdir(exist_ok=True)
    files = [part for f in FORMATS for part in ("-o", f"{f}=out/{f}")]
    runs = [world.run(*argv, "-o", f, "-vv", **options) for f in FORMATS]
    return [*runs, world.run(*argv, *files, "-v", "--log-format", "json", **options)]


def text(world: World, yaml: str, *argv: str) -> list[Ran]:
    world.account()
    world.write("tunnels/prod/a.yaml", yaml)
    return each(world, *(argv or ("validate",)))


HEAD = "tunnels:\n  - name: a\n    cloudflare_endpoint: 203.0.113.1\n    interface_address: 10.0.0.0/31\n"


def written(name: str, yaml: str) -> None:
    PATHS[name] = lambda world: text(world, yaml.replace("KEY", json.dumps(KEY)).replace("MD5", json.dumps(MD5)))


for name, line in {
    "literal key": "psk: KEY",
    "literal key in a list": "psk: [KEY]",
    "literal key in a mapping": "psk: {value: KEY}",
    "literal key as a mapping's key": "psk: {KEY: 1}",
    "literal key as a variable's name": "psk: {env: KEY}",
    "literal key as a choice": "psk: {generate: KEY, deliver_to: {file: x}}",
    "two literal keys": "psk: KEY\n    psk: KEY",
    "key under a misspelt name": "pks: KEY",
    "key under a plural name": "psks: KEY",
    "key in capitals": "PSK: KEY",
    "key under its long name": "pre_shared_key: KEY",
    "key under another word": "secret: KEY",
    "key where a name should be": "KEY: psk",
    "key with a tag": "psk: !secret KEY",
    "key with an anchor": "psk: &a KEY\n    description: *a",
    "key beside a wrong sibling": "psk: KEY\n    replay_protection: x",
    "broken quotes after a key": "psk: KEY x: [",
    "block key": "psk: |\n      " + KEY + "\n    nope: 1",
    "md5 key beside a wrong sibling": "bgp: {customer_asn: x, md5_key: MD5}",
    "md5 key that is too long": f'bgp: {{customer_asn: 1, md5_key: "{MD5 * 9}"}}',
    "md5 key with a bad character": f'bgp: {{customer_asn: 1, md5_key: "{MD5}é"}}',
    "md5 key of another type": "bgp: {customer_asn: 1, md5_key: [MD5]}",
    "md5 key under a misspelt name": "bgp: {customer_asn: 1, md5key: MD5}",
    "md5 key at another place": "md5_key: MD5",
    "md5 key twice": "bgp: {customer_asn: 1, md5_key: MD5, md5_key: MD5}",
    "md5 key in broken yaml": "bgp: {customer_asn: 1, md5_key: MD5",
}.items():
    written(name, f"{HEAD}    {line}\n")
written("literal key in defaults", "defaults: {psk: KEY}\n" + HEAD)
written("literal key at the top", "psk: KEY\n" + HEAD)
written("literal key as a tunnel", "tunnels: [KEY]\n")
written("md5 key in defaults with an error", "defaults: {bgp: {customer_asn: x, md5_key: MD5}}\n" + HEAD)


@path()
def literal_token_in_the_account(world: World) -> list[Ran]:
    world.account(token=TOKEN)
    world.declare(tunnel(1))
    return each(world, "plan")


@path()
def literal_token_as_a_variable_name(world: World) -> list[Ran]:
    world.account(token={"env": TOKEN})
    world.declare(tunnel(1))
    return each(world, "plan")


@path()
def token_with_a_line_end(world: World) -> list[Ran]:
    world.declare(tunnel(1))
    return each(world, "plan", env={"CLOUDFLARE_API_TOKEN": f"{TOKEN}\n{TOKEN}"})


@path(redacted=True)
def token_on_the_command_line(world: World) -> list[Ran]:
    world.declare(tunnel(1))
    ways = [["--token", TOKEN], [f"--token={TOKEN}"], ["plan", TOKEN], [TOKEN], ["plan", "--account", TOKEN]]
    ways += [["psk", "set", TOKEN], ["plan", "-o", TOKEN], ["plan", "--timeout", TOKEN], ["psk", TOKEN]]
    unset = {"CLOUDFLARE_API_TOKEN": None}
    return [*(world.run(*way) for way in ways), *(world.run(*way, env=unset) for way in (["plan", "--token", TOKEN],))]


@path()
def token_in_the_base_url(world: World) -> list[Ran]:
    world.declare(tunnel(1))
    host = "127.0.0.1:1"
    urls = [f"https://{quote(TOKEN, '')}@{host}", f"https://u:{quote(TOKEN, '')}@{host}/x", f"https://{host}?t={TOKEN}"]
    return [world.bare("plan", "--base-url", url) for url in urls]


def go_json(text: str) -> str:
    """As Go's encoding/json writes a string."""
    text = json.dumps(text, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "as json": lambda key: json.dumps({"psk": key}),
    "in a url": lambda key: quote(key, ""),
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
    "in hexadecimal": lambda key: key.encode().hex(),
    "as repr": repr,
    "as go writes json": go_json,
    "as json with escaped slashes": lambda key: json.dumps(key).replace("/", "\\/"),
    "as json of code points": lambda key: "".join(f"\\u{ord(c):04X}" for c in key),
    "as html": html.escape,
    "as json in json": lambda key: json.dumps(json.dumps(key)),
    "as html in json": lambda key: json.dumps(html.escape(key)),
    "in another character set": lambda key: f"é{key}".encode().decode("latin-1"),
    "in decimal bytes": lambda key: str(list(key.encode())),
    "in hexadecimal with colons": lambda key: key.encode().hex(":"),
    "in hexadecimal of utf-16": lambda key: key.encode("utf-16-be").hex(),
    "in capitals": str.upper,
    "letter by letter": " ".join,
    "in lines": lambda key: "\n".join(key[i : i + 5] for i in range(0, len(key), 5)),
    "without its beginning": lambda key: key[3:],
    "without its end": lambda key: key[:-3],
}
BY_CODE_POINTS = ("as json of code points", "in decimal bytes", "in hexadecimal of utf-16")
"""Spellings in which a token is not found; as it goes with every call, not every message can be withheld."""


def echo(world: World, message: str, method: str, status: int = 400, holding: str = "") -> None:
    """Refuses calls of a method whose body holds a text, and says the message."""

    def answer(sim, request):
        if request.method == method and holding.encode() in request.body:
            sim.note(request, status)
            return failure(status, 1022, f"refused: {message}!")
        return sim.handle(request)

    world.answer = answer


def echoed(spelling: str) -> None:
    def create(world: World) -> list[Ran]:
        world.declare(tunnel(1, **KEYED))
        echo(world, SPELLINGS[spelling](KEY), "POST")
        return each(world, "apply", "--auto-approve")

    def set_key(world: World) -> list[Ran]:
        world.live(tunnel(1))
        world.declare(tunnel(1, **KEYED))
        echo(world, SPELLINGS[spelling](KEY), "POST")
        return each(world, "psk", "set", "t001", "--auto-approve")

    def list_token(world: World) -> list[Ran]:
        world.declare(tunnel(1))
        echo(world, SPELLINGS[spelling](TOKEN), "GET", 401)
        return each(world, "plan")

    def bgp_key(world: World) -> list[Ran]:
        world.live(tunnel(1), tunnel(2, **BGP))
        world.declare(tunnel(1, description="x"), tunnel(2, **BGP, description="x"), tunnel(3, **BGP))
        echo(world, SPELLINGS[spelling](MD5), "PUT", holding=MD5)
        runs = [world.run("apply", "--auto-approve", "-vv")]
        echo(world, SPELLINGS[spelling](MD5), "POST", holding=MD5)
        return [*runs, world.run("plan", "--server-check", "-v"), world.run("apply", "--auto-approve", "-o", "json")]

    PATHS[f"create refused with the key {spelling}"] = create
    PATHS[f"psk set refused with the key {spelling}"] = set_key
    PATHS[f"update and create refused with the md5 key {spelling}"] = bgp_key
    if spelling not in BY_CODE_POINTS:
        PATHS[f"401 with the token {spelling}"] = list_token
    if spelling in ("in base64", "in hexadecimal", "in capitals"):
        REDACTED.add(f"401 with the token {spelling}")


for spelling in SPELLINGS:
    echoed(spelling)


@path()
def update_refused_with_the_md5_key_of_another_tunnel(world: World) -> list[Ran]:
    world.live(tunnel(1), tunnel(2, **BGP))
    world.declare(tunnel(1, description="x"))
    echo(world, f"as {MD5} says", "PUT")
    return each(world, "apply", "--auto-approve")


@path()
def update_refused_with_the_md5_key(world: World) -> list[Ran]:
    world.live(tunnel(1))
    world.declare(tunnel(1, **BGP))
    echo(world, MD5, "PUT")
    return [*each(world, "apply", "--auto-approve"), *each(world, "plan", "--server-check")]


@path()
def first_list_refused_with_the_md5_key(world: World) -> list[Ran]:
    world.declare(tunnel(1, **BGP))
    echo(world, MD5, "GET", 404)
    return [*each(world, "plan"), *each(world, "apply", "--auto-approve"), *each(world, "drift")]


@path()
def first_list_refused_with_an_md5_key_by_reference(world: World) -> list[Ran]:
    world.declare(tunnel(1, **BGP_REF))
    echo(world, MD5, "GET", 404)
    return [*each(world, "plan"), *each(world, "apply", "--auto-approve"), *each(world, "drift")]


@path()
def list_for_psks_and_an_import_refused_with_the_md5_key(world: World) -> list[Ran]:
    world.declare(tunnel(1, **KEYED, **BGP))
    echo(world, MD5, "GET", 404)
    return [*each(world, "psk", "status"), *each(world, "psk", "set", "t001", "--auto-approve"), *each(world, "import")]


@path()
def psk_refused_with_the_md5_key_of_another_tunnel(world: World) -> list[Ran]:
    world.live(tunnel(1), tunnel(2, **BGP))
    world.declare(tunnel(1, psk={"generate": "cloudflare", "deliver_to": {"file": "sink/a"}}))
    (world.root / "tunnels/prod/sink").mkdir()
    echo(world, MD5, "POST")
    return each(world, "psk", "rotate", "t001", "--auto-approve")


@path()
def update_refused_with_an_md5_key_by_reference(world: World) -> list[Ran]:
    world.live(tunnel(1), tunnel(2))
    world.declare(tunnel(1, **BGP_REF), tunnel(2, description="x"))
    echo(world, f"as {MD5} says", "PUT")
    return [*each(world, "apply", "--auto-approve"), *each(world, "plan", "--server-check")]


@path()
def plan_apply_and_drift_of_an_md5_key_by_reference(world: World) -> list[Ran]:
    world.become(bulk_put="replace")
    world.live(tunnel(1), tunnel(2, bgp={"customer_asn": 1, "md5_key": MD5[::2]}), tunnel(3, **BGP))
    world.declare(tunnel(1, **BGP_REF), tunnel(2, **BGP_REF), tunnel(3), tunnel(4, **BGP_REF))
    runs = [*each(world, "plan", "--out", "p.json"), *each(world, "drift", "--patch", "p.patch")]
    git(world)
    runs += [*each(world, "plan", "--baseline", "HEAD"), *each(world, "apply", "--auto-approve", env={"MD5": MD5 * 9})]
    return [*runs, world.run("apply", "--auto-approve", "--plan", "p.json")]


@path(redacted=True)
def last_list_refused_with_the_key(world: World) -> list[Ran]:
    world.declare(tunnel(1, **KEYED))
    created = []

    def answer(sim, request):
        created.extend([1] if request.method == "POST" else [])
        if request.method == "GET" and created:
            return failure(404, 1, f"what is {KEY}")
        return sim.handle(request)

    world.answer = answer
    runs = []
    for name in FORMATS:
        created.clear()
        world.sim.account(ID).tunnels.clear()
        runs.append(world.run("apply", "--auto-approve", "-o", name))
    return runs


@path(redacted=True)
def live_tunnel_named_like_the_token(world: World) -> list[Ran]:
    world.live(tunnel(1, name=f"x {TOKEN}", description=TOKEN))
    world.declare(tunnel(2), tunnel(3))
    return [*each(world, "plan", "--out", "p.json"), *each(world, "drift")]


@path()
def list_that_is_html_with_the_token(world: World) -> list[Ran]:
    world.declare(tunnel(1))
    world.answer = lambda *_: Reply(404, {"content-type": "text/html"}, f"<b>{TOKEN}</b>".encode())
    return each(world, "plan")


@path()
def redirect_to_a_place_with_the_token(world: World) -> list[Ran]:
    world.declare(tunnel(1))
    world.answer = lambda *_: Reply(307, {"location": f"https://elsewhere.invalid/{TOKEN}"}, b"")
    return each(world, "plan")


@path()
def ray_with_the_token(world: World) -> list[Ran]:
    world.declare(tunnel(1))

    def answer(*_: object) -> Reply:
        reply = failure(403, 10000, "no")
        reply.headers["cf-ray"] = TOKEN
        return reply

    world.answer = answer
    return each(world, "plan")


def examined(world: World, **env: str) -> list[Ran]:
    return [world.run("doctor", "-o", form, "-vv", env=env) for form in ("text", "json")]


@path(redacted=True)
def doctor_where_the_token_is_everywhere(world: World) -> list[Ran]:
    world.live(tunnel(1, name=TOKEN, **BGP), tunnel(2, name=f"reconciler-doctor-{TOKEN}", description=MARKER))
    world.declare(tunnel(3, **KEYED, **BGP_REF))

    def answer(sim, request):
        reply = failure(404, 1022, TOKEN) if request.method == "PUT" else sim.handle(request)
        said = dict.fromkeys(("date", "ratelimit", "ratelimit-policy", "x-ratelimit-remaining"), TOKEN)
        return Reply(reply.status, reply.headers | said, reply.body.replace(b"modified_on", TOKEN.encode()))

    world.answer = answer
    proxy = {"HTTPS_PROXY": f"http://{quote(TOKEN, '')}:{quote(KEY, '')}@proxy.example"}
    return examined(world, SSL_CERT_FILE=f"/{TOKEN}", **proxy)


@path()
def doctor_of_an_account_that_refuses_with_secrets(world: World) -> list[Ran]:
    world.declare(tunnel(1, **KEYED, **BGP), tunnel(2, **BGP_REF))
    echo(world, f"{TOKEN} and {MD5}", "GET", 403)
    return examined(world)


@path()
def measurement_whose_answers_quote_all_secrets(world: World) -> list[Ran]:
    world.live(tunnel(1, **BGP))
    world.declare(tunnel(2, **KEYED))
    wanted = ("--account", "prod", "--network", "10.255.0.0/29", "--beside-live", "--auto-approve")
    runs = []
    for method in ("PUT", "POST"):
        echo(world, f"{TOKEN} and {MD5}", method, 400)
        runs.append(world.run("doctor", "--measure", *wanted, "-o", "json", "-vv"))
    return runs


@path()
def lost_answer_to_a_create_with_a_key(world: World) -> list[Ran]:
    world.declare(tunnel(1, **KEYED))

    def answer(sim, request):
        if request.method == "POST":
            sim.handle(request)
            raise Ambiguous(KEY)
        return sim.handle(request)

    world.answer = answer
    return [world.run("apply", "--auto-approve", "-v", "--timeout", "1")]


@path()
def unapplied_key_with_the_key_as_reason(world: World) -> list[Ran]:
    (one,) = world.live(tunnel(1))
    world.declare(tunnel(1, **KEYED))

    def answer(sim, request):
        if request.method != "POST":
            return sim.handle(request)
        result = {"modified": False, "modified_ipsec_tunnels": [], "unapplied_psks": {one: f"bad key {KEY}"}}
        envelope = {"success": True, "errors": [], "messages": [{"message": KEY}], "result": result}
        return Reply(200, {"content-type": "application/json"}, json.dumps(envelope).encode())

    world.answer = answer
    return each(world, "psk", "set", "t001", "--auto-approve")


@path()
def plan_apply_and_drift_of_an_md5_key(world: World) -> list[Ran]:
    world.become(bulk_put="replace")
    world.live(tunnel(1), tunnel(2, bgp={"customer_asn": 1, "md5_key": MD5[::2]}), tunnel(3, **BGP))
    world.declare(tunnel(1, **BGP), tunnel(2, **BGP), tunnel(3), tunnel(4, **BGP))
    runs = [*each(world, "plan", "--out", "p.json"), *each(world, "drift"), *each(world, "psk", "status")]
    git(world)
    runs += [*each(world, "plan", "--baseline", "HEAD"), *each(world, "drift", "--previous", "out/json")]
    return [*runs, *each(world, "plan", "--server-check"), world.run("apply", "--auto-approve", "--plan", "p.json")]


@path()
def apply_with_a_key(world: World) -> list[Ran]:
    world.declare(tunnel(1, **KEYED))
    return each(world, "apply", "--auto-approve")


@path()
def key_under_github(world: World) -> list[Ran]:
    world.declare(tunnel(1, **KEYED))
    return [world.run("apply", "--auto-approve", env={"GITHUB_ACTIONS": "true"})]


@path()
def import_and_saved_lists(world: World) -> list[Ran]:
    world.live(tunnel(1, **BGP))
    world.account()
    runs = [
        world.run("import"),
        world.run("plan", "--save-live", "live.json"),
        world.bare("plan", "--live", "live.json"),
    ]
    for file in ("tunnels/prod/imported.yaml", "live.json"):
        assert (world.root / file).stat().st_mode & 0o777 == 0o600
        assert MD5 in world.read(file)
    return runs


@path()
def sandbox_file(world: World) -> list[Ran]:
    world.declare(tunnel(1, **KEYED))
    ran = world.bare("apply", "--auto-approve", "--sandbox=box.json")
    assert (world.root / "box.json").stat().st_mode & 0o777 == 0o600
    assert KEY[:8] in world.read("box.json")
    return [ran]


def bug(world: World, secret: str, exploding: str, *argv: str) -> list[Ran]:
    def explode(*_: object, **__: object) -> None:
        local = secret
        try:
            raise ValueError(local)  # noqa: TRY301
        except ValueError as inner:
            raise RuntimeError(f"wrong: {local!r}") from inner

    with world.patch.context() as patch:
        patch.setattr(exploding, explode)
        runs = []
        for name in FORMATS:
            world.forget()
            runs.append(world.run(*argv, "-o", name))
    assert {r.code for r in runs} == {70}
    assert all("internal error" in r.err for r in runs)
    assert runs[1].json["outcome"] == "internal"
    return runs


@path(redacted=True)
def traceback_with_the_token(world: World) -> list[Ran]:
    world.declare(tunnel(1))
    return bug(world, TOKEN, "reconciler.cli.planning.build_plan", "plan")


@path(redacted=True)
def traceback_with_the_key_in_a_thread(world: World) -> list[Ran]:
    world.declare(tunnel(1, **KEYED))
    world.account("lab", account_id="f" * 32)
    world.declare(tunnel(2, **KEYED), file="lab/a.yaml")
    return bug(world, KEY, "reconciler.cli.apply.applied", "apply", "--auto-approve")


@path(redacted=True)
def log_line_with_the_key(world: World) -> list[Ran]:
    from reconciler.cli.log import log

    def loud(ctx, *_: object) -> None:
        log(ctx, "spy", key=KEY, nested={"key": [KEY]}, bytes=KEY.encode())
        raise KeyError(KEY)

    world.declare(tunnel(1, **KEYED))
    with world.patch.context() as patch:
        patch.setattr("reconciler.cli.apply.side_by_side", loud)
        return [world.run("apply", "--auto-approve", "-v", "--log-format", form) for form in ("console", "json")]


@path()
def command_that_prints_the_key_and_fails(world: World) -> list[Ran]:
    script = "import os,sys; print(os.environ['KEY']); print(os.environ['KEY'], file=sys.stderr); sys.exit(3)"
    world.declare(tunnel(1, psk={"command": [sys.executable, "-c", script]}))
    return each(world, "apply", "--auto-approve", "--allow-commands")


@path()
def sink_that_prints_the_key_and_fails(world: World) -> list[Ran]:
    script = (
        "import sys; key = sys.stdin.read(); print(key); print(key, file=sys.stderr); open('sink/k','w').write(key)"
    )
    world.write("tunnels/prod/sink/k", "")
    key = {"generate": True, "deliver_to": {"command": [sys.executable, "-c", script + "; sys.exit(3 if key else 0)"]}}
    world.declare(tunnel(1, psk=key))
    return each(world, "apply", "--auto-approve", "--allow-commands")


@path()
def generated_key(world: World) -> list[Ran]:
    world.write("tunnels/prod/sink/.keep", "")
    world.declare(tunnel(1, psk={"generate": True, "deliver_to": {"file": "sink/k"}}))
    runs = [*each(world, "apply", "--auto-approve"), *each(world, "psk", "rotate", "t001", "--auto-approve")]
    made = world.key("t001")
    assert made
    return [Ran(r.code, r.out.replace(made, KEY), r.err.replace(made, KEY)) for r in runs]


@path()
def key_file_that_others_may_read(world: World) -> list[Ran]:
    world.write("tunnels/prod/key", KEY, mode=0o644)
    world.declare(tunnel(1, psk={"file": "key"}))
    return each(world, "apply", "--auto-approve")


@path()
def key_that_is_no_text(world: World) -> list[Ran]:
    (world.root / "tunnels/prod").mkdir(parents=True)
    (world.root / "tunnels/prod/key").write_bytes(KEY.encode() + b"\xff\0")
    (world.root / "tunnels/prod/key").chmod(0o600)
    world.declare(tunnel(1, psk={"file": "key"}))
    return each(world, "apply", "--auto-approve")


@path()
def unknown_field_named_psk_from_the_server(world: World) -> list[Ran]:
    world.live(tunnel(1))
    world.declare(tunnel(1, description="x"))

    def answer(sim, request):
        reply = sim.handle(request)
        if request.method != "GET":
            return reply
        envelope = json.loads(reply.body)
        for one in envelope["result"]["ipsec_tunnels"]:
            one["psk"] = KEY
            one["psk_metadata"] = {"psk": KEY}
        return reply._replace(body=json.dumps(envelope).encode())

    world.answer = answer
    return each(world, "plan", "--out", "p.json")


@path()
def broken_list_with_the_md5_key(world: World) -> list[Ran]:
    world.live(tunnel(1, **BGP))
    world.declare(tunnel(1))

    def answer(sim, request):
        envelope = json.loads(sim.handle(request).body)
        envelope["result"]["ipsec_tunnels"][0]["bgp"]["customer_asn"] = MD5
        envelope["result"]["ipsec_tunnels"][0]["interface_address"] = {"md5_key": MD5}
        return Reply(200, {"content-type": "application/json"}, json.dumps(envelope).encode())

    world.answer = answer
    return each(world, "plan")


def found(world: World, runs: list[Ran]) -> list[str]:
    """Where a secret stands."""
    where = []
    for ran in runs:
        for name, data in (("stdout", ran.out), ("stderr", ran.err)):
            where += [f"{name}: {kind}" for kind in leaks(data.encode(), KEY, MD5, TOKEN)]
    for file in sorted(world.root.rglob("*")):
        name = str(file.relative_to(world.root))
        if not file.is_file() or name.startswith((".stream", ".git/", "tunnels/")) or name in HOLDERS:
            continue
        where += [f"{name}: {kind}" for kind in leaks(file.read_bytes(), KEY, MD5, TOKEN)]
    return where


def test_there_are_enough_paths() -> None:
    assert len(PATHS) >= 40


@pytest.mark.parametrize("name", PATHS)
def test_no_secret_gets_out(world: World, name: str) -> None:
    world.env = ENV
    runs = PATHS[name](world)
    assert runs
    assert found(world, runs) == []


@pytest.mark.parametrize("name", sorted(REDACTED))
def test_these_paths_leak_without_the_redactor(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(Redactor, "add", lambda *_: None)
    world.env = ENV
    assert found(world, PATHS[name](world)) != []


def test_the_scan_sees_a_secret(world: World) -> None:
    world.write("out/x", base64.b64encode(f"x{KEY}".encode()).decode())
    assert found(world, [Ran(0, TOKEN, quote(MD5))])[0] == "stdout: raw"
    assert any("out/x" in w for w in found(world, []))
    assert ID not in PATHS
