"""Text of a file that could be a boolean or a number."""


class Plain(str):
    """Text written without quotes that YAML 1.2 reads as a boolean or a number, as it was written."""

    __slots__ = ()
