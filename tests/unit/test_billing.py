"""Operators' bills: what is understood by itself, what must be named, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.billing import BillingError, column_option, contacts

NOVEMBER_2 = 739_192  # 2024-11-02 as a proleptic ordinal


def bill(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "billing.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "start,duration\n2024-11-02 09:31:00,125\n",
        "Start Time;Talk time\n2024-11-02T09:31:00;2:05\n",
        "Data i czas;Czas trwania (s)\n02.11.2024 09:31:00;125\n",
        "Data\tGodzina\tCzas rozmowy\n02.11.2024\t09:31\t0:02:05\n",
        "calldate|billsec\n2024/11/02 09:31|125\n",
        "\ufeffData połączenia;Długość\n2024-11-02 09:31;125,0\n\n",
    ],
)
def test_bills_as_they_come(tmp_path: Path, text: str) -> None:
    (one,) = contacts(bill(tmp_path, text))
    assert (one.day, one.minute, one.handled, one.gave_up) == (NOVEMBER_2, 571, 125.0, False)


def test_windows_letters(tmp_path: Path) -> None:
    (one,) = contacts(bill(tmp_path, "Data i czas;Długość\n02.11.2024 09:31;10\n", "cp1250"))
    assert one.handled == 10.0


def test_an_unanswered_call_and_what_follows_one(tmp_path: Path) -> None:
    text = "start,duration,wait\n2024-11-02 09:31,0,40\n2024-11-02 09:40,60,3\n"
    missed, answered = contacts(bill(tmp_path, text), wrap_up=15.0)
    assert (missed.handled, missed.gave_up, missed.waited) == (None, True, 40.0)
    assert (answered.handled, answered.gave_up, answered.waited) == (75.0, False, 3.0)


def test_only_one_number(tmp_path: Path) -> None:
    text = "start,duration,to\n2024-11-02 09:31,5,221234567\n2024-11-02 09:32,5,601000000\n"
    assert len(contacts(bill(tmp_path, text), numbers=("221234567",))) == 1


def test_named_columns(tmp_path: Path) -> None:
    path = bill(tmp_path, "kiedy,ile\n2024-11-02 09:31,5\n")
    with pytest.raises(BillingError, match=r"no column that is known as start or duration.*--column start=NAME"):
        contacts(path)
    assert len(contacts(path, columns=dict(column_option(["start=kiedy", "duration=ile"])))) == 1
    with pytest.raises(BillingError, match="has no column 'gdzie': its columns are kiedy, ile"):
        contacts(path, columns={"start": "gdzie"})
    with pytest.raises(BillingError, match="no use 'end' for a column"):
        contacts(path, columns={"end": "ile"})
    with pytest.raises(BillingError, match="expected USE=NAME"):
        dict(column_option(["start"]))


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BillingError, match=r"line 3: 'yesterday' is no date and time .*line 4: 'long' is no duration"):
        contacts(bill(tmp_path, "start,duration\n2024-11-02 09:31,5\nyesterday,5\n2024-11-02 09:31,long\n"))
    with pytest.raises(BillingError, match="and 3 more lines"):
        contacts(bill(tmp_path, "start,duration\n" + "x,5\n" * 8))
    with pytest.raises(BillingError, match="too few columns"):
        contacts(bill(tmp_path, "start,duration\n2024-11-02 09:31\n"))


def test_no_bill_at_all(tmp_path: Path) -> None:
    with pytest.raises(BillingError, match="is empty"):
        contacts(bill(tmp_path, ""))
    with pytest.raises(BillingError, match="cannot be read"):
        contacts(tmp_path / "missing.csv")
    path = tmp_path / "billing.csv"
    path.write_bytes(b"\x81\x83\x88\x90\x98")
    with pytest.raises(BillingError, match="is no text"):
        contacts(path)


@given(st.text(max_size=200))
def test_whatever_is_in_the_file(text: str) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(text.encode("utf-8", "ignore"))
        file.flush()
        try:
            contacts(Path(file.name))
        except BillingError as error:
            assert file.name in str(error)
