"""What a trunk is told to prove who we are: answers to its digest challenges, and to nobody else's (SEC-03).

A response is only looked at if it came from where the request went; the transaction layer sees to that. Here the realm must
be the one of the site, or, where the site names none, the trunk's own name or what its registrar asked for: a challenge that
somebody behind the trunk has made up names another, or comes after somebody has rung, and stays without an answer.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from softswitch.errors import ParseError
from softswitch.machine import Entropy
from softswitch.outside import Trunk
from softswitch.sip.digest import ALGORITHMS, Challenge, authorization, parse_challenge
from softswitch.sip.message import Message

MAX_CHALLENGES: Final = 8  # of one response, that are looked at
HEADERS: Final = {
    401: ("www-authenticate", "Authorization"),
    407: ("proxy-authenticate", "Proxy-Authorization"),
}


class Proof:
    """The credentials of one trunk."""

    __slots__ = ("_challenge", "_count", "_entropy", "_header", "config", "error", "realm")

    def __init__(self, config: Trunk, entropy: Entropy) -> None:
        self.config = config
        self._entropy = entropy
        self.realm = config.realm  # the only one that is answered; "" = not known yet
        self.error = ""  # why the last challenge got no answer, and what to do
        self._challenge: Challenge | None = None  # the registrar's, to be used again
        self._header = ""
        self._count = 0

    def answer(
        self, response: Message, method: str, uri: str, hosts: Container[str], *, again: bool = False, registrar: bool = False
    ) -> str:  # fmt: skip
        """The header line that answers a 401 or 407, "" if it is to have no answer.

        `hosts`: names of the trunk. `again`: an answer was given to the same request before. `registrar`: REGISTER is answered
        by the provider itself, so its realm is the trunk's.
        """
        header, name = HEADERS[response.status]
        config = self.config
        if not config.password:
            self.error = "it asks for a password, and the site has none for it: set password"
            return ""
        found = self._choose(response, header, hosts, registrar)
        if found is None:
            return ""
        if again and not found.stale:
            self.error = "it did not accept the password: check user, auth_user and password"
            return ""
        self.error = ""
        if registrar:
            self._challenge, self._header, self._count = found, name, 0
        return self._line(found, name, method, uri, 1, keep=registrar)

    def once_more(self, method: str, uri: str) -> str:
        """A line for the next REGISTER, with the nonce of before; "" if there is none."""
        if self._challenge is None or "auth" not in self._challenge.qop:
            return ""
        return self._line(self._challenge, self._header, method, uri, self._count + 1, keep=True)

    def _line(self, found: Challenge, name: str, method: str, uri: str, count: int, *, keep: bool) -> str:
        if keep:
            self._count = count
        config = self.config
        user = config.auth_user or config.user
        value = authorization(found, user, config.password, method, uri, self._entropy.token(), count)
        return f"{name}: {value}\r\n"

    def _choose(self, response: Message, header: str, hosts: Container[str], registrar: bool) -> Challenge | None:
        """The strongest challenge of our realm that we can answer."""
        best: Challenge | None = None
        strength = list(ALGORITHMS)
        for value in response.headers.get(header, ())[:MAX_CHALLENGES]:
            try:
                found = parse_challenge(value)
            except ParseError:
                continue
            if found is None or not self._is_ours(found, hosts, registrar):
                continue
            algorithm = found.algorithm.upper().removesuffix("-SESS")
            if algorithm not in ALGORITHMS or (found.qop and "auth" not in found.qop):
                self.error = f"it asks for a digest that is not known: {found.algorithm}"
            elif best is None or strength.index(algorithm) < strength.index(
                best.algorithm.upper().removesuffix("-SESS")
            ):
                best = found
        if best is None and not self.error:
            self.error = "its challenge cannot be read"
        return best

    def _is_ours(self, found: Challenge, hosts: Container[str], registrar: bool) -> bool:
        if found.realm == self.realm or (not self.realm and found.realm.lower() in hosts):
            return True
        if registrar and not self.config.realm:
            self.realm = found.realm
            return True
        self.error = f'it asks for the realm "{found.realm[:60]}": set realm, if that is the provider\'s'
        return False
