"""The oracle of S15 on its own: what it calls an overwrite, and what a report must say of one."""

import pytest

from reconciler.engine.apply import Applied
from reconciler.model.verdict import APPLIED, Result, Verdict
from reconciler.simulator.server import Simulator
from tests import build
from tests.battery.ledger import Ledger
from tests.battery.run import Ending, mentioned
from tests.battery.world import ACCOUNT
from tests.strangers import foreign_create, foreign_edit

EDIT = {"description": "theirs"}


@pytest.fixture
def server():
    found = Simulator()
    foreign_create(found, ACCOUNT, build.settings("a", description="first"))
    return found


def told(server, view, planned=None, plan=None, *, by="tool"):
    """The overwrites when somebody edits the description and then `by` does."""
    ledger = Ledger(server.account(ACCOUNT))
    ledger.begin()
    foreign_edit(server, ACCOUNT, "a", EDIT)
    ledger.wrote(None, {}, {}, None)
    foreign_edit(server, ACCOUNT, "a", {"description": "ours"})
    ledger.wrote(by, view, planned or {}, plan)
    return [(one.by, one.name, one.path, one.seen, one.planned) for one in ledger.overwrites]


def view_of(server, description):
    (tunnel_id,) = server.account(ACCOUNT).tunnels
    return {tunnel_id: {"description": description}}


def test_what_no_list_showed_is_an_overwrite_that_nobody_could_see(server):
    assert told(server, view_of(server, "first")) == [("tool", "a", "description", False, False)]


def test_what_a_list_showed_is_an_overwrite_that_was_seen(server):
    assert told(server, view_of(server, "theirs")) == [("tool", "a", "description", True, False)]


def test_what_the_plan_says_is_reported(server):
    view = view_of(server, "theirs")
    live = build.live(*server.tunnels(ACCOUNT))
    plan = build.plan(build.desired(build.tunnel("a", description="ours")), live)

    assert told(server, view, view, plan) == [("tool", "a", "description", True, True)]


def test_an_author_may_overwrite_himself(server):
    assert told(server, {}, by=None) == []


def applied(verdict, left=(), notes=()):
    return Ending("partial", None, Applied({"id": verdict}, left, build.live(), notes, None))


def test_a_tunnel_is_mentioned_when_it_failed_or_a_note_names_it():
    assert mentioned(applied(Verdict(Result.FAILED)), "id", "a")
    assert mentioned(applied(APPLIED, notes=("a was changed",)), "id", "a")
    assert not mentioned(applied(APPLIED), "id", "a")
