"""Properties of the readers: only ParseError escapes, what is built is read back, and an independent parser agrees.

SOFTSWITCH_FUZZ_EXAMPLES sets how many cases each property gets; a long run takes a hundred thousand.
"""

from __future__ import annotations

import contextlib
import itertools
import os

import sipmessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softswitch.effects import Flow
from softswitch.errors import ParseError
from softswitch.sip import digest, grammar, headers, message, sdp, uri
from softswitch.sip.message import Message
from softswitch.sip.stream import Framer
from softswitch.sip.uri import Address, Uri

UDP = Flow("udp", "192.0.2.4", 5099)
TCP = Flow("tcp", "192.0.2.4", 5099, 0, 7)
EXAMPLES = int(os.environ.get("SOFTSWITCH_FUZZ_EXAMPLES", "150"))
quick = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SDP = (
    b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=rtcp:4001 IN IP4 192.0.2.1\r\na=sendonly\r\n"
    b"m=video 0 RTP/AVP 31\r\n"
)
CREDENTIALS = (
    'Digest username="a", realm="pbx", nonce="n=", uri="sip:pbx", response="00ff", algorithm=MD5, '
    'qop=auth, nc=00000001, cnonce="c"'
)
SEEDS = (
    b"INVITE sip:1002:pw@pbx.example.com:5060;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa;rport\r\n"
    b"Via: SIP/2.0/TCP [2001:db8::1];branch=z9hG4bKb, SIP/2.0/TLS h\r\nFrom: \"A \\\"B\\\"\" <sip:1001@pbx>;tag=1;x=\"y\"\r\n"
    b"To: <sip:1002@pbx>\r\nCall-ID: id@h\r\nCSeq: 1 INVITE\r\nContact: <sip:1001@192.0.2.9;ob>;q=0.5, \"x,y\" <sip:z@h>\r\n"
    b"Require: 100rel\r\nSupported: replaces,timer\r\nMax-Forwards: 69\r\nContent-Type: application/sdp\r\n"
    b"Subject: a\r\n b\r\nContent-Length: %d\r\n\r\n%s" % (len(SDP), SDP),
    b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h;branch=z9hG4bKa;received=192.0.2.4;rport=5099\r\nf: sip:a@b;tag=1\r\n"
    b"t: sip:c@d;tag=2\r\ni: 1\r\nCSeq: 0002  BYE\r\nl: 0\r\n\r\n",
    f"REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@pbx>;tag=1\r\nTo: <sip:a@pbx>\r\nCall-ID : x\r\n"
    f"CSeq: 9 REGISTER\r\nContact: *\r\nExpires: 0\r\nAuthorization: {CREDENTIALS}\r\nContent-Length: 0\r\n\r\n".encode(),
)  # fmt: skip
SPLINTERS = (
    b"\r\n", b"\r", b"\n", b" ", b"\t", b"\0", b"\x0b", b"\x85", b"\xff", b'"', b"\\", b"<", b">", b";", b",", b":", b"=", b"@",
    b"?", b"%00", b"%", b"[", b"]", b"-1", b"0", b"99999999999", b"\xb2", b"SIP/2.0", b"sip:", b"tel:", b"Via: ",
    b"Content-Length: ",
    b"\r\n\r\n", b";tag=", b";rport", b";branch=", b"a=rtpmap:", b"m=audio ", b"c=IN IP4 ", b'="', b", ", b"*",
)  # fmt: skip

edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.integers(0, 12), st.sampled_from(SPLINTERS) | st.binary(max_size=4)
    ),
    max_size=5,
)


@st.composite
def mutants(draw: st.DrawFn, seeds: tuple[bytes, ...] = SEEDS) -> bytes:
    """A valid text with a few places overwritten by what parsers trip over."""
    data = draw(st.sampled_from(seeds))
    for place, length, splinter in draw(edits):
        at = int(place * (len(data) + 1))
        data = data[:at] + splinter + data[at + length :]
    return data


def texts(*seeds: str) -> st.SearchStrategy[str]:
    return mutants(tuple(seed.encode() for seed in seeds)).map(lambda data: data.decode("latin-1"))


# --- only ParseError escapes -------------------------------------------------------------------------------------------


