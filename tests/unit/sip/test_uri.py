"""URIs and addresses."""

from __future__ import annotations

import pytest

from softswitch.errors import ParseError
from softswitch.sip import uri
from softswitch.sip.uri import Address, Uri

# RFC 3261 section 19.1.4, its examples. The relation is not transitive, so pairs it is.
EQUAL = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("tel:+48-58-123.45", "tel:+485812345"),
    ("sip:a%3bb@x.org", "sip:a%3Bb@x.org"),
]
DIFFERENT = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
    ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"),
    ("sip:a@x.org;maddr=192.0.2.1", "sip:a@x.org"),
    ("sip:a@x.org;user=phone", "sip:a@x.org"),
    ("sip:a@x.org;ttl=1", "sip:a@x.org"),
    ("sip:a@x.org;method=INVITE", "sip:a@x.org"),
    ("sip:a:pw@x.org", "sip:a@x.org"),
    ("sip:%00@x.org", "sip:%00%00@x.org"),
    ("sip:a%3bb@x.org", "sip:a;b@x.org"),  # the escape of a reserved character is not the character
]


@pytest.mark.parametrize(("one", "two"), EQUAL)
def test_equal(one: str, two: str) -> None:
    assert Uri.parse(one) == Uri.parse(two)
    assert hash(Uri.parse(one)) == hash(Uri.parse(two))


@pytest.mark.parametrize(("one", "two"), DIFFERENT)
def test_different(one: str, two: str) -> None:
    assert Uri.parse(one) != Uri.parse(two)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sip:alice@atlanta.com", Uri("sip", "alice", "", "atlanta.com")),
        ("sips:a:pw@[2001:db8::1]:5061", Uri("sips", "a", "pw", "[2001:db8::1]", 5061)),
        ("sip:atlanta.com;lr", Uri("sip", host="atlanta.com", parameters={"lr": ""})),
        ("sip:user;par=u%40example.net@example.com", Uri("sip", "user;par=u%40example.net", "", "example.com")),
        ("sip:sips%3Auser%40example.com@example.net", Uri("sip", "sips%3Auser%40example.com", "", "example.net")),
        ("sip:\xc3\xa0@pbx;x", Uri("sip", "\xc3\xa0", "", "pbx", parameters={"x": ""})),
        ("sip:*30#@pbx", Uri("sip", "*30#", "", "pbx")),
        ("sip:a@h;ob;gr=urn:uuid:x", Uri("sip", "a", "", "h", parameters={"ob": "", "gr": "urn:uuid:x"})),
        ("tel:+48-58-123;ext=5", Uri("tel", "+48-58-123", parameters={"ext": "5"})),
        ("sip:a@h?Replaces=x%3Bto-tag%3D1", Uri("sip", "a", "", "h", headers={"replaces": "x%3Bto-tag%3D1"})),
    ],
)
def test_parts(text: str, value: Uri) -> None:
    parsed = Uri.parse(text)
    for name in ("scheme", "user", "password", "host", "port", "parameters", "headers"):
        assert getattr(parsed, name) == getattr(value, name)
    assert str(Uri.parse(str(parsed))) == str(parsed)


@pytest.mark.parametrize(
    "text",
    [
        "", "alice", "sip:", "sip:@x.org", "sip:a@", "sip:a@b@c", "sip:a b@c", "<sip:a@b>", "sip:a@b:0", "sip:a@b:65536",
        "sip:a@b:", "sip:a@b:5060x", "sip:a@b;x y", "sip:a@b?x", "sip:a@b?=1", "sip:a@[::1", "sip:a@-x", 'sip:"a"@b', "tel:",
        "tel:abcx", "tel:+48 58", "sip:a\0@b", "1sip:x", ":x", "sip:a@b\n",
    ],
)  # fmt: skip
def test_malformed(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Uri.parse(text)
    assert caught.value.status_hint == 400


@pytest.mark.parametrize("text", ["isbn:2983792873", "soap.beep://192.0.2.103:3002", "http://x", "name:John_Smith"])
def test_other_schemes_are_416(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Uri.parse(text)
    assert caught.value.status_hint == 416


def test_a_uri_has_an_end() -> None:
    with pytest.raises(ParseError) as caught:
        Uri.parse("sip:" + "a" * 2045 + "@x")
    assert caught.value.status_hint == 414


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("tel:+48-58-123.45", "+485812345"),
        ("sip:+48(58)12345@x", "+485812345"),
        ("sip:1001@x", "1001"),
        ("sip:1001;phone-context=x@y", "1001"),
        ("sip:%2A30@x", "*30"),
        ("sip:alice-b@x", "alice-b"),
    ],
)
def test_the_number_that_was_dialled(text: str, number: str) -> None:
    assert Uri.parse(text).number == number


