"""Dial rules: the longest prefix decides, however many there are; numbers are rewritten as the trunk wants them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.call.dialplan import DialPlan, called
from softswitch.call.routing import Destination, Refusal, route
from softswitch.directory import Account, Directory
from softswitch.outside import Rewrite, Route, Trunk

prefixes = st.lists(
    st.text("0123456789", max_size=6).map(lambda text: f"+{text}"), min_size=1, max_size=12, unique=True
)
numbers = st.text("0123456789", min_size=4, max_size=12).map(lambda text: f"+{text}")


def plan(*found: str, **more: object) -> DialPlan:
    routes = {one: Route(one, (one,), (f"by {one}",)) for one in found}
    return DialPlan.of(Directory("pbx.test", trunks={"t": Trunk("t")}, routes=routes, **more))  # type: ignore[arg-type]


@given(prefixes, numbers)
@settings(max_examples=200)
def test_the_longest_prefix_that_fits_decides(found: list[str], number: str) -> None:
    fitting = [one for one in found if number.startswith(one)]
    chosen = plan(*found).route(number)
    if not fitting:
        assert chosen is None
    else:
        assert chosen is not None and chosen.name == max(fitting, key=len)


@given(numbers, st.integers(0, 8), st.text("0123456789", max_size=4))
@settings(max_examples=100)
def test_strip_and_add(number: str, strip: int, add: str) -> None:
    assert called(number, Trunk("t", strip=strip, add=add), "pl") == add + number[strip:]


def test_the_first_rule_that_describes_the_whole_number_counts() -> None:
    rules = (Rewrite(r"\+48(\d{9})", r"0\1"), Rewrite(r"\+(\d+)", r"00\1"), Rewrite(".*", "never"))
    config = Trunk("t", rewrite=rules)
    assert called("+48221234567", config, "pl") == "0221234567"
    assert called("+4822", config, "pl") == "004822"


def test_an_emergency_number_has_every_trunk_and_those_of_its_route_first() -> None:
    directory = Directory(
        "pbx.test",
        trunks={name: Trunk(name) for name in ("a", "b", "c")},
        routes={"help": Route("help", ("112",), ("c",))},
    )
    assert DialPlan.of(directory).trunks("112", emergency=True) == ("c", "a", "b")
    assert DialPlan.of(directory).trunks("997", emergency=True) == ("a", "b", "c")


def test_extensions_come_before_numbers_outside_and_emergencies_before_all() -> None:
    directory = Directory(
        "pbx.test", accounts={"221234567": Account("221234567")}, extensions={"112": "echo", "601234567": "outside:+48501234567"},
        trunks={"t": Trunk("t", dids={"22 111 00 00": "extension:221234567"})}, routes={"all": Route("all", ("+",), ("t",))},
    )  # fmt: skip
    assert route("221234567", directory) == Destination("account", "221234567")
    assert route("221110000", directory) == Destination("account", "221234567")
    assert route("601234567", directory) == Destination("outside", "+48501234567", "site")
    assert route("501234567", directory) == Destination("outside", "+48501234567")
    assert route("112", directory) == Destination("outside", "112", "emergency")
    assert route("8000", directory) == Refusal(404, "not_found")
