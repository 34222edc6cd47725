"""A key or token that can't get into an output by accident.

Memory is not wiped: CPython offers no way to clear immutable text, so a dump of the process's memory holds it.
"""

from typing import NoReturn, Self, final


class NotTextError(ValueError):
    """The bytes of a key are not UTF-8, so JSON can't carry them. Its text never holds any of them."""


@final
class Secret:
    """Opaque text that refuses every way of being shown, copied or stored.

    `str()`, `format()`, pickling, copying and hashing raise `TypeError` instead of giving a stand-in, because
    a stand-in that reaches a request would become the key. `repr()` is constant, so that tracebacks and debuggers work.
    `==` takes time that doesn't depend on where two secrets differ. Only `reveal` gives the text.
    """

    # What serialisers and diff tools find in the slot is a function, not text.
    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        try:
            empty = not text.encode()
        except UnicodeEncodeError:
            raise NotTextError("a key must be text that UTF-8 can hold") from None
        if empty:
            raise ValueError("a key must not be empty")
        object.__setattr__(self, "_Secret__text", lambda: text)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """A secret from its bytes, which stay as they are.

        Raises:
            NotTextError: The bytes are not UTF-8.
            ValueError: There are none.
        """
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise NotTextError("a key must be UTF-8 text") from None
        return cls(text)

    def __repr__(self) -> str:
        return "<Secret>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac

        return hmac.compare_digest(reveal(self).encode(), reveal(other).encode())

    __hash__ = None  # type: ignore[assignment]

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError("a secret can't be shown, copied or stored")

    __str__ = __format__ = __setattr__ = _refuse
    __copy__ = __deepcopy__ = __reduce_ex__ = __getstate__ = _refuse


def reveal(secret: Secret) -> str:
    """The text of a secret. A test lists the places that may call this."""
    text: str = secret._Secret__text()  # type: ignore[attr-defined] # noqa: SLF001 - the one way in
    return text
