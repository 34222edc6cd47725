import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.github.policy import RULES, breaches

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
EXAMPLES = [
    (page.name, block)
    for page in sorted((ROOT / ".github" / "docs").glob("*.md"))
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    if re.search(r"^jobs:", block, re.MULTILINE) and re.search(r"^on:", block, re.MULTILINE)
]

SHA = "3d3c42e5aac5ba805825da76410c181273ba90b1"
GOOD = f"""\
on:
  pull_request:
  merge_group:
  push:
  schedule:
    - cron: "17 * * * *"
permissions: {{}}
concurrency: {{group: "g-${{{{ github.ref }}}}", queue: max, cancel-in-progress: false}}
jobs:
  plan:
    if: github.event.pull_request.head.repo.full_name == github.repository && needs.a.outputs.tokens != '[]'
    runs-on: ubuntu-24.04
    timeout-minutes: 10
    environment: apply
    concurrency: {{group: a, queue: max, cancel-in-progress: false}}
    strategy: {{max-parallel: 1}}
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@{SHA} # v7.0.1
        with:
          persist-credentials: false
      - uses: $/.github/actions/reconciler
        with:
          command: plan
          arguments: |
            --baseline=HEAD^1
            --no-delete
          minutes: 10
      - uses: $/.github/actions/reconciler
        with:
          command: apply
          account: ${{{{ matrix.account }}}}
          arguments: --no-delete
          minutes: 10
          reviewed: ${{{{ needs.reviewed.result != 'skipped' || vars.RECONCILER_REQUIRE_REVIEWED }}}}
          digests: ${{{{ needs.reviewed.outputs.digests }}}}
        env:
          CLOUDFLARE_API_TOKEN: ${{{{ secrets.CLOUDFLARE_API_TOKEN }}}}
          RECONCILER_ENV: ${{{{ secrets.RECONCILER_ENV }}}}
      - run: echo "$TITLE"
        env:
          TITLE: ${{{{ github.event.pull_request.title }}}}
  drift:
    if: github.event.pull_request.head.repo.full_name == github.repository
    runs-on: ubuntu-24.04
    timeout-minutes: ${{{{ inputs.minutes || 15 }}}}
    environment: drift
    permissions:
      contents: read
    steps:
      - uses: $/.github/actions/reconciler
        with:
          command: drift
          account: prod
          minutes: ${{{{ inputs.minutes || 15 }}}}
  comment:
    if: always()
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      pull-requests: write
    steps:
      - uses: $/.github/actions/reconciler
        with:
          command: comment
        env:
          PLAN_RESULT: ${{{{ needs.plan.result }}}}
  eu:
    permissions: {{}}
    uses: $/.github/workflows/plan.yml
    with:
      name: eu
      arguments: --no-delete
  call:
    permissions: {{}}
    uses: $/.github/workflows/apply.yml
    with:
      arguments: --no-delete
      digest: ${{{{ github.sha }}}}
    secrets: inherit
"""

