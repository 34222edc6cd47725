"""Rules that every workflow and action of this repository keeps, over the parsed YAML."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import yaml

Node = dict[str, Any]
TOOL = "acme/reconciler/"  # the examples' name of this repository
PIN = re.compile(rf"^(actions/|{TOOL})[\w./-]+@[0-9a-f]{{40}}$")
VERSIONED = re.compile(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
TRIGGERS = {"merge_group", "pull_request", "push", "schedule", "workflow_call", "workflow_dispatch"}
WRITABLE = {"issues", "pull-requests"}
SECRET = re.compile(r"\bsecrets\b(?!\.GITHUB_TOKEN\b)")
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"
LONGEST = 60
TOKENS = ("CLOUDFLARE_API_TOKEN", "RECONCILER_ENV")
RUNS = ("plan", "apply", "drift", "psk")


class File(NamedTuple):
    text: str
    data: dict[Any, Any]

    @property
    def on(self) -> Node:
        """The triggers with their settings; YAML 1.1 reads the key `on` as true."""
        found = self.data.get("on") or self.data.get(True) or {}
        return found if isinstance(found, dict) else dict.fromkeys([found] if isinstance(found, str) else found)

    @property
    def jobs(self) -> Node:
        found: Node = self.data.get("jobs", {})
        return found

    @property
    def steps(self) -> list[Node]:
        holders = [*self.jobs.values(), self.data.get("runs", {})]
        return [step for holder in holders for step in holder.get("steps", [])]

    @property
    def nodes(self) -> list[Node]:
        """All that can have a `with`: steps, and jobs that call a workflow."""
        return [*self.steps, *self.jobs.values()]

    @property
    def runs(self) -> list[tuple[Node, Node]]:
        """Each step that runs the tool against Cloudflare, with its job."""
        steps = [(job, step) for job in self.jobs.values() for step in job.get("steps", [])]
        return [(job, step) for job, step in steps if step.get("with", {}).get("command") in RUNS]


def own_secrets(node: Any) -> bool:
    """Whether the node reads a secret, apart from inheriting them all."""
    return bool(SECRET.search(str({k: v for k, v in node.items() if k != "secrets"})))


def pinned(file: File) -> Iterator[str]:
    for node in [*file.steps, *file.jobs.values()]:
        uses = node.get("uses", "$/")
        if not uses.startswith("$/") and not PIN.match(uses):
            yield uses


def versioned(file: File) -> Iterator[str]:
    for line in file.text.splitlines():
        if re.search(r"\buses: [^$]", line) and not VERSIONED.search(line):
            yield line.strip()


def triggers(file: File) -> Iterator[str]:
    yield from set(file.on) - TRIGGERS


def odd_minute(file: File) -> Iterator[str]:
    for entry in file.on.get("schedule") or []:
        if entry["cron"].split()[0] in {"0", "*", "*/5", "*/10", "*/15", "*/30", "30"}:
            yield entry["cron"]


def top_permissions(file: File) -> Iterator[str]:
    if file.jobs and file.data.get("permissions") != {}:
        yield str(file.data.get("permissions"))


def job_permissions(file: File) -> Iterator[str]:
    for name, job in file.jobs.items():
        granted = job.get("permissions")
        if not isinstance(granted, dict):
            yield name
        elif any(right == "write" and scope not in WRITABLE for scope, right in granted.items()):
            yield f"{name}: {granted}"


def comment_alone(file: File) -> Iterator[str]:
    for name, job in file.jobs.items():
        granted = job.get("permissions") or {}
        writes = isinstance(granted, dict) and granted.get("pull-requests") == "write"
        checkouts = [s for s in job.get("steps", []) if s.get("uses", "").startswith("actions/checkout@")]
        if writes and "uses" not in job and (len(granted) > 1 or "environment" in job or own_secrets(job) or checkouts):
            yield name


def credentials(file: File) -> Iterator[str]:
    for step in file.steps:
        is_checkout = step.get("uses", "").startswith("actions/checkout@")
        if is_checkout and step.get("with", {}).get("persist-credentials") is not False:
            yield step["uses"]


def timeout(file: File) -> Iterator[str]:
    for name, job in file.jobs.items():
        limit = re.fullmatch(r"(?:\$\{\{ inputs\.minutes \|\| )?(\d+)(?: \}\})?", str(job.get("timeout-minutes", 0)))
        if "uses" not in job and not (limit and 0 < int(limit[1]) <= LONGEST):
            yield name


def deadline(file: File) -> Iterator[str]:
    """The tool must know when the runner will end its job."""
    for job, step in file.runs:
        if step["with"].get("minutes") != job.get("timeout-minutes"):
            yield f"{step['with']['command']}: {job.get('timeout-minutes')}"


def runner(file: File) -> Iterator[str]:
    for name, job in file.jobs.items():
        if "uses" not in job and not re.match(r"^ubuntu-\d\d\.04$", str(job.get("runs-on"))):
            yield name


def no_expression_in_run(file: File) -> Iterator[str]:
    yield from (step["run"] for step in file.steps if "${{" in step.get("run", ""))


def no_environment_file(file: File) -> Iterator[str]:
    yield from (s["run"] for s in file.steps if re.search(r"GITHUB_(ENV|PATH)\b", s.get("run", "")))


def shell(file: File) -> Iterator[str]:
    for step in file.data.get("runs", {}).get("steps", []):
        if "run" in step and step.get("shell") != "bash":
            yield step["run"]


def secrets_in_environment(file: File) -> Iterator[str]:
    if SECRET.search(str(file.data.get("env", ""))):
        yield "env"
    for name, job in file.jobs.items():
        in_step = any(own_secrets(step) for step in job.get("steps", []))
        in_job = own_secrets({k: v for k, v in job.items() if k != "steps"})
        if in_job or (in_step and "environment" not in job):
            yield name


def tokens_to_the_tool_alone(file: File) -> Iterator[str]:
    """What holds a secret runs the tool; another step could run what a pull request brought. Where none can, as no
    file of the repository is there, it may hold a secret of its own, but no token of Cloudflare's."""
    tools = [step for _, step in file.runs if step.get("uses", "").startswith(("$/", TOOL))]
    for job in file.jobs.values():
        steps = job.get("steps", [])
        alone = "pull_request" not in file.on and not any("checkout" in step.get("uses", "") for step in steps)
        for step in steps:
            if (
                own_secrets(step)
                and step not in tools
                and not (alone and not any(name in str(step) for name in TOKENS))
            ):
                yield str(step)