def use(m: Message) -> None:
    """Everything an endpoint does with a message."""
    assert m.method or 100 <= m.status <= 699
    assert 0 <= m.cseq < 2**31
    assert all("\r" not in value and "\n" not in value for values in m.headers.values() for value in values)
    for view in (
        lambda: headers.contacts(m),
        lambda: [headers.Via.parse(value) for value in headers.header_list(m, "via")],
        lambda: headers.option_tags(m, "require"),
        lambda: headers.supports(m, "timer"),
        lambda: headers.q_value(m.header("x")),
        lambda: headers.media_type(m.header("content-type")),
        lambda: Uri.parse(m.uri).number,
        lambda: str(Address.parse(m.header("from"))),
        lambda: digest.parse_authorization(m.header("authorization")),
        lambda: sdp.parse(m.body),
    ):
        with contextlib.suppress(ParseError):
            view()
    headers.expires(m.header("expires"), 1)
    uri.uri_user(m.uri)
    uri.uri_host_port(m.uri)
    if m.method:
        answer = message.response(m, 200, to_tag="x")
        back = message.parse(answer, m.flow)
        assert (back.branch, back.call_id, back.cseq, back.from_tag) == (m.branch, m.call_id, m.cseq, m.from_tag)
        assert back.to_tag == (m.to_tag or "x")


@quick
@given(st.binary(max_size=300) | mutants())
def test_messages(data: bytes) -> None:
    for flow in (UDP, TCP):
        try:
            m = message.parse(data, flow)
        except ParseError as error:
            assert error.status_hint in (400, 414, 416, 505, 513)
            if error.partial:
                assert message.response(error.partial, error.status_hint, to_tag="x").endswith(b"\r\n\r\n")
        else:
            use(m)


@quick
@given(st.binary(max_size=300) | mutants((SDP, SDP.replace(b"\r\n", b"\n"))))
def test_descriptions(body: bytes) -> None:
    try:
        session = sdp.parse(body)
    except ParseError:
        return
    sdp.audio(session)
    for media in session.media:
        assert 0 <= media.port <= 65535
        assert all(0 <= codec.payload_type <= 127 for codec in media.codecs)
        assert media.rtcp[1] <= 65535
        sdp.is_hold(media)
        media.event_type(8000)
        sdp.rejected(media)
    again = sdp.parse(session.build())
    assert [(m.kind, m.port, m.codecs) for m in again.media] == [(m.kind, m.port, m.codecs) for m in session.media]
    assert [m.connection for m in again.media if m.port] == [m.connection for m in session.media if m.port]
    assert again.build() == session.build()


@quick
@given(texts(CREDENTIALS, 'Digest realm="a,b", nonce="x", qop="auth,auth-int", stale=true') | st.text(max_size=60))
def test_credentials(value: str) -> None:
    for read in (digest.parse_authorization, digest.parse_challenge):
        with contextlib.suppress(ParseError):
            read(value)


@quick
@given(
    texts("sip:a:b@h.org:5060;transport=tcp;lr?subject=x&y=%20", "tel:+48-58;ext=1", "sips:[::1]:1")
    | st.text(max_size=40)
)
def test_uris(text: str) -> None:
    with contextlib.suppress(ParseError):
        parsed = Uri.parse(text)
        again = Uri.parse(str(parsed))
        assert again == parsed
        assert hash(again) == hash(parsed)
        assert str(again) == str(parsed)
        assert not set(str(parsed)) & set(' \t\r\n<>"')
    uri.uri_user(text)
    uri.uri_host_port(text)


@quick
@given(
    texts('"A, \\"B\\"" <sip:a@b;x>;tag=1;y="z,\\""', "A B <sip:a@b>", "sip:a@b;tag=1", "<tel:+1>, sip:c@d")
    | st.text(max_size=40)
)
def test_lists_of_addresses(value: str) -> None:
    uri.tag(value)
    with contextlib.suppress(ParseError):
        for element in headers.split_list(value):
            address = Address.parse(element)
            assert uri.addr_uri(element) == address.uri
            again = Address.parse(str(address))
            assert (again.uri, again.parameters) == (address.uri, address.parameters)
            # Control characters become blanks: no line end leaves in a display name.
            assert again.display == grammar.unquote(grammar.quote(address.display))
    with contextlib.suppress(ParseError):
        headers.Via.parse(value)


# --- what is built is read back ------------------------------------------------------------------------------------------

tokens = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
wire_text = st.text(st.characters(max_codepoint=255), max_size=20)


@quick
@given(wire_text, tokens, tokens)
def test_a_display_name_survives(display: str, user: str, tag: str) -> None:
    clean = grammar.unquote(grammar.quote(display))
    address = Address(f"sip:{uri.escape_user(user)}@h", clean, {"tag": tag})
    assert Address.parse(str(address)) == address
    value = f"{address}, <sip:x@y>"
    assert headers.split_list(value) == [str(address), "<sip:x@y>"]


