"""Header names: compact forms, names that may stand once only, and one canonical spelling for all (RFC 3261 section 7.3)."""

from __future__ import annotations

from typing import Final

from softswitch.errors import ParseError
from softswitch.sip.grammar import BLANKS, is_token

MAX_SPELLINGS: Final = 2_048

COMPACT: Final = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
    "s": "subject", "k": "supported", "e": "content-encoding", "o": "event", "r": "refer-to", "b": "referred-by",
    "x": "session-expires", "u": "allow-events", "a": "accept-contact", "j": "reject-contact", "d": "request-disposition",
    "y": "identity", "n": "identity-info",
}  # fmt: skip

# 7.3.1: a second line of one of these has no meaning; which one wins would be anybody's guess, so none does.
SINGLE: Final = frozenset({
    "from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires",
    "min-expires", "session-expires", "min-se", "event", "refer-to", "referred-by", "replaces", "subscription-state", "rseq",
    "rack",
})  # fmt: skip
WELL_KNOWN: Final = (
    "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events",
    "Authentication-Info", "Authorization", "Call-ID", "Call-Id", "Call-Info", "Contact", "Content-Disposition",
    "Content-Encoding", "Content-Language", "Content-Length", "Content-Type", "CSeq", "Cseq", "Date", "Diversion",
    "Error-Info", "Event", "Expires", "Flow-Timer", "From", "History-Info", "Identity", "In-Reply-To", "Join",
    "Max-Forwards", "MIME-Version", "Min-Expires", "Min-SE", "Organization", "P-Access-Network-Info",
    "P-Asserted-Identity", "P-Preferred-Identity", "Path", "Priority", "Privacy", "Proxy-Authenticate",
    "Proxy-Authorization", "Proxy-Require", "RAck", "Reason", "Record-Route", "Refer-Sub", "Refer-To", "Referred-By",
    "Remote-Party-ID", "Replaces", "Reply-To", "Require", "Retry-After", "Route", "RSeq", "Security-Client",
    "Security-Verify", "Server", "Service-Route", "Session-Expires", "SIP-ETag", "SIP-If-Match", "Subject",
    "Subscription-State", "Supported", "Target-Dialog", "Timestamp", "To", "Unsupported", "User-Agent", "Via", "Warning",
    "WWW-Authenticate", *COMPACT,
)  # fmt: skip


def canonical(raw: str) -> str:
    """Canonical lower-case name of a raw spelling; ParseError if it is no header name.

    RFC 3261 section 7.3.1 allows blanks before the colon: `X-Name :` must not hide from whoever strips `X-Name`.
    """
    name = raw.rstrip(BLANKS)
    if not is_token(name):
        raise ParseError("malformed header name")
    name = name.lower()
    return COMPACT.get(name, name)


# Raw spelling -> canonical name. What peers add is bounded and forgotten as a whole: nobody can fill it for good.
_WELL_KNOWN: Final = {spelling: canonical(spelling) for spelling in WELL_KNOWN}
spellings: Final = dict(_WELL_KNOWN)


def learn(raw: str) -> str:
    """Canonical name of a spelling not met before; remembers it. ParseError if it is no header name."""
    name = canonical(raw)
    if len(raw) <= 64:
        if len(spellings) >= MAX_SPELLINGS:
            spellings.clear()
            spellings.update(_WELL_KNOWN)
        spellings[raw] = name
    return name
