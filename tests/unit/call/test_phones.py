"""What phones have set: which value holds, what survives."""

from __future__ import annotations

from dataclasses import dataclass, field

from softswitch.call.phones import Phones, catch_up
from softswitch.directory import Account, Directory
from softswitch.events import Event, PhoneChanged


@dataclass
class Desk:
    """As much of a switchboard as phones need."""

    directory: Directory
    events: list[Event] = field(default_factory=list)

    def publish(self, event: Event) -> None:
        self.events.append(event)


def desk(**account: object) -> tuple[Desk, Phones, Account]:
    known = Account("101", **account)  # type: ignore[arg-type]
    board = Desk(Directory("pbx.test", accounts={"101": known}))
    return board, Phones(board), known  # type: ignore[arg-type]


def test_the_phone_has_the_last_word_and_the_site_the_first() -> None:
    board, phones, account = desk(forward_busy="102", do_not_disturb=True)
    assert phones.do_not_disturb(account) and phones.call_waiting(account)
    assert phones.forward(account, "busy") == "102" and phones.overruled("101") == {}
    phones.set("101", "do_not_disturb", "off", "phone")
    phones.set("101", "forward_busy", "", "phone")
    phones.set("101", "forward_busy", "", "phone")
    assert not phones.do_not_disturb(account) and phones.forward(account, "busy") == ""
    assert phones.number(account, "forward_busy") == "102", "where it led, to switch it on again"
    assert phones.overruled("101") == {"do_not_disturb": "off", "forward_busy": ""}
    assert [event.value for event in board.events if isinstance(event, PhoneChanged)] == ["off", ""]


def test_what_was_journaled_is_there_again() -> None:
    board, phones, account = desk()
    phones.set("101", "forward_always", "103", "phone")
    kept, before = phones.export(), len(board.events)
    phones.set("101", "forward_always", "", "phone")
    phones.set("101", "call_waiting", "off", "cli")
    caught = catch_up(kept, [(0.1, event) for event in board.events[before:]])
    _, again, _ = desk()
    again.restore(caught)
    assert again.export() == phones.export()
    assert not again.call_waiting(account) and again.number(account, "forward_always") == "103"


def test_another_value_in_the_site_is_newer_than_the_phones() -> None:
    board, phones, account = desk(forward_always="102")
    phones.set("101", "forward_always", "103", "phone")
    phones.set("101", "do_not_disturb", "on", "phone")
    kept, before = phones.export(), len(board.events)
    after = Directory("pbx.test", accounts={"101": Account("101", forward_always="104")})
    old, board.directory = board.directory, after
    phones.configure(old, after)
    known = after.accounts["101"]
    assert phones.forward(known, "always") == "104" and phones.do_not_disturb(known)
    assert catch_up(kept, [(0.0, event) for event in board.events[before:]]) == phones.export()
    phones.configure(after, Directory("pbx.test"))
    assert phones.export() == {} and account.user == "101"


def test_settings_of_accounts_that_are_gone_and_unknown_ones_are_not_taken() -> None:
    _, phones, _ = desk()
    phones.restore({"999": {"settings": {"do_not_disturb": "on"}, "numbers": {}},
                    "101": {"settings": {"colour": "red", "call_waiting": "off"}, "numbers": {}}})  # fmt: skip
    assert phones.export() == {"101": {"settings": {"call_waiting": "off"}, "numbers": {}}}


def test_the_last_calls() -> None:
    _, phones, _ = desk()
    assert (phones.last("101").caller, phones.last("101").dialled) == ("", "")
    phones.called("101", "102")
    phones.dialled("101", "600")
    phones.called("101", "")
    assert (phones.last("101").caller, phones.last("101").dialled) == ("", "600"), "who hides is not called back"
    _, again, _ = desk()
    again.restore_last(phones.export_last() | {"999": ["1", "2"]})
    assert again.export_last() == {"101": ["", "600"]} and phones.calls_noted == 3
