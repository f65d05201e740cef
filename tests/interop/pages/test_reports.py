"""The pages of reports in a real browser: every report of a role opens, says what its numbers are, and can be taken away."""

from __future__ import annotations

import pytest

from ..lab import Lab
from .conftest import LogIn

LAB = {"accounts": 2, "agents": 2, "tiers": 1}
SHOWN = "document.querySelector('.reports-shown') && !document.querySelector('.skeleton')"


def test_every_report_opens(lab: Lab, page: LogIn) -> None:
    surfer = page("auditor", "/reports")
    surfer.until(SHOWN)
    names = surfer.evaluate(
        "[...document.querySelectorAll('.reports-choice select')[0].options].map((one) => one.value)"
    )
    assert set(names) > {"queues", "intervals", "heatmap", "missed", "agents", "timeline", "load"}
    for name in names:
        surfer.open(f"/reports/{name}?range=today")
        surfer.until(f"{SHOWN} && document.querySelectorAll('.reports-choice select')[0].value === '{name}'")
        assert surfer.evaluate("document.querySelectorAll('.reports-definitions dd').length") > 0, name
        assert surfer.troubles == [], name


def test_what_is_chosen_is_asked_and_stands_in_the_address(lab: Lab, page: LogIn) -> None:
    surfer = page("supervisor", "/reports/intervals?range=yesterday&interval=day", queue="queue")
    surfer.until(SHOWN)
    assert surfer.evaluate("document.querySelectorAll('.reports-figures tbody tr').length") == 1, "one day"
    surfer.choose("Interval", "60")
    surfer.until(f"{SHOWN} && document.querySelectorAll('.reports-figures tbody tr').length > 22")
    assert "interval=60" in surfer.evaluate("location.hash")
    surfer.read("–")  # without calls there is no service level, least of all 100 %
    files = surfer.evaluate(
        "[...document.querySelectorAll('.reports-shown a[download]')].map((one) => one.getAttribute('href'))"
    )
    assert [one.split("format=")[1].split("&")[0] for one in files] == ["xlsx", "csv", "json"]
    for address in files:
        status = surfer.evaluate(f"fetch({address!r}).then((answer) => answer.status)")
        assert status == 200, address


def test_a_figure_leads_to_its_calls(lab: Lab, page: LogIn) -> None:
    surfer = page("auditor", "/reports/intervals?range=yesterday&interval=day&level=30")
    surfer.until(SHOWN)
    surfer.read("T = 30 s")
    assert surfer.evaluate("document.querySelectorAll('.reports-figures .reports-behind').length") == 1, "one day"
    surfer.click(".reports-behind")
    surfer.until("location.hash.startsWith('#/calls?range=span&since=') && document.querySelector('.records-list')")
    assert surfer.evaluate("document.querySelectorAll('.records-filters select')[0].value") == "span"
    assert surfer.troubles == []


@pytest.mark.parametrize(("role", "options"), [("agent", {"agent": "agent-2000"}), ("supervisor", {"queue": "queue"})])
def test_each_is_offered_what_is_theirs(lab: Lab, page: LogIn, role: str, options: dict[str, str]) -> None:
    surfer = page(role, "/reports", **options)
    surfer.until(SHOWN)
    names = surfer.evaluate(
        "[...document.querySelectorAll('.reports-choice select')[0].options].map((one) => one.value)"
    )
    assert ("load" in names) is False and ("queues" in names) is (role == "supervisor")


def test_staffing_says_why_there_is_no_plan(lab: Lab, page: LogIn) -> None:
    surfer = page("supervisor", "/reports/staffing", queue="queue")
    surfer.read("There are no calls in queue queue")


def test_staffing_from_an_operators_bill(lab: Lab, page: LogIn) -> None:
    """Before there are records: the columns are found out, or chosen."""
    surfer = page("supervisor", "/reports/staffing", queue="queue")
    surfer.read("There are no calls in queue queue")
    rows = "\n".join(
        f"2026-11-{2 + day:02d} {9 + n // 30:02d}:{2 * (n % 30):02d}:00;2:05" for day in range(5) for n in range(120)
    )
    surfer.evaluate(
        "(() => { const file = new File(["
        + repr(f"Kiedy;Czas trwania\n{rows}\n")
        + "], 'rachunek.csv'); const data = new DataTransfer(); data.items.add(file);"
        " const input = document.querySelector('#staffing-bill'); input.files = data.files;"
        " input.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )
    surfer.read("no column that is known as start")
    surfer.choose("Column of the beginning", "Kiedy")
    surfer.read("agents at the peak|calls of 5 days|from 600 calls")
    assert surfer.evaluate("document.querySelectorAll('.reports-staff tbody td').length") > 30
    surfer.shot("bill")
    assert surfer.troubles == []
