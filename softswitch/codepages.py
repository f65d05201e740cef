"""Text files of other programs: UTF-8, or one of the two code pages in which Polish has been written for thirty years."""

from __future__ import annotations

from typing import Final

# Where the two differ: the letters Ą Ś Ź ą ś ź. What is one of them in one code page is a sign or a foreign letter in the other.
WINDOWS: Final = frozenset("ĄŚŹąśź".encode("cp1250"))
ISO: Final = frozenset("ĄŚŹąśź".encode("iso8859-2"))


DELIMITERS: Final = ";,\t"


def delimiter_of(text: str) -> str:
    """What stands between the cells of a table: what its first line has most of; a semicolon where Polish is spoken."""
    first = text.split("\n", 1)[0]
    return max(DELIMITERS, key=first.count) if any(one in first for one in DELIMITERS) else ","


def table(text: str) -> tuple[str, int]:
    """A table as text without what spreadsheets write before it (U+FEFF, a line "sep=;"), and how many lines that were."""
    text = text.removeprefix("\ufeff")
    first, _, rest = text.partition("\n")
    hint = first.strip().strip('"').lower()
    return (rest, 1) if hint.startswith("sep=") and len(hint) <= 5 else (text, 0)


def decoded(data: bytes) -> str:
    """A file's text: UTF-16 where it says so, UTF-8, else Windows-1250 or ISO-8859-2.

    Of these two that of which more Polish letters come out, Windows-1250 where that does not tell. Octets without a meaning
    become U+FFFD.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        windows = sum(data.count(octet) for octet in WINDOWS)
        iso = sum(data.count(octet) for octet in ISO)
        return data.decode("iso8859-2" if iso > windows else "cp1250", "replace")
