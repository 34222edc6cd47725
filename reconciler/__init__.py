"""Keeps Cloudflare IPsec tunnels equal to YAML files in git.

The path of data, one way through:

    files     files.tree reads them; yaml.read parses the YAML
    desired   files.load types, merges and checks them           -> model.desired.Desired
    live      api lists, model.live trusts the list only when whole -> model.live.Live
    diff      plan.scope settles who owns what, plan.diff compares -> plan.diff.Change
    plan      plan.order, plan.guard, plan.build                   -> plan.build.Plan
    apply     engine yields calls and is fed their outcomes        -> engine.apply.Applied
    verify    engine.verify lists again; the list decides
    report    report.make makes one value, render draws it        -> report.values.Report

A tunnel has five forms on its way, and one table (model.tunnel) says how each setting goes from one to the next:

    written     model.tunnel.Tunnel    typed as a file has it; only what was written is set
    canonical   model.settings         flat, defaults filled in, a missing path is unset: equality of meaning is ==
    raw         model.live.LiveTunnel  the JSON object as listed, with the fields that this program does not know
    difference  plan.diff.Change       the fields that differ, and the target that the change leads to
    body        model.settings         what a create or an update sends: the target, over what was listed

Who does I/O: `cli` (arguments, environment, clock, files, standard streams), `files.tree` and `files.gitref` (files,
git), `api.http` (HTTP), `secrets.resolve`, `secrets.sinks` and `secrets.program` (keys), `simulator.http`,
`simulator.transport` and `simulator.sandbox`. All else is pure: values in, values out; import contracts in
pyproject.toml prove it.
"""

__version__ = "0.1.0"