BAD = [
    ("an action by tag", "pinned", f"checkout@{SHA} # v7.0.1", "checkout@v7 # v7.0.1"),
    ("an action by short hash", "pinned", f"@{SHA}", "@3d3c42e"),
    ("an action of a stranger", "pinned", "actions/checkout@", "mallory/checkout@"),
    ("a pin that nobody can read", "versioned", " # v7.0.1", ""),
    ("a pin with a moving version", "versioned", "# v7.0.1", "# v7"),
    (
        "the base repository's rights for a fork's code",
        "triggers",
        "  push:",
        "  push:\n  pull_request_target:",
    ),
    ("a run on the results of another", "triggers", "  push:", "  push:\n  workflow_run:"),
    ("a run on any comment", "triggers", "  push:", "  push:\n  issue_comment:"),
    ("a schedule at the full hour", "odd-minute", "17 * * * *", "0 * * * *"),
    ("no permissions at the top", "top-permissions", "permissions: {}\nconc", "conc"),
    (
        "all permissions at the top",
        "top-permissions",
        "permissions: {}\nconc",
        "permissions: write-all\nconc",
    ),
    ("a job without permissions", "job-permissions", "    permissions:\n      contents: read\n", ""),
    (
        "a job with every permission",
        "job-permissions",
        "permissions:\n      contents: read",
        "permissions: write-all",
    ),
    ("a job that may push", "job-permissions", "contents: read", "contents: write"),
    ("a job that may mint identities", "job-permissions", "contents: read", "id-token: write"),
    (
        "a comment job that sees code",
        "comment-alone",
        "pull-requests: write",
        "pull-requests: write\n      contents: read",
    ),
    ("a comment job that holds secrets", "comment-alone", "comment:\n", "comment:\n    environment: apply\n"),
    ("a token left in .git/config", "credentials", "persist-credentials: false", "persist-credentials: true"),
    ("a token left by default", "credentials", "        with:\n          persist-credentials: false\n", ""),
    ("a job that may hang for six hours", "timeout", "    timeout-minutes: 10\n", ""),
    ("a job that may hang for two hours", "timeout", "timeout-minutes: 10", "timeout-minutes: 120"),
    ("a runner that changes by itself", "runner", "ubuntu-24.04", "ubuntu-latest"),
    ("a runner of our own for anybody's code", "runner", "ubuntu-24.04", "self-hosted"),
    ("a title that is run", "expression-in-run", '"$TITLE"', '"${{ github.event.pull_request.title }}"'),
    ("a title in the environment file", "environment-file", '"$TITLE"', '"T=$TITLE" >> "$GITHUB_ENV"'),
    ("a title in the search path", "environment-file", '"$TITLE"', '"$TITLE" >> $GITHUB_PATH'),
    ("a secret without an environment", "secrets-in-environment", "    environment: apply\n", ""),
    ("a secret for every job", "secrets-in-environment", "jobs:", "env: {T: '${{ secrets.T }}'}\njobs:"),
    ("all secrets at once", "secrets-in-environment", "call:\n", "call:\n    if: toJSON(secrets) != ''\n"),
    (
        "all secrets for a stranger",
        "inherited",
        "$/.github/workflows/apply.yml",
        f"actions/x/y@{SHA} # v1.0.0",
    ),
    ("a secret for forks", "forks", "head.repo.full_name == github.repository", "title != ''"),
    (
        "an apply that a push cancels",
        "cancelled",
        "a, queue: max, cancel-in-progress: false",
        "a, queue: max, cancel-in-progress: true",
    ),
    (
        "an apply that a schedule cancels",
        "cancelled",
        '", queue: max, cancel-in-progress: false',
        '", queue: max, cancel-in-progress: true',
    ),
    ("an apply that a schedule pushes out", "lost-runs", "a, queue: max", "a"),
    ("a push that a schedule pushes out", "lost-runs", '", queue: max', '"'),
    ("merge groups that cancel each other", "merge-queue", "github.ref", "github.event.number"),
    ("two applies with one token", "one-at-a-time", "max-parallel: 1", "max-parallel: 9"),
    (
        "a pull request that is green without a plan",
        "green-without-plan",
        "command: apply",
        "command: plan\n          without-credentials: skip",
    ),
    (
        "a gate that lost digests open",
        "gate",
        "          reviewed: ${{ needs.reviewed.result != 'skipped' || vars.RECONCILER_REQUIRE_REVIEWED }}\n",
        "",
    ),
    ("a gate that a lost output opens", "gate", "reviewed.result != 'skipped'", "reviewed.outputs.wanted"),
    ("a gate that a lost digest opens", "gate", "github.sha", "needs.a.outputs.digest"),
    (
        "a gate that the environment's variable does not switch on",
        "gate-variable",
        " || vars.RECONCILER_REQUIRE_REVIEWED",
        "",
    ),
    (
        "a lost output that lets an apply delete",
        "lost-output",
        "arguments: --no-delete",
        "arguments: ${{ needs.a.outputs.arguments }}",
    ),
    (
        "a lost output that plans other files",
        "lost-output",
        "command: plan",
        "command: plan\n          directory: ${{ steps.a.outputs.directory }}",
    ),
    (
        "a lost list of accounts that is green without a run",
        "lost-matrix",
        "max-parallel: 1",
        "max-parallel: 1, matrix: {a: \"${{ fromJSON(needs.a.outputs.accounts || '[]') }}\"}",
    ),
    ("a lost output that is green without an apply", "lost-job", "tokens != '[]'", "tokens != ''"),
    ("a job that may outlive its tool", "deadline", "          minutes: 10\n", ""),
    ("a tool that the runner kills", "deadline", "          minutes: 10", "          minutes: 99"),
    ("a drift report that waits for a reviewer", "drift-environment", "environment: drift", "environment: plan"),
    (
        "a token that a caller can't add",
        "tokens-alike",
        "          RECONCILER_ENV: ${{ secrets.RECONCILER_ENV }}\n",
        "",
    ),
    (
        "a token in a step that runs the pull request's code",
        "tokens-to-the-tool",
        "  TITLE: ${{ github.event.pull_request.title }}",
        "  TITLE: ${{ secrets.RECONCILER_ENV }}",
    ),
    ("a gate that reviews what is not applied", "same-arguments", "            --no-delete\n", ""),
    (
        "an apply of what was not planned",
        "same-arguments",
        "      arguments: --no-delete\n",
        "      arguments: --allow-delete=a\n",
    ),
    ("two plans that share a comment", "own-comment", "      name: eu\n", ""),
    (
        "plans of a matrix that share a comment",
        "own-comment",
        "  eu:\n",
        "  eu:\n    strategy: {matrix: {account: [a, b]}}\n",
    ),
    ("a comment that a failed plan leaves as it is", "outdated-comment", "    if: always()\n", ""),
    ("a comment that takes a part for the whole", "outdated-comment", "PLAN_RESULT", "RESULT"),
    ("an apply to any account", "named-accounts", "          account: ${{ matrix.account }}\n", ""),
    (
        "a cache that a pull request fills",
        "cache",
        "persist-credentials: false",
        "persist-credentials: false\n          cache: pip",
    ),
]


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda p: str(p.relative_to(ROOT / ".github")))
def test_every_workflow_and_action_keeps_the_rules(path: Path) -> None:
    assert breaches(path.read_text(encoding="utf-8")) == {}


