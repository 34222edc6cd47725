"""`reconciler schema`: the JSON Schema of the YAML, for editors."""

import json

from reconciler.cli.context import Context


def run(ctx: Context) -> int:
    """Print it; needs no files."""
    from reconciler.desired.schema import json_schema

    ctx.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    return 0
