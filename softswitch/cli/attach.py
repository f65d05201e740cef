"""The client side of the live attach: one Unix socket, JSON lines, no event loop."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from softswitch.cli.output import FAILED, NOT_RUNNING, UNKNOWN, WRONG_CONFIG, Failure

TIMEOUT = 10.0
CODES = {"unknown": UNKNOWN, "config": WRONG_CONFIG}  # exit codes of kinds of errors


class Attached:
    """A connection to a running switch. Raises Failure with the reason and the remedy."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._patience = TIMEOUT
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(TIMEOUT)
        try:
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            raise Failure(
                f"No switch is running here (nothing answers on {path}).",
                "Start it: softswitch serve. If it runs elsewhere, name its configuration: --config PATH.",
                NOT_RUNNING,
            ) from None
        except PermissionError:
            raise Failure(
                f"You may not control this switch: {path} belongs to another user.",
                "Run the command as the user that runs the switch, for example: sudo -u softswitch softswitch ...",
            ) from None
        except OSError as error:
            raise Failure(f"{path}: {error.strerror or error}.", "Check the run directory.", NOT_RUNNING) from None
        self._lines: IO[bytes] = self._socket.makefile("rb")

    def __enter__(self) -> Attached:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def patient(self, seconds: float) -> Attached:
        """The same for commands that may take so long."""
        self._patience = seconds
        self._socket.settimeout(seconds)
        return self

    def call(self, command: str, **arguments: Any) -> Any:
        """Carry out one command and return its result."""
        request = json.dumps({"command": command, "arguments": arguments})
        try:
            self._socket.sendall(request.encode() + b"\n")
            line = self._lines.readline()
        except TimeoutError:
            raise Failure(f"The switch did not answer within {self._patience:.0f} seconds.", "See its log.") from None
        except OSError as error:
            raise Failure(f"The switch went away: {error.strerror or error}.", "See its log.") from None
        if not line:
            raise Failure("The switch closed the connection.", "See its log.")
        answer = json.loads(line)
        if not answer["ok"]:
            raise Failure(answer["error"], answer.get("hint", ""), CODES.get(answer.get("kind", ""), FAILED))
        return answer["result"]

    def events(self) -> Iterator[dict[str, Any]]:
        """Live events, until the switch stops."""
        self.call("events")
        self._socket.settimeout(None)
        for line in self._lines:
            yield json.loads(line)


def running(path: Path) -> bool:
    """True if a switch answers on the socket."""
    try:
        Attached(path).close()
    except Failure:
        return False
    return True
