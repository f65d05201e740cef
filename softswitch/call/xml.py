"""Text in XML. Of our own: `xml.sax.saxutils` imports an HTTP client and a parser of mail, 2 MiB and 50 ms."""

from __future__ import annotations

# Line ends and tabs of attributes would be read as spaces (XML 1.0 section 3.3.3).
_IN_ATTRIBUTE = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


def escape(text: str) -> str:
    """As the content of an element."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def quoteattr(text: str) -> str:
    """As the value of an attribute, with its quotation marks."""
    text = escape(text)
    for character, reference in _IN_ATTRIBUTE.items():
        text = text.replace(character, reference)
    return f'"{text}"'