def test_every_published_example_keeps_the_rules() -> None:
    assert {name: found for name, text in EXAMPLES if (found := breaches(text))} == {}
    assert EXAMPLES


def test_what_builds_the_tool_gets_no_token() -> None:
    install, run = yaml.safe_load(ACTIONS[0].read_text(encoding="utf-8"))["runs"]["steps"]
    assert install["env"] == {"CLOUDFLARE_API_TOKEN": "", "RECONCILER_ENV": ""}
    assert not set(run["env"]) & set(install["env"])


def test_the_good_workflow_is_good() -> None:
    assert breaches(GOOD) == {}


@pytest.mark.parametrize(("rule", "old", "new"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_a_bad_workflow_is_caught_by_its_rule(rule: str, old: str, new: str) -> None:
    assert GOOD.count(old) > 0
    assert rule in breaches(GOOD.replace(old, new))


def test_an_action_step_without_bash_is_caught() -> None:
    assert list(breaches("runs: {using: composite, steps: [{run: ls, shell: sh}]}")) == ["shell"]


@pytest.mark.parametrize(
    ("on", "step", "secret", "found"),
    [
        ("schedule", "run: x", "WEBHOOK_URL", []),
        ("schedule", "run: x", "CLOUDFLARE_API_TOKEN", ["tokens-to-the-tool"]),
        ("schedule", "uses: actions/checkout@x", "WEBHOOK_URL", ["tokens-to-the-tool"]),
        ("pull_request", "run: x", "WEBHOOK_URL", ["tokens-to-the-tool"]),
    ],
)
def test_a_secret_of_another_kind_stays_away_from_what_a_pull_request_brought(
    on: str, step: str, secret: str, found: list[str]
) -> None:
    steps = f"[{{{step}}}, {{run: y, env: {{X: '${{{{ secrets.{secret} }}}}'}}}}]"
    rules = breaches(f"on: {{{on}: }}\njobs: {{a: {{environment: chat, steps: {steps}}}}}\n")
    assert [rule for rule in rules if rule == "tokens-to-the-tool"] == found


def test_every_rule_has_its_bad_workflow() -> None:
    assert {rule for _, rule, _, _ in BAD} | {"shell"} == set(RULES)


@pytest.mark.parametrize(("workflow", "job"), [("plan", "planning"), ("plan", "comment"), ("apply", "applied")])
def test_comment_job_may_do_nothing_but_comment(workflow: str, job: str) -> None:
    found = yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text(encoding="utf-8"))
    assert found["jobs"][job]["permissions"] == {"pull-requests": "write"}


@pytest.mark.parametrize(
    ("workflow", "command", "taken"),
    [
        ("plan", "plan", {"account", "directory", "live"}),
        ("plan", "planning", {"labels", "name"}),
        ("plan", "comment", {"comment", "labels", "name"}),
        ("apply", "reviewed", {"author", "name"}),
        ("apply", "applied", {"author", "name"}),
    ],
)
def test_an_input_of_a_called_workflow_reaches_the_step_that_it_is_for(
    workflow: str, command: str, taken: set[str]
) -> None:
    file = yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text(encoding="utf-8"))
    given = [
        step["with"]
        for job in file["jobs"].values()
        for step in job.get("steps", [])
        if step.get("with", {}).get("command") == command
    ][-1]
    assert {name for name in taken if f"inputs.{name} " in given.get(name, "")} == taken


