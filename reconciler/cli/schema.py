"""`reconciler schema`: the JSON Schemas of the YAML, of the JSON report and of saved plans."""

import json
from pathlib import Path

from reconciler.cli.context import Context
from reconciler.cli.options import UsageError
from reconciler.cli.write import write_file


def run(ctx: Context) -> int:
    """Print one, or write it to the files of `-o json=PATH`; needs no YAML.

    Raises:
        UsageError: Another format was asked for.
        Halt: A file can't be written.
    """
    from reconciler.files.schema import json_schema
    from reconciler.plan.saved import saved_plan_schema
    from reconciler.render.schema import report_schema

    schema = {"files": json_schema, "report": report_schema, "plan": saved_plan_schema}[ctx.options.kind]
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if any(name != "json" for name, _ in ctx.options.output):
        raise UsageError("a schema is JSON: leave -o out, or give -o json=PATH")
    for path in [path for _, path in ctx.options.output] or [None]:
        if path is None:
            ctx.stdout.write(text)
        else:
            write_file(Path(path), text, ctx.stop)
    return 0
