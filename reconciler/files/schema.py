"""One JSON Schema of both kinds of YAML file, for editors, from the models that check them."""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from reconciler.model.account import AccountFile, TunnelFile


class _ForEditors(GenerateJsonSchema):
    """Without what would only be noise to people: titles made from names, and defaults that say nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic calls it so
        return False

    def model_schema(self, schema: Any) -> dict[str, Any]:
        found = super().model_schema(schema)
        del found["title"]
        return found

    def default_schema(self, schema: Any) -> dict[str, Any]:
        if schema.get("default") in (None, ""):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def json_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) that fits either kind of file, with descriptions and defaults."""
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "Files of reconciler",
        "description": "account.yaml, or a file of tunnels",
        **TypeAdapter(AccountFile | TunnelFile).json_schema(schema_generator=_ForEditors),
    }