def tokens_alike(file: File) -> Iterator[str]:
    """A step that gets the one token gets the others too: a caller can't name them here."""
    for step in file.steps:
        if len({name in step.get("env", {}) for name in TOKENS}) > 1:
            yield str(step["env"])


def same_arguments(file: File) -> Iterator[str]:
    """What is planned, reviewed and applied is the same only with the same options; a baseline only tells more."""
    called = re.compile(r"/workflows/(plan|apply|apply-accounts)\.yml(@|$)")
    nodes = [step for _, step in file.runs if step["with"]["command"] != "drift"]
    nodes += [job for job in file.jobs.values() if called.search(job.get("uses", ""))]
    lines = [str(node.get("with", {}).get("arguments", "")).splitlines() for node in nodes]
    found = {frozenset(line for line in some if line.strip() and "--baseline" not in line) for some in lines}
    if len(found) > 1:
        yield from (str(sorted(some)) for some in found)


def inherited(file: File) -> Iterator[str]:
    for name, job in file.jobs.items():
        if job.get("secrets") == "inherit" and not job.get("uses", "").startswith(("$/", TOOL)):
            yield name


def drift_undisturbed(file: File) -> Iterator[str]:
    """An environment of its own: reviewers of the plan's or the apply's would hold up each hourly run."""
    for job, step in file.runs:
        if step["with"]["command"] == "drift" and job.get("environment") in {"plan", "apply"}:
            yield str(job["environment"])


def forks(file: File) -> Iterator[str]:
    for name, job in file.jobs.items():
        if "pull_request" in file.on and "environment" in job and SAME_REPOSITORY not in str(job.get("if")):
            yield name


def cancelled_only_when_harmless(file: File) -> Iterator[str]:
    for name, job in file.jobs.items():
        if job.get("environment") == "apply" and (job.get("concurrency") or {}).get("cancel-in-progress") is not False:
            yield name
    if {"push", "schedule"} <= set(file.on) and (file.data.get("concurrency") or {}).get("cancel-in-progress"):
        yield "workflow"


def merge_queue(file: File) -> Iterator[str]:
    """A merge group has no pull request: a name made of its number would be that of all, and they cancel each other."""
    group = str((file.data.get("concurrency") or {}).get("group", "github.ref"))
    if "merge_group" in file.on and "github.ref" not in group:
        yield group


def lost_runs(file: File) -> Iterator[str]:
    """Without a queue the next scheduled run, which never deletes, takes the place of a push that waits."""
    applying = [
        job for job in file.jobs.values() if job.get("environment") == "apply" or "/apply" in job.get("uses", "")
    ]
    for node in [*applying, *([file.data] if applying else [])]:
        if (node.get("concurrency") or {"queue": "max"}).get("queue") != "max":
            yield str(node["concurrency"])


def one_at_a_time(file: File) -> Iterator[str]:
    for name, job in file.jobs.items():
        if job.get("environment") == "apply" and job.get("strategy", {"max-parallel": 1}).get("max-parallel") != 1:
            yield name


def gate_of_its_own(file: File) -> Iterator[str]:
    """Digests come from an output, which the runner may drop: whether they are wanted must come from something else."""
    for node in file.nodes:
        given = node.get("with", {})
        if "digests" in given and ".outputs." in str(given.get("reviewed", ".outputs.")):
            yield str(given["digests"])
        if ".outputs." in str(given.get("digest", "")) and given.get("reviewed") is not True:
            yield str(given["digest"])


