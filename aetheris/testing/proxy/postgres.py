"""What a client says to PostgreSQL, message by message: enough of the protocol to find its COMMIT."""

import re
from collections.abc import Iterator
from enum import Enum

_COMMIT = re.compile(
    rb"\s*((commit|end)(\s+(work|transaction))?\s*;?\s*|select\b.*\baetheris_write\(.*)", re.IGNORECASE | re.DOTALL
)
"""Also the runtime's one statement that commits by itself."""
_ENCRYPTION = (80877103, 80877104)
_CANCEL = 80877102
IDLE = b"Z\x00\x00\x00\x05I"
"""What the server says last when a transaction has ended, one way or the other."""


class Kind(Enum):
    """What a message is to the proxy."""

    ANY = "any"
    COMMIT = "commit"
    ENCRYPTION = "encryption"
    """The client asks whether the connection may be encrypted, and waits for one byte: `N` for no."""


class ClientMessages:
    """Takes what a client sends, however it is cut up, and gives whole messages.

    A COMMIT is found in the simple protocol (`Query`) and in the extended one (`Execute` of a portal that was bound to
    a statement parsed as COMMIT, prepared or not).
    """

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._statements: set[bytes] = set()
        self._portals: set[bytes] = set()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The messages that are whole now."""
        self._rest += data
        while (length := self._length()) is not None and len(self._rest) >= length:
            message, self._rest = self._rest[:length], self._rest[length:]
            yield self._kind(message), message

    def _length(self) -> int | None:
        """Of the next message; the first ones of a connection have no type before it."""
        skipped = 1 if self._begun else 0
        if len(self._rest) < skipped + 4:
            return None
        return skipped + int.from_bytes(self._rest[skipped : skipped + 4])

    def _kind(self, message: bytes) -> Kind:
        if not self._begun:
            code = int.from_bytes(message[4:8])
            self._begun = code not in (*_ENCRYPTION, _CANCEL)
            return Kind.ENCRYPTION if code in _ENCRYPTION else Kind.ANY
        return Kind.COMMIT if self._commits(message[:1], message[5:].split(b"\0", 2)) else Kind.ANY

    def _commits(self, type: bytes, words: list[bytes]) -> bool:
        match type:
            case b"Q":
                return _COMMIT.fullmatch(words[0]) is not None
            case b"P":
                _keep(self._statements, words[0], _COMMIT.fullmatch(words[1]) is not None)
            case b"B":
                _keep(self._portals, words[0], words[1] in self._statements)
            case b"E":
                return words[0] in self._portals
        return False


def _keep(names: set[bytes], name: bytes, belongs: bool) -> None:
    if belongs:
        names.add(name)
    else:
        names.discard(name)
