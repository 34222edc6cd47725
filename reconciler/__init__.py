"""Keeps Cloudflare IPsec tunnels equal to YAML files in git.

The path of data, one way through:

    files     files.tree reads them; yaml.read parses the YAML
    desired   files.load types, merges and checks them           -> model.desired.Desired
    live      api lists, model.live trusts the list only when whole -> model.live.Live
    diff      plan.scope settles who owns what, plan.diff compares -> plan.change.Change
    plan      plan.order, plan.guard, plan.digest, plan.build      -> plan.plan.Plan
    apply     engine yields calls and is fed their outcomes        -> engine.apply.Applied
    verify    engine.verify lists again; the list decides
    report    reports makes one value, render draws it             -> model.report.Report

Who does I/O: `cli` (arguments, environment, clock, files, standard streams), `files.tree` and `files.gitref` (files,
git), `api.http` (HTTP), `secrets.resolve`, `secrets.sinks`, `secrets.program` and `secrets.deliver` (keys),
`simulator.http`, `simulator.transport` and `simulator.sandbox`. All else is pure: values in, values out; import
contracts in pyproject.toml prove it.
"""

__version__ = "0.1.0"
