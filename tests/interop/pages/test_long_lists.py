"""A team of three hundred: what is far from the eye is not in the page, is found all the same, and only what changes is drawn."""

from __future__ import annotations

import os
import subprocess
import sys

from ..lab import Lab
from .conftest import LogIn

LAB = {"accounts": 1, "agents": 300, "tiers": 1}
MOST = 60  # rows in the page at a height of 900 px
CTRL = 2  # DevTools

ROWS = "[...document.querySelectorAll('tr[data-key]')].map((one) => one.dataset.key)"
WATCH = """(() => {
  window.touched = new Set();
  const row = (one) => (one.nodeType === 1 ? one : one.parentElement)?.closest('tr');
  new MutationObserver((found) => {
    for (const { target, addedNodes } of found) {
      if (target.closest?.('time') || target.parentElement?.closest('time')) continue;  // clocks run by themselves
      for (const one of [target, ...addedNodes]) { const found = row(one); if (found) touched.add(found.dataset.key || 'gap'); }
    }
  }).observe(document.querySelector('tbody'), { subtree: true, childList: true, characterData: true });
})()"""


def order(lab: Lab, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "softswitch", "agent", *words], check=True, capture_output=True, timeout=60,
        env={**os.environ, "SOFTSWITCH_CONFIG": str(lab.directory)},
    )  # fmt: skip


def test_a_large_team(lab: Lab, page: LogIn) -> None:
    surfer = page("supervisor", "/team", queue="*", name="sue")
    surfer.until(f"{ROWS}.includes('agent-2000')")
    assert surfer.evaluate("document.querySelector('table').getAttribute('aria-rowcount')") == "301"
    assert 10 < len(surfer.evaluate(ROWS)) < MOST
    assert surfer.evaluate("document.querySelector('tr[data-key=agent-2000]').getAttribute('aria-rowindex')") == "2"

    # Of all rows, the one that changes is touched; a change out of sight touches none.
    surfer.evaluate(WATCH)
    order(lab, "login", "agent-2001")
    surfer.read("Phone not reachable", "tr[data-key=agent-2001]")
    order(lab, "login", "agent-2290")
    surfer.until("document.querySelectorAll('.supervisor-chip')[1].innerText.includes('2')")
    assert surfer.evaluate("[...touched]") == ["agent-2001"]

    # Whoever scrolls sees the others in their order; the row with the focus stays, and so does the height.
    surfer.evaluate("document.querySelector('tr[data-key=agent-2003] button').focus()")
    height = surfer.evaluate("document.documentElement.scrollHeight")
    surfer.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    surfer.until(f"{ROWS}.includes('agent-2299')")
    surfer.read("Phone not reachable", "tr[data-key=agent-2290]")
    rows = surfer.evaluate(ROWS)
    assert rows == sorted(rows) and rows[0] == "agent-2003" and len(rows) < MOST
    assert surfer.evaluate("document.activeElement.closest('tr').dataset.key") == "agent-2003"
    assert abs(surfer.evaluate("document.documentElement.scrollHeight") - height) < 0.05 * height
    surfer.shot("team-of-300")

    # Whoever searches the page by the browser's own means finds everybody.
    surfer.key("f", CTRL)
    surfer.until(f"{ROWS}.length === 300")
    assert "Agent 2150" in surfer.text("tbody")
