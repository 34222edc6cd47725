"""Keeps Cloudflare IPsec tunnels equal to YAML files in git.

The path of data, one way through:

    files     files.tree reads them; yaml.read parses the YAML
    desired   files.load types, merges and checks them           -> model.desired.Desired
    live      api lists, model.live trusts the list only when whole -> model.live.Live
    diff      plan.scope settles who owns what, plan.diff compares -> plan.diff.Change
    plan      plan.order, plan.waves, plan.guard, plan.build       -> plan.plan.Plan
    routes    plan.routes: what static routes say to a plan that takes a network from a tunnel
    apply     engine yields steps and is fed their outcomes        -> engine.apply.Applied
    verify    engine.verify lists again; the list decides
    report    report.make makes one value, render draws it        -> report.values.Report

A tunnel has five forms on its way, and one table (model.tunnel) says how each setting goes from one to the next:

    written     model.tunnel.Tunnel    typed as a file has it; only what was written is set
    canonical   model.settings         flat, defaults filled in, a missing path is unset: equality of meaning is ==
    raw         LiveTunnel.raw         the JSON object as listed, with the fields that this program does not know
    difference  plan.diff.Change       the fields that differ, and the target that the change leads to
    body        model.settings         what a create sends: the target; and an update: the target over what was listed

Between the first two, files.load lays a tunnel over its defaults, as a mapping that is nested as raw is.

Words, each with one meaning:

    setting     one row of the table of a tunnel; Settings are its values, by path
    target      the settings that a change leads to; what --target takes is a glob, and where a health check is sent the
                setting health_check.target.saved
    claim       what only one tunnel may hold at a time: a name, an interface network, an identity
    ref         names a change within its plan: a tunnel's id, or +name for one to create
    reference   where a secret is, as the files say it: an EnvRef, a FileRef, …
    group       updates that no two calls may split: a single one, or a cycle, whose members wait for each other; only
                in render it is changes that are told as one
    detour      how a cycle is carried out when it is refused as a whole: one tunnel is parked on a borrowed value
    kind        the kind of resource at the API (one today: IPsec tunnels), with its words
    psk         a tunnel's pre-shared key; md5_key is BGP's. Users read "key", and so the report has `keys`, each a
                KeyStatus; no other name in the code says key for one, since a key is a mapping's
    secret      what no output may show: a psk, an md5_key, a token; the table calls such a setting sensitive
    sink        where a generated psk is delivered: it holds the current one, and a pending one during a rotation
    session     the BGP session of a live tunnel: a fact that is listed, never a setting
    wave        updates that a rollout carries out and watches together, by sessions and probes
    probe       a program of the user's own that says of a tunnel whether it carries traffic; and, as the commands of
                sinks know it, the step that tries whether a sink can store a key
    experiment  what a measurement does to its scratch tunnels to find out what the API leaves undocumented
    scratch     a scratch tunnel is one that `doctor --measure` makes to find out what the API does, and removes again
    window      when changes with impact on traffic may be made; outside it they are held back
    allowance   what all calls of one token share: pace, retries, deadline, and whether the token was refused
    impact      whether a change can interrupt traffic; severity, how bad drift is
    verdict     how a change ended; an outcome is how a run ended, a CallOutcome how a call ended
    headline    the one sentence that a report comes down to
    conversation  a protocol of the engine: a generator that yields steps, such as calls, and is sent their outcomes

Who does I/O: `cli` (arguments, environment, clock, files, standard streams), `files.tree` and `files.gitref` (files,
git), `api.http` (HTTP), `secrets.resolve`, `secrets.sinks` and `secrets.program` (keys, probes),
`simulator.http`, `simulator.transport` and `simulator.sandbox`. All else is pure: values in, values out; import
contracts in pyproject.toml prove it.
"""

__version__ = "0.1.0"
