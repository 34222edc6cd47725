"""Terraform with Cloudflare's provider as a peer: one estate written twice, and four steps from nothing.

    TERRAFORM=/path/terraform TERRAFORM_PROVIDER_CLOUDFLARE=/path/terraform-provider-cloudflare

Without these variables both are looked for on the PATH. The provider is what `terraform init` leaves under
`.terraform/providers`; it is named by `dev_overrides`, so that no run asks a registry for anything.

Each tool makes its steps against a server of its own that starts empty. Terraform's second step proves that it sees
nothing to do after its own create, and our plan at the end of each story that either tool reached what is declared.
Terraform runs as two processes; the memory is that of the larger one alone.
"""

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.data import account_id, tunnel, write_files
from tests.benchmarks.measure import Sample, run, sum_up
from tests.benchmarks.program import command
from tests.benchmarks.row import Row
from tests.benchmarks.server import calls, listing, served

MISSING = (
    "Terraform is left out: neither TERRAFORM and TERRAFORM_PROVIDER_CLOUDFLARE nor the PATH name both the program and "
    "its Cloudflare provider"
)
SIDE_BY_SIDE = 10  # calls; what both tools do unasked


@dataclass(frozen=True)
class Terraform:
    """Where it is."""

    program: str
    provider: Path

    def version(self) -> str:
        """As it says itself."""
        answer = subprocess.run([self.program, "version", "-json"], capture_output=True, check=True, env=QUIET)
        return f"{json.loads(answer.stdout)['terraform_version']}, provider {self.provider}"


QUIET = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}  # it asks nobody for a newer version


def find() -> Terraform | None:
    """Terraform and its provider, if both are there."""
    program = shutil.which(os.environ.get("TERRAFORM", "terraform"))
    provider = shutil.which(os.environ.get("TERRAFORM_PROVIDER_CLOUDFLARE", "terraform-provider-cloudflare"))
    return Terraform(program, Path(provider).absolute()) if program and provider else None


def steps(count: int) -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """The steps of a story: which command, and what is declared by then."""
    draw = random.Random(0)
    every = [tunnel(number, account_id(0), draw) for number in range(count)]
    moved = [{**t, "customer_endpoint": f"192.0.2.{n // 20}"} if n % 20 == 0 else t for n, t in enumerate(every)]
    return {
        "create all": ("apply", every),
        "plan, nothing changed": ("plan", every),
        "apply, 5 % changed": ("apply", moved),
        "apply, 3 deleted": ("apply", moved[:-3]),
    }


def write(folder: Path, tunnels: list[dict[str, Any]], base: str, provider: Path) -> None:
    """The estate in both languages: FOLDER/tunnels for us, FOLDER/hcl for Terraform."""
    shutil.rmtree(folder / "tunnels", ignore_errors=True)
    write_files(folder, 0, tunnels)
    hcl = {
        "terraform": {"required_providers": {"cloudflare": {"source": "cloudflare/cloudflare"}}},
        "provider": {"cloudflare": {"api_token": "a" * 40, "base_url": base}},
        "resource": {
            "cloudflare_magic_wan_ipsec_tunnel": {t["name"]: {"account_id": account_id(0), **t} for t in tunnels}
        },
    }
    (folder / "hcl").mkdir(exist_ok=True)
    (folder / "hcl" / "main.tf.json").write_text(json.dumps(hcl, indent=1))
    override = f'dev_overrides {{ "cloudflare/cloudflare" = {json.dumps(str(provider.parent))} }}'
    (folder / "terraformrc").write_text(f"provider_installation {{\n{override}\ndirect {{}}\n}}\n")


def story(folder: Path, terraform: Terraform, count: int, tool: str) -> list[tuple[Sample, str]]:
    """What each step cost one of the two tools, and which calls it made.

    Raises:
        Failed: A step failed, a plan found changes where there are none, or the end is not what was declared.
    """
    folder.mkdir()
    env = {**QUIET, "CLOUDFLARE_API_TOKEN": "benchmark", "TF_CLI_CONFIG_FILE": str(folder / "terraformrc")}
    start = [terraform.program, f"-chdir={folder / 'hcl'}"]
    more = ["-input=false", f"-parallelism={SIDE_BY_SIDE}"]
    found = []
    with served() as base:
        commands = {
            ("Terraform", "plan"): [*start, "plan", "-detailed-exitcode", *more],
            ("Terraform", "apply"): [*start, "apply", "-auto-approve", *more],
            ("reconciler", "plan"): command("plan", folder, base, "--detailed-exitcode"),
            ("reconciler", "apply"): command("apply", folder, base, "--auto-approve", f"--parallelism={SIDE_BY_SIDE}"),
        }
        for name, tunnels in steps(count).values():
            write(folder, tunnels, base, terraform.provider)
            sample = run(commands[tool, name], env)
            found.append((sample, listing(calls(base))))
        run(commands["reconciler", "plan"], env)
    return found


def race(folder: Path, terraform: Terraform, count: int, rounds: int) -> Iterator[Row]:
    """Both tools in turn over an estate of so many tunnels."""
    stories: dict[str, list[list[tuple[Sample, str]]]] = {"Terraform": [], "reconciler": []}
    for number in range(rounds):
        for tool in list(stories)[:: 1 if number % 2 else -1]:
            stories[tool].append(story(folder / f"{tool}-{count}-{number}", terraform, count, tool))
    for at, step in enumerate(steps(count)):
        theirs, ours = (sum_up([told[at][0] for told in stories[tool]]) for tool in stories)
        their_calls, our_calls = (stories[tool][0][at][1] for tool in stories)
        measured = (
            f"CPU {theirs.cpu:.2f} / {ours.cpu:.2f} s; wall {theirs.wall:.2f} / {ours.wall:.2f} s; "
            f"{theirs.memory:.0f} / {ours.memory:.0f} MiB; {their_calls} / {our_calls}"
        )
        yield Row(f"CPU of Terraform / reconciler, {count} tunnels, {step}", theirs.cpu / ours.cpu, "x", measured)
