"""The live attach: JSON lines over a Unix socket that only its owner may open.

A request is one line `{"command": "queues", "arguments": {...}}`; the answer is one line `{"ok": true, "result": ...}` or
`{"ok": false, "error": "...", "hint": "..."}`. The command `events` answers with one line per event until the peer leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from softswitch.errors import ConfigError, SoftswitchError

MAX_LINE = 16 << 20  # a site of thousands of accounts is applied in one line
MAX_CLIENTS = 64
MAX_UNREAD = 1 << 20  # bytes of events for a follower that does not read: then it is cut
LONGEST_PATH = 107  # sockaddr_un

Handler = Callable[..., Any] | Callable[..., Awaitable[Any]]


class ConsoleError(SoftswitchError):
    """A command that cannot be carried out; `hint` says what to do instead."""

    def __init__(self, message: str, hint: str = "", *, kind: str = "failed") -> None:
        super().__init__(message)
        self.hint = hint
        self.kind = kind  # "failed" | "unknown": there is no such queue, agent, call | "config": the site is wrong


class Console:
    """Serves the commands in `handlers` on the socket at `path`."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler], fault: Callable[[str, Exception], None]) -> None:
        self.path = path
        self._handlers = handlers
        self._fault = fault
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._followers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen. Raises ConsoleError if another switch listens there, or the path cannot be used."""
        sock = self._bind()
        self._server = await asyncio.start_unix_server(self._serve, sock=sock, limit=MAX_LINE)

    def _bind(self) -> socket.socket:
        path = str(self.path)
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise ConsoleError(
                f"The path of the control socket is too long ({len(path)} characters): {path}",
                f"Use a run directory with a shorter name; a socket's path may have {LONGEST_PATH} characters.",
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self._remove_stale()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        before = os.umask(0o177)  # Born 0600: there is no moment at which others could open it.
        try:
            sock.bind(path)
        except OSError as error:
            sock.close()
            raise ConsoleError(
                f"The control socket {path} cannot be made: {error.strerror}.", "Check the run directory's permissions."
            ) from None
        finally:
            os.umask(before)
        sock.listen(16)
        sock.setblocking(False)
        return sock

    def _remove_stale(self) -> None:
        if not stat.S_ISSOCK(self.path.stat().st_mode):
            raise ConsoleError(f"{self.path} exists and is not a socket.", "Move that file away.")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self.path))
            except OSError:
                self.path.unlink()
                return
        raise ConsoleError(
            f"A switch is already running here: it answers on {self.path}.",
            "Stop it first, or give this one another directory.",
        )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._clients):
            writer.close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    @property
    def followed(self) -> bool:
        """Whether anybody follows events: else nobody need write them down."""
        return bool(self._followers)

    def publish(self, line: dict[str, Any]) -> None:
        """Give an event to everybody who follows; who does not read is cut, never waited for."""
        if not self._followers:
            return
        data = (json.dumps(line, separators=(",", ":"), default=str) + "\n").encode()
        for writer in list(self._followers):
            if writer.transport.get_write_buffer_size() > MAX_UNREAD:
                writer.transport.abort()
                self._followers.discard(writer)
            else:
                writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            writer.close()
            return
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                answer = await self._answer(line, writer)
                if writer.is_closing():
                    break  # Whoever has asked did not wait for it.
                writer.write((json.dumps(answer, separators=(",", ":"), default=str) + "\n").encode())
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # ValueError: a line over the limit; nothing sensible follows it.
        finally:
            self._clients.discard(writer)
            self._followers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> dict[str, Any]:
        try:
            request = json.loads(line)
            command, arguments = request["command"], request.get("arguments", {})
            if command == "events":
                self._followers.add(writer)
                return {"ok": True, "result": "following"}
            handler = self._handlers.get(command)
            if handler is None:
                raise ConsoleError(f"There is no command {command!r}.", "The client may be newer than the switch.")
            result = handler(**arguments)
            if asyncio.iscoroutine(result):
                result = await result
            return {"ok": True, "result": result}
        except ConfigError as error:
            return {"ok": False, "error": str(error), "hint": "Nothing was changed.", "kind": "config"}
        except SoftswitchError as error:
            kind = getattr(error, "kind", "failed")
            return {"ok": False, "error": str(error), "hint": getattr(error, "hint", ""), "kind": kind}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return {"ok": False, "error": f"The request was not understood: {error!r}.", "hint": "", "kind": "failed"}
        except Exception as error:
            self._fault("console", error)
            return {"ok": False, "error": f"The switch failed: {error!r}.", "hint": "See its log.", "kind": "failed"}