def gate_by_any_variable(file: File) -> Iterator[str]:
    """A job's `if` does not see the variables of an environment: where it applies, the gate is looked at again."""
    for _, step in file.runs:
        given = step["with"]
        if given["command"] == "apply" and "vars.RECONCILER_REQUIRE_REVIEWED" not in str(given.get("reviewed")):
            yield str(given)


def lost_output(file: File) -> Iterator[str]:
    """What comes out empty where the runner drops an output must not mean more deletes, other files or a green run."""
    limits = ("arguments", "directory", "success-codes", "without-credentials", "environment", "minutes")
    for node in file.nodes:
        yield from (name for name in limits if ".outputs." in str(node.get("with", {}).get(name)))


def lost_matrix(file: File) -> Iterator[str]:
    """A list that was dropped is an error, as long as nothing stands in for it: no account would be green."""
    for name, job in file.jobs.items():
        if re.search(r"\.outputs\.[^}]*\|\|", str(job.get("strategy"))):
            yield name


def lost_job(file: File) -> Iterator[str]:
    """An apply must not be left out, and the run be green, because an output was dropped. `!= '[]'` lets it go on,
    into a matrix that can't be read."""
    for name, job in file.jobs.items():
        applies = "/apply" in job.get("uses", "") or job.get("environment") == "apply"
        if applies and re.search(r"\.outputs\.[\w-]+(?! != '\[\]'|[\w-])", str(job.get("if"))):
            yield name


def named_accounts(file: File) -> Iterator[str]:
    for step in file.steps:
        given = step.get("with", {})
        if given.get("command") in {"apply", "psk", "previous", "issue"} and not given.get("account"):
            yield str(given)


def green_without_plan(file: File) -> Iterator[str]:
    """A workflow may do without a plan only where something says that no token is meant."""
    for step in file.steps:
        if step.get("with", {}).get("without-credentials", "fail").strip() == "skip":
            yield str(step["with"])


def own_comment(file: File) -> Iterator[str]:
    """Plans beside each other would take turns in one comment, and the reviewed digest with it."""
    calls = [node for node in file.jobs.values() if "/workflows/plan.yml" in node.get("uses", "")]
    steps = [step for step in file.steps if step.get("with", {}).get("command") == "comment"]
    names = [str(node.get("with", {}).get("name", "")) for node in (*calls, *steps)]
    yield from sorted({name or "no name" for name in names if names.count(name) > 1})
    for job in calls:
        if "matrix" in job.get("strategy", {}) and "matrix." not in str(job.get("with", {}).get("name")):
            yield str(job["strategy"])


def outdated_comment(file: File) -> Iterator[str]:
    """A plan that failed must not leave an older one standing there, or pass for one that is whole."""
    for job in file.jobs.values():
        for step in job.get("steps", []):
            if step.get("with", {}).get("command") == "comment" and not (
                "always()" in str(job.get("if")) and ".result" in str(step.get("env", {}).get("PLAN_RESULT"))
            ):
                yield str(step)


def no_cache(file: File) -> Iterator[str]:
    for step in file.steps:
        if "/cache" in step.get("uses", "") or "cache" in step.get("with", {}):
            yield step["uses"]


RULES: dict[str, Callable[[File], Iterator[str]]] = {
    "pinned": pinned,
    "versioned": versioned,
    "triggers": triggers,
    "odd-minute": odd_minute,
    "top-permissions": top_permissions,
    "job-permissions": job_permissions,
    "comment-alone": comment_alone,
    "credentials": credentials,
    "timeout": timeout,
    "deadline": deadline,
    "runner": runner,
    "expression-in-run": no_expression_in_run,
    "environment-file": no_environment_file,
    "shell": shell,
    "secrets-in-environment": secrets_in_environment,
    "tokens-to-the-tool": tokens_to_the_tool_alone,
    "tokens-alike": tokens_alike,
    "same-arguments": same_arguments,
    "inherited": inherited,
    "drift-environment": drift_undisturbed,
    "forks": forks,
    "merge-queue": merge_queue,
    "lost-runs": lost_runs,
    "cancelled": cancelled_only_when_harmless,
    "one-at-a-time": one_at_a_time,
    "gate": gate_of_its_own,
    "gate-variable": gate_by_any_variable,
    "lost-output": lost_output,
    "lost-job": lost_job,
    "lost-matrix": lost_matrix,
    "named-accounts": named_accounts,
    "green-without-plan": green_without_plan,
    "own-comment": own_comment,
    "outdated-comment": outdated_comment,
    "cache": no_cache,
}


def breaches(text: str) -> dict[str, list[str]]:
    """The rules that a workflow or action breaks, each with where."""
    file = File(text, yaml.safe_load(text))
    found = {name: list(rule(file)) for name, rule in RULES.items()}
    return {name: places for name, places in found.items() if places}
