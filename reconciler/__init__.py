"""Keeps Cloudflare IPsec tunnels equal to YAML files in git.

The path of data, one way through:

    files     desired.tree reads them; desired.lines or desired.parser parses the YAML
    desired   desired.load types, merges and checks them           -> core.desired.Desired
    live      api lists, core.live trusts the list only when whole -> core.live.Live
    diff      core.scope settles who owns what, core.diff compares -> core.change.Change
    plan      core.order, core.guard, core.digest, core.build      -> core.plan.Plan
    apply     engine yields calls and is fed their outcomes        -> engine.apply.Applied
    verify    engine.verify lists again; the list decides
    report    reports makes one value, render draws it             -> core.report.Report

Who does I/O: `cli` (arguments, environment, clock, files), `desired.tree` and `desired.gitref` (files, git),
`api.transport` (HTTP), `keys.resolve`, `keys.sinks`, `keys.program` and `keys.deliver` (keys), `keys.streams` (standard
streams), `simulator.http`, `simulator.transport` and `simulator.sandbox`. All else is pure: values in, values out;
import contracts in pyproject.toml prove it.
"""

__version__ = "0.1.0"
