"""`reconciler schema`: the JSON Schemas of the YAML, of the JSON report and of saved plans."""

import json

from reconciler.cli.context import Context


def run(ctx: Context) -> int:
    """Print one; needs no files."""
    from reconciler.core.saved import saved_plan_schema
    from reconciler.desired.schema import json_schema
    from reconciler.render.schema import report_schema

    schema = {"files": json_schema, "report": report_schema, "plan": saved_plan_schema}[ctx.options.kind]
    ctx.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
    return 0
