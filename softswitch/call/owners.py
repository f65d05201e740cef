"""Whose mailbox is whose, as the site says it."""

from __future__ import annotations

from softswitch.directory import Account, Directory, Mailbox


def own_mailbox(account: Account, directory: Directory) -> Mailbox | None:
    """The mailbox of an account."""
    return directory.mailboxes.get(account.mailbox or account.user)


def is_own(box: str, account: Account, directory: Directory) -> bool:
    """Whether the phones of an account may open a mailbox as their own."""
    own = own_mailbox(account, directory)
    return (own is not None and own.name == box) or box in account.mailboxes


def mailbox_of(number: str, directory: Directory) -> Mailbox | None:
    """The mailbox that a dialled number means: its name, or the number of an account or a queue that has one."""
    if (box := directory.mailboxes.get(number)) is not None:
        return box
    target = directory.extensions.get(number, f"extension:{number}")
    kind, _, name = target.partition(":")
    if kind == "queue":
        name = name.partition(":")[0]  # A priority may follow.
        return next((one for one in directory.mailboxes.values() if one.queue == name), None)
    account = directory.accounts.get(name) if kind == "extension" else None
    return own_mailbox(account, directory) if account is not None else None