def test_calls_of_two_names_in_one_run_share_neither_artifact_nor_queue() -> None:
    file = yaml.safe_load((ROOT / ".github/workflows/plan.yml").read_text(encoding="utf-8"))
    artifacts = [
        step["with"]["name"]
        for job in file["jobs"].values()
        for step in job.get("steps", [])
        if "artifact@" in step.get("uses", "")
    ]
    assert len(artifacts) == 2
    assert [text for text in (*artifacts, file["concurrency"]["group"]) if "inputs.name" not in text] == []


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    examples = [tmp_path / f"{number}-{name}.yml" for number, (name, _) in enumerate(EXAMPLES)]
    for file, (_, text) in zip(examples, EXAMPLES, strict=True):
        file.write_text(text, encoding="utf-8")
    done = subprocess.run(  # noqa: S603
        [
            Path(sys.executable).with_name("zizmor"),
            *("--offline", "--strict-collection", "--persona=pedantic", "--no-progress"),
            ROOT / ".github",
            *examples,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "No findings to report" in done.stdout


def actionlint(*files: Path) -> subprocess.CompletedProcess[str]:
    """What actionlint says; it is a program in Go, which `go install` puts where the search path may not lead."""
    places = [os.environ["PATH"], str(Path.home() / "go" / "bin")]
    found = shutil.which("actionlint", path=os.pathsep.join(places))
    if not found:
        pytest.skip("actionlint is not installed")
    command = [found, "-no-color", "-oneline", "-config-file", ROOT / ".github" / "actionlint.yaml", *files]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    examples = [tmp_path / f"{number}-{name}.yml" for number, (name, _) in enumerate(EXAMPLES)]
    for file, (_, text) in zip(examples, EXAMPLES, strict=True):
        file.write_text(text, encoding="utf-8")
    done = actionlint(*WORKFLOWS, *examples)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_actionlint_is_told_to_overlook_no_more_than_it_must(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: $/.github/actions/other\n"
        "      - run: echo ${{ nothing.there }}\n",
        encoding="utf-8",
    )
    assert re.findall(r"\[([\w-]+)\]$", actionlint(bad).stdout, re.MULTILINE) == ["action", "expression"]


@pytest.mark.parametrize("script", sorted((ROOT / ".github" / "actions").glob("*/*.sh")), ids=lambda p: p.name)
def test_scripts_parse(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0  # noqa: S603, S607
