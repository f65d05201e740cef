"""What phones say of themselves comes through in XML, whatever it is."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from softswitch.call.xml import escape, quoteattr

# XML 1.0 section 2.2; line ends in content are made one, which nothing that we write has.
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")


@given(st.text(CHARACTERS), st.text(CHARACTERS | st.sampled_from("\t\r\n\"'<>&")))
def test_a_parser_reads_what_was_written(content: str, attribute: str) -> None:
    element = ElementTree.fromstring(f"<a b={quoteattr(attribute)}>{escape(content)}</a>")
    assert (element.text or "", element.get("b")) == (content, attribute)
