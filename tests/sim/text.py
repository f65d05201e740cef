"""Messages and descriptions as text, read without a line of the switch's own code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


class Raw:
    """A SIP message as lines of text."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.start = lines[0]
        self.lines = [tuple(part.strip(" ") for part in line.split(":", 1)) for line in lines[1:]]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.lines if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/") else 0

    @property
    def method(self) -> str:
        return self.get("CSeq").split(" ")[1]

    @property
    def cseq(self) -> int:
        return int(self.get("CSeq").split(" ")[0])

    @property
    def branch(self) -> str:
        return re.search(r"branch=([^;,\s]+)", self.get("Via"))[1]  # type: ignore[index]


def tag_of(value: str) -> str:
    found = re.search(r";tag=([^;\s]+)", value)
    return found[1] if found else ""


def uri_of(value: str) -> str:
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.split(";")[0]


@dataclass
class Sdp:
    """What a phone sees in a description."""

    host: str
    port: int
    types: list[int]
    names: dict[int, str]
    direction: str
    version: int

    @classmethod
    def read(cls, body: bytes) -> Sdp:
        text = body.decode()
        media = re.search(r"m=audio (\d+) RTP/AVP ([\d ]+)", text)
        assert media, text
        names = {int(number): name for number, name in re.findall(r"a=rtpmap:(\d+) (\S+)", text)}
        direction = re.search(r"a=(sendrecv|sendonly|recvonly|inactive)", text)
        version = re.search(r"o=\S+ \d+ (\d+)", text)
        return cls(
            re.search(r"c=IN IP[46] (\S+)", text)[1],  # type: ignore[index]
            int(media[1]), [int(number) for number in media[2].split()], names,
            direction[1] if direction else "sendrecv", int(version[1]),  # type: ignore[index]
        )  # fmt: skip

    @property
    def codecs(self) -> list[str]:
        static = {0: "PCMU/8000", 8: "PCMA/8000"}
        return [self.names.get(number, static.get(number, "")).split("/")[0] for number in self.types]


def md5_challenge(raw: Raw) -> str:
    return next(value for value in raw.all("WWW-Authenticate") if "algorithm=MD5" in value)
