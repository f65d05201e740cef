"""Subscriptions that outlive the process: as what they are kept, and how they go on in the next one.

They are kept in portions, so that one that changes does not cost the writing of all. What happens while a subscription lasts
(numbers of NOTIFYs, bodies) is not kept: the next life counts on behind a gap, and tells every phone how things are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from softswitch.effects import Flow
from softswitch.sip.dialog import Dialog, DialogState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from softswitch.sip.listener import Listener
    from softswitch.sip.subscription import Subscription

PORTIONS: Final = 64
GAP: Final = 1_000_000  # NOTIFYs that may have been sent and never written down


def portion_of(call_id: str) -> int:
    """With which others a subscription is kept."""
    return crc32(call_id.encode("latin-1", "replace")) % PORTIONS


def keep(subscription: Subscription, now: float) -> dict[str, Any]:
    """A subscription as JSON values; `seconds` that it lasts from now on."""
    dialog = subscription.dialog
    return {
        "package": subscription.package.name, "event": subscription.event, "asked": subscription.asked,
        "account": subscription.account.user, "seconds": subscription.expires_at - now, "version": subscription.version,
        "call_id": dialog.call_id, "tags": [dialog.local_tag, dialog.remote_tag], "parties": [dialog.local, dialog.remote],
        "cseq": [dialog.local_cseq, dialog.remote_cseq], "target": dialog.remote_target,
        "routes": list(dialog.route_set), "flow": list(dialog.flow),
    }  # fmt: skip


def dialog_of(kept: dict[str, Any], listeners: Sequence[Listener]) -> Dialog | None:
    """The dialog of a kept subscription; None if the listener that it went by is no more. Of a stream no connection is left."""
    flow = Flow(*kept["flow"])._replace(connection=0)
    if flow.listener >= len(listeners) or listeners[flow.listener].transport != flow.transport:
        return None
    (local_tag, remote_tag), (local, remote), (local_cseq, remote_cseq) = kept["tags"], kept["parties"], kept["cseq"]
    return Dialog(
        kept["call_id"], local_tag, remote_tag, local, remote, local_cseq + GAP, remote_cseq, kept["target"],
        tuple(kept["routes"]), flow, DialogState.CONFIRMED,
    )  # fmt: skip
