"""What a person at a terminal reads of a step while it goes on."""

import io

import pytest

from reconciler.api.call import Answered, Call, Pause, Send, Step, Verb
from reconciler.cli.arguments import parse
from reconciler.cli.context import Context
from reconciler.cli.output import Output
from reconciler.cli.progress import Progress
from reconciler.cli.tokens import first_redactor
from tests.build import live, raw


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(terminal: Terminal) -> Progress:
    output = Output(first_redactor(), Terminal(), terminal)
    return Progress(Context(parse(["apply"]), {"TERM": "xterm", "COLUMNS": "60"}, Terminal(), output))


def send(verb: Verb, **fields: object) -> Send:
    return Send((Call(verb, **fields),))  # type: ignore[arg-type]


def lines(terminal: Terminal) -> list[str]:
    return terminal.getvalue().split("\r\x1b[K")[1:]


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (send(Verb.LIST), "prod: Listing the tunnels…"),
        (send(Verb.CREATE, body={"name": "par-a"}), "prod: Creating par-a…"),
        (send(Verb.UPDATE, body={"items": [{"id": "1", "name": "a"}]}), "prod: Updating a…"),
        (
            send(Verb.UPDATE, body={"items": [{"id": n, "name": n} for n in "abc"]}),
            "prod: Updating a and 2 others…",
        ),
        (
            send(Verb.UPDATE, body={"items": [{"id": n, "name": n} for n in "ab"]}, validate_only=True),
            "prod: Having Cloudflare check a and 1 other…",
        ),
        (send(Verb.DELETE, tunnel_id="id-lon"), "prod: Deleting lon…"),
        (send(Verb.DELETE, tunnel_id="unheard-of"), "prod: Deleting unheard-of…"),
        (send(Verb.SET_PSKS, psks={"id-lon": "lon"}), "prod: Setting the key of lon…"),
        (send(Verb.GENERATE_PSK, tunnel_id="id-lon"), "prod: Having a key made for lon…"),
        (Pause(2.0, "before it is sent again"), "prod: Waiting 2 s before it is sent again…"),
        (send(Verb.CREATE, body={"name": "\x1b[2J" + "x" * 99}), f"prod: Creating \\u{{1b}}[2J{'x' * 34}…"),
    ],
)
def test_each_step_says_what_it_does_and_to_which_tunnel(step: Step, line: str) -> None:
    terminal = Terminal()
    told = progress(terminal)
    told.ended("prod", Call(Verb.LIST), Answered(live=live(raw("lon", id="id-lon"))))
    assert told.telling("prod", lambda _: ())(step) == ()
    assert lines(terminal) == [line]
    assert all(len(one) < 60 for one in lines(terminal))


def test_a_list_after_a_write_is_the_proof() -> None:
    terminal = Terminal()
    told = progress(terminal)
    told.ended("prod", Call(Verb.CREATE, {"name": "a"}), Answered())
    told.telling("prod", lambda _: ())(send(Verb.LIST))
    told.telling("lab", lambda _: ())(send(Verb.LIST))
    told.end()
    told.end()
    assert lines(terminal) == ["prod: Listing again, to prove what was written…", "lab: Listing the tunnels…", ""]
    assert told.calls == {"prod": {"create": 1}}


def test_after_a_call_the_line_names_one_that_is_still_under_way() -> None:
    terminal = Terminal()
    told = progress(terminal)
    calls = tuple(Call(Verb.CREATE, body={"name": name}) for name in "abc")
    told.telling("prod", lambda _: ())(Send(calls))
    told.ended("prod", calls[1], Answered())
    told.ended("prod", calls[0], Answered())
    told.ended("prod", calls[2], Answered())
    assert lines(terminal) == ["prod: Creating a…", "prod: Creating a…", "prod: Creating c…"]
