"""What `show` draws of a tunnel: every fact has its line, and what says nothing has none."""

from reconciler.model.problems import Problem, Source
from reconciler.model.psk import KeyStatus
from reconciler.render import render
from reconciler.report.values import AccountReport, Report, RouteReport, SettingReport, TunnelReport

BARE = TunnelReport(name="lon-b", id="0b")
FULL = TunnelReport(
    name="lon-a",
    id="0a",
    source=Source("tunnels/prod/london.yaml", 4),
    settings=(
        SettingReport(path="name", live="lon-a", declared="lon-a"),
        SettingReport(path="description", live=None, declared="London", differs=True),
        SettingReport(path="health_check.rate", live="low", declared="high"),
        SettingReport(path="health_check.direction", live="unidirectional"),
        SettingReport(path="bgp.md5_key", sensitive=True, differs=True),
    ),
    unreadable=("bgp.extra_prefixes is a number", "replay_protection is a list"),
    health="unknown",
    bgp_status={"state": "", "cf_speaker_port": 179, "tcp_established": False},
    remote_identities={"fqdn_id": "a.test"},
    routes=(
        RouteReport(prefix="10.9.0.0/16", nexthop="10.20.0.1", priority=100),
        RouteReport(prefix="10.8.0.0/16", nexthop="10.20.0.1", priority=None),
    ),
    health_check_target="192.0.2.10",
    redundancy_group_id="5c",
    allow_null_cipher=False,
    psk_generated_on="2026-03-02T08:00:00Z",
    created_on="2026-03-01T08:00:00Z",
    modified_on="2026-04-01T08:00:00.5Z",
    unknown={"x_new": {"mode": ["auto"]}},
)


def drawn(*tunnels: TunnelReport) -> str:
    key = KeyStatus(
        "lon-a", "file a", 30, overdue=True, rotate_after_days=20, source="sink", error=Problem("x", "Lost", "Look.")
    )
    account = AccountReport(account="prod", account_id="0" * 32, outcome="ok", tunnels=tunnels, keys=(key,))
    return render(Report(command="show", outcome="ok", sandbox=False, accounts=(account,)), "text")


def test_every_fact_has_a_line() -> None:
    assert (
        drawn(FULL)
        == """\
Account prod

  lon-a  0a  tunnels/prod/london.yaml:4
      name                    lon-a
    ~ description             (unset)  declared: London
      health_check.rate       low  declared: high
      health_check.direction  unidirectional
    ~ bgp.md5_key             (sensitive, changes)
      key                     file a, 30 days old, rotate after 20 days, overdue
      Cloudflare made a key   2026-03-02 08:00:00 UTC
      key in doubt            Lost. Look.
      made                    2026-03-01 08:00:00 UTC
      changed                 2026-04-01 08:00:00 UTC
      IKE fqdn_id             a.test
      BGP                     not known
      BGP state               ""
      BGP cf_speaker_port     179
      BGP tcp_established     false
      static route            10.9.0.0/16 by 10.20.0.1, priority 100
      static route            10.8.0.0/16 by 10.20.0.1
      health checks to        192.0.2.10
      redundancy group        5c
      null cipher             false
      can't be read           bgp.extra_prefixes is a number, replay_protection is a list
      unknown x_new           {"mode": ["auto"]}

1 tunnel.
"""
    )


def test_what_is_not_there_has_none() -> None:
    assert drawn(BARE).splitlines()[2:-2] == [
        "  lon-b  0b  no file declares it",
        "      key            the files say nothing of it",
        "      static routes  not known",
    ]