def test_headers_of_a_uri_are_unescaped_on_demand_only() -> None:
    target = Uri.parse("sip:a@h?Replaces=98%40x%3Bto-tag%3D1%3Bfrom-tag%3D2&Require=replaces")
    assert target.header("replaces") == "98@x;to-tag=1;from-tag=2"
    assert target.header("Require") == "replaces"
    assert target.header("subject") == ""


def test_escaping_a_user() -> None:
    assert uri.escape_user("1001") == "1001"
    assert uri.escape_user("a@b c#ł") == "a%40b%20c%23%C5%82"
    assert Uri.parse(f"sip:{uri.escape_user('a@b')}@x").user == "a%40b"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("<sip:a@b>;tag=1", Address("sip:a@b", "", {"tag": "1"})),
        ('"A \\"B\\" C" <sip:a@b;x>;q=0.5', Address("sip:a@b;x", 'A "B" C', {"q": "0.5"})),
        ("caller<sip:caller@example.com>;tag=323", Address("sip:caller@example.com", "caller", {"tag": "323"})),
        ("sip:a@b;tag=1;user=phone", Address("sip:a@b", "", {"tag": "1", "user": "phone"})),
        ("token1~` token2'+_ <sip:m@x>", Address("sip:m@x", "token1~` token2'+_")),
        ("<sip:\xc3\xa0@h>", Address("sip:\xc3\xa0@h")),
        ("John (Sales) <sip:j@x>", Address("sip:j@x", "John (Sales)")),
        ('"" <sip:j@x>', Address("sip:j@x")),
        ('"<sip:x@y>;tag=2" <sip:j@x> ; tag = 1', Address("sip:j@x", "<sip:x@y>;tag=2", {"tag": "1"})),
        ("<http://www.example.com>;tag=3", Address("http://www.example.com", "", {"tag": "3"})),
        ('<sip:a@b>;+sip.instance="<urn:uuid:1>"', Address("sip:a@b", "", {"+sip.instance": '"<urn:uuid:1>"'})),
    ],
)
def test_addresses(value: str, address: Address) -> None:
    assert Address.parse(value) == address
    assert Address.parse(str(address)) == address
    assert uri.addr_uri(value) == address.uri
    assert uri.tag(value) == address.tag


@pytest.mark.parametrize(
    "value",
    [
        "", "x", '"A <sip:a@b>', '"A" sip:a@b', "<sip:a@b", "< sip:a@b >", "Bell, A <sip:a@b>", "sip:a@b?x=y", "sip:a@b,c",
        "sip:a b@c", "<sip:a@b> x", "<sip:a@b>;;", "<ab>", '"A\\" <sip:a@b>', "a\\b <sip:a@b>", "<sip:a@b>;tag=a b",
    ],
)  # fmt: skip
def test_malformed_addresses(value: str) -> None:
    with pytest.raises(ParseError):
        Address.parse(value)


def test_tags_hide_nowhere() -> None:
    assert uri.tag('"x>;tag=1" <sip:a@b>;tag=2') == "2"
    assert uri.tag("<sip:a@b;tag=1>") == ""
    assert uri.tag("<sip:a@b>;a=1;TAG=x") == "x"
    assert uri.tag('<sip:a@b>;a="<>;tag=1"') == ""
    assert uri.tag("nonsense") == ""


def test_fast_helpers() -> None:
    assert uri.uri_user("sip:alice:pw@h:5060;x") == "alice"
    assert uri.uri_user("sip:h:5060;x") == ""
    assert uri.uri_user("tel:+48;ext=1") == "+48"
    assert uri.uri_host_port("sip:alice@H.org:5070;x?y=z") == ("h.org", 5070)
    assert uri.uri_host_port("sip:[2001:db8::1]:5070") == ("[2001:db8::1]", 5070)
    assert uri.uri_host_port("sip:[2001:db8::1]") == ("[2001:db8::1]", 0)
    assert uri.uri_host_port("sip:h") == ("h", 0)
    assert uri.uri_host_port("sip:h:99999") == ("", 0)


def test_the_star_contact_prints_as_it_is() -> None:
    assert str(Address("*")) == "*"
