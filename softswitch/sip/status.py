"""Status codes: reason phrases (RFC 3261 section 21 and its updates) and the best response of a fork (section 16.7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

REASON: Final[dict[int, str]] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    424: "Bad Location Information",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    440: "Max-Breadth Exceeded",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}

_CLASS: Final = {
    1: "Progress",
    2: "Success",
    3: "Redirection",
    4: "Request Failure",
    5: "Server Failure",
    6: "Global Failure",
}

# 16.7 step 6: inside 4xx, answers that tell the caller how to try again come first.
_HELPFUL: Final = frozenset({401, 407, 415, 420, 484})


def reason(status: int) -> str:
    """The reason phrase of a status; of its class (`Request Failure`) when the code has no name."""
    return REASON.get(status) or _CLASS.get(status // 100, "Unknown")


def rank(status: int) -> tuple[int, int]:
    """Sort key of final responses, the best first (16.7 step 6): 2xx, 6xx, then the lowest class.

    503 speaks of one branch only, so it comes after every other answer of a fork.
    """
    family = status // 100
    if family == 2:
        return 0, status
    if family == 6:
        return 1, status
    if status == 503:
        return 9, status
    return family, (-1 if status in _HELPFUL else status)


def best_response(statuses: Iterable[int]) -> int:
    """The final response a fork forwards (16.7 step 6). 503 becomes 500; no response at all is 408."""
    best = min(statuses, key=rank, default=408)
    return 500 if best == 503 else best
