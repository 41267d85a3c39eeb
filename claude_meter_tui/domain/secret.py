"""A token in memory that no repr, log or traceback shows. Light, unlike pydantic's SecretStr (see `settings.py`)."""

from __future__ import annotations


def fingerprint(*texts: str) -> str:
    """A keyed one-way hash of secrets: says only whether they are still the same."""
    import hashlib  # not for `status`, which never needs one

    return hashlib.blake2b("\n".join(texts).encode(), key=b"claude-meter-tui", digest_size=8).hexdigest()


class Secret:
    """Holds a secret text; only `reveal` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one header it belongs in."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)
