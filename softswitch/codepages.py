"""Text files of other programs: UTF-8, or one of the two code pages in which Polish has been written for thirty years."""

from __future__ import annotations

from typing import Final

# Where the two differ: the letters Ą Ś Ź ą ś ź. What is one of them in one code page is a sign or a foreign letter in the other.
WINDOWS: Final = frozenset("ĄŚŹąśź".encode("cp1250"))
ISO: Final = frozenset("ĄŚŹąśź".encode("iso8859-2"))


def decoded(data: bytes) -> str:
    """A file's text: UTF-8, else Windows-1250 or ISO-8859-2, by which of them more Polish letters come out.

    Windows-1250 where that does not tell. Octets without a meaning become U+FFFD.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        windows = sum(data.count(octet) for octet in WINDOWS)
        iso = sum(data.count(octet) for octet in ISO)
        return data.decode("iso8859-2" if iso > windows else "cp1250", "replace")
