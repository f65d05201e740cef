"""Changes of who outside is told what happens: webhooks. A part of `editing`."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from softswitch.directory import Directory
from softswitch.directory.hooks import EVERY, Webhook
from softswitch.edit import Edit, EditError, existing
from softswitch.integrations.signing import SECRET
from softswitch.store.clips import Clips
from softswitch.store.site import check_site

OCTETS: Final = 32  # of a secret that is made here


def new_secret() -> str:
    return SECRET + base64.b64encode(secrets.token_bytes(OCTETS)).decode()


def webhook_add(
    site: Directory | None, clips: Clips | None, *, webhook: str, url: str, title: str = "",
    events: Sequence[str] = (), queues: Sequence[str] = (),
) -> Edit:  # fmt: skip
    """A program that is told what happens; its secret is told this once."""
    current = existing(site)
    if webhook in current.webhooks:
        raise EditError(f"Webhook {webhook!r} exists.", f"Take it back first: softswitch webhook remove {webhook}")
    made = Webhook(webhook, url, new_secret(), title, tuple(events) or (EVERY,), tuple(queues) or (EVERY,))
    return _checked(
        replace(current, webhooks={**current.webhooks, webhook: made}), clips, _row(made) | {"secret": made.secret}
    )


def webhook_remove(site: Directory | None, clips: Clips | None, *, webhook: str) -> Edit:
    current = existing(site)
    if webhook not in current.webhooks:
        raise EditError(f"There is no webhook {webhook!r}.", "See: softswitch webhook list", kind="unknown")
    left = {name: one for name, one in current.webhooks.items() if name != webhook}
    return _checked(replace(current, webhooks=left), clips, _row(current.webhooks[webhook]))


def webhook_secret(site: Directory | None, clips: Clips | None, *, webhook: str) -> Edit:
    """Another secret for a webhook; it is told this once."""
    current = existing(site)
    if webhook not in current.webhooks:
        raise EditError(f"There is no webhook {webhook!r}.", "See: softswitch webhook list", kind="unknown")
    made = replace(current.webhooks[webhook], secret=new_secret())
    edited = replace(current, webhooks={**current.webhooks, webhook: made})
    return _checked(edited, clips, _row(made) | {"secret": made.secret})


OPERATIONS: Final[Mapping[str, Callable[..., Edit]]] = {
    "webhook_add": webhook_add,
    "webhook_remove": webhook_remove,
    "webhook_secret": webhook_secret,
}


def _row(one: Webhook) -> dict[str, Any]:
    return {"webhook": one.name, "url": one.url, "events": list(one.events), "queues": list(one.queues)}


def _checked(edited: Directory, clips: Clips | None, result: dict[str, Any]) -> Edit:
    check_site(edited, clips=clips)
    return Edit(result, edited)