@quick
@given(
    wire_text,
    wire_text,
    wire_text,
    st.sampled_from(["MD5", "SHA-256", "MD5-sess"]),
    st.sampled_from([(), ("auth",), ("auth-int",)]),
)
def test_a_challenge_is_answered(realm: str, nonce: str, name: str, algorithm: str, qop: tuple[str, ...]) -> None:
    clean = grammar.unquote(grammar.quote(realm))
    offered = digest.parse_challenge(
        str(digest.Challenge(clean, grammar.unquote(grammar.quote(nonce)), algorithm, qop))
    )
    assert offered is not None
    assert offered.realm == clean
    value = digest.authorization(offered, name, "secret", "INVITE", "sip:x", "cnonce", 1, b"body")
    parsed = digest.parse_authorization(value)
    assert parsed is not None
    assert (parsed.realm, parsed.nonce, parsed.qop) == (offered.realm, offered.nonce, "".join(qop))


@quick
@given(st.text(max_size=30))
def test_any_text_becomes_a_user_part(text: str) -> None:
    escaped = uri.escape_user(text)
    if escaped:
        parsed = Uri.parse(f"sip:{escaped}@h")
        assert parsed.user == escaped
        assert uri.unescape(escaped) == text.encode("utf-8", "replace").decode("latin-1")


# --- streams -------------------------------------------------------------------------------------------------------------


def framed(pieces: list[bytes]) -> tuple[list[bytes], str]:
    framer = Framer()
    frames: list[bytes] = []
    for piece in pieces:
        if framer.error:
            break
        frames += framer.feed(piece)
    return frames, framer.error


@quick
@given(
    st.lists(mutants() | st.sampled_from([*SEEDS, b"\r\n\r\n", b"\r\n"]), max_size=4).map(b"".join),
    st.lists(st.integers(0, 3000), max_size=8),
)
def test_how_the_bytes_were_cut_does_not_matter(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    whole = framed([data])
    assert framed(pieces) == whole
    assert framed([data[n : n + 1] for n in range(len(data))]) == whole


@quick
@given(st.lists(st.sampled_from(SEEDS[:1] + SEEDS[1:]), min_size=1, max_size=5))
def test_good_messages_come_out_as_they_went_in(messages: list[bytes]) -> None:
    assert framed([b"".join(messages)]) == (messages, "")


# --- an independent parser agrees ----------------------------------------------------------------------------------------


UNFOLDED = tuple(seed.replace(b"\r\n b", b"  b") for seed in SEEDS)


@settings(quick, max_examples=2 * EXAMPLES)
@given(mutants(UNFOLDED))
def test_where_another_parser_agrees_that_it_is_sip_it_reads_the_same(data: bytes) -> None:
    try:
        ours = message.parse(data, UDP)
        theirs = sipmessage.Message.parse(data.lstrip(b"\r\n"))  # which it takes for the beginning of the method
        cseq, via = theirs.cseq, theirs.via
        from_, to = theirs.from_address, theirs.to_address
        call_id = theirs.call_id
        their_contacts = theirs.contact
        our_contacts = headers.contacts(ours)
    except (ParseError, ValueError, KeyError):
        return
    if b"\r\n " in data or b"\r\n\t" in data or b"%" in data:
        return  # It knows no folding, and undoes escapes in header parameters.
    assert (ours.cseq, ours.cseq_method) == (cseq.sequence, cseq.method)
    assert ours.branch == via[0].parameters.get("branch", "")
    assert (ours.from_tag, ours.to_tag) == (from_.parameters.get("tag") or "", to.parameters.get("tag") or "")
    assert ours.call_id == call_id
    if isinstance(theirs, sipmessage.Request):
        mine = Uri.parse(ours.uri)
        assert ours.method == theirs.method
        assert (mine.scheme, mine.user, mine.host) == (
            theirs.uri.scheme,
            theirs.uri.user or "",
            theirs.uri.host.lower(),
        )
        assert mine.port == (theirs.uri.port or 0)
    else:
        assert ours.status == theirs.code
    assert len(our_contacts) == len(their_contacts)
    for mine_, other in zip(our_contacts, their_contacts, strict=True):
        assert Uri.parse(mine_.uri).user == (other.uri.user or "")
        assert mine_.parameters.keys() == {name.lower() for name in other.parameters}
