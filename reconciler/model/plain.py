"""Text that stood in a file without quotes and could be a boolean or a number: `true`, `010`, `1.5`.

YAML calls such a scalar plain. The reader of YAML leaves open what it is, since only the field knows: `name: 010` is
the text "010", `replay_protection: true` is a boolean, and `replay_protection: "true"` is a mistake to be reported. So
it keeps the text and, by this type, the fact that there were no quotes.
"""


class Plain(str):
    """Text written without quotes that YAML 1.2 reads as a boolean or a number, as it was written."""

    __slots__ = ()
