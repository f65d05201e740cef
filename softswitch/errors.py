"""The exception tree: everything we raise on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.sip.message import Message


class SoftswitchError(Exception):
    """Base of everything we raise on purpose."""


class ParseError(SoftswitchError):
    """The bytes are not what the grammar says.

    `status_hint` is the SIP response that fits (RFC 3261 section 21.4): 400 unless the cause has its own code.
    `partial` is what could be read of a broken request: enough to build that response; None where none may be sent.
    """

    def __init__(self, reason: str, *, status_hint: int = 400, partial: Message | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status_hint = status_hint
        self.partial = partial


class ConfigError(SoftswitchError):
    """A configuration or site file is wrong: names file, key, value and what was expected.

    With several mistakes the message has one line for each and `problems` holds them one by one.
    """

    def __init__(
        self, message: str, *, file: str = "", key: str = "", value: object = None, expected: str = ""
    ) -> None:
        super().__init__(message)
        self.file = file
        self.key = key
        self.value = value
        self.expected = expected
        self.problems: tuple[ConfigError, ...] = (self,)


class StoreError(SoftswitchError):
    """The database cannot be used. `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
