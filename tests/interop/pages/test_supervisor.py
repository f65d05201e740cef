"""A supervisor's day in the pages: figures, alerts, listening, texts, callers led on by mouse and keyboard, settings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

from ..conftest import StartWirePhone
from ..lab import Lab
from .conftest import LogIn
from .surfer import NARROW, Surfer

LAB = {"accounts": 5, "agents": 2, "tiers": 1}
SITE = """
[queue.other]
title = "Second line"
greeting = []
"""
ALERT = """
[alert.many]
title = "Too many wait"
condition = "waiting"
queues = ["other"]
hold = 0
severity = "critical"
"""
T = TypeVar("T")


async def do(action: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Something in a page, while the phones of this process go on."""
    return await asyncio.to_thread(action, *arguments, **named)


def drop(surfer: Surfer, what: str, where: str) -> None:
    """Drag what has a text onto what has another, as the browser tells a page of it."""
    surfer.until(
        f"""(() => {{
          const by = (selector, text) => [...document.querySelectorAll(selector)].find((one) => one.textContent.includes(text));
          const from = by('.supervisor-caller[draggable=true]', {json.dumps(what)});
          const to = by('.supervisor-lane, .supervisor-drop li', {json.dumps(where)});
          if (!from || !to) return false;
          const dataTransfer = new DataTransfer();
          const how = {{ dataTransfer, bubbles: true, cancelable: true }};
          const tell = (target, name) => target.dispatchEvent(new DragEvent(name, how));
          tell(from, 'dragstart');
          if (tell(to, 'dragover')) return false;  // Nobody takes it.
          tell(to, 'drop');
          return true;
        }})()"""
    )


def write(surfer: Surfer, agent: str, text: str) -> None:
    surfer.click("button", f"More: {agent}")
    surfer.type("field", "Message", text)
    surfer.click("button", "Send")
    surfer.read(f"Sent to {agent}")
    surfer.click("button", "Close")


async def test_a_supervisors_day(lab: Lab, page: LogIn, wirephone: StartWirePhone) -> None:
    lab.add(SITE.lstrip())
    lab.add(ALERT.lstrip())
    ear, first, second = [await wirephone(lab.account(number)) for number in (4, 0, 1)]
    surfer = await do(page, "supervisor", "/wallboard", queue="*", account=ear.user, name="sue")
    await do(surfer.read, r"Second line")
    assert "100%" not in surfer.text(), "nothing has ended: there is no service level"

    # One agent takes the first caller; the other is sent into a pause, so that the second caller waits.
    agents = [await wirephone(lab.agent(number)) for number in (0, 1)]
    names = [f"Agent {one.user}" for one in agents]
    talking = first.call(lab.extensions["queue"])
    taken = await agents[0].next_call()
    taken.answer()
    await taken.media.hears(5)
    await do(surfer.open, "/team")
    await do(surfer.click, "button", f"More: {names[1]}")
    await do(surfer.choose, "Reason of the pause", "training")
    await do(surfer.click, "button", "Pause")
    await do(surfer.read, "Training")
    await do(surfer.click, "button", "Close")

    panel = await do(page, "agent", "/panel", agent=f"agent-{agents[1].user}", name="jan")
    await do(write, surfer, names[1], "Another caller is yours in a minute.")
    await do(panel.read, r"Another caller is yours in a minute\.\s+sue")
    await do(panel.shot, "message")
    await do(panel.reload)
    await do(panel.click, "button", "Read")
    await do(panel.gone, ".supervisor-messages")

    # One click: the supervisor's phone rings, hears, whispers; the page shows it.
    await do(surfer.click, "button", f"Listen: {names[0]}")
    listening = await ear.next_call()
    listening.answer()
    await listening.media.hears(5)
    await do(surfer.read, f"{ear.user} listens")
    await do(surfer.click, "button", f"Whisper: {names[0]}")
    await do(surfer.read, f"{ear.user} whispers")
    await do(surfer.shots, "team")
    await do(surfer.click, "button", "Stop listening")
    await listening.ended()
    await do(surfer.gone, "button", "Stop listening")

    # The browser itself as the phone, which answers what was asked for.
    await do(surfer.click, "button", "Listen in this browser")
    await do(surfer.see, "button[aria-pressed=true]", "Listen in this browser")
    await do(surfer.click, "button", f"Listen: {names[0]}")
    await do(surfer.read, f"{ear.user} listens")
    await do(surfer.click, "button", f"Join: {names[0]}")
    await do(surfer.read, f"{ear.user} has joined")
    await do(surfer.click, "button", "Stop listening")
    await do(surfer.gone, "button", "Stop listening")

    # A caller who waits is dragged to another queue, and led to an agent from there by the dialog.
    waiting = second.call(lab.extensions["queue"])
    await waiting.media.hears(5)
    await do(surfer.open, "/waiting")
    await do(drop, surfer, second.user, "Second line")
    await do(surfer.read, "is in Second line now")
    await do(surfer.shots, "waiting")
    await do(surfer.open, "/wallboard")
    await do(surfer.read, "Too many wait.*1 wait, more than 0")
    await do(surfer.shots, "wallboard")
    await do(surfer.click, "button", "Big screen")
    await do(surfer.see, ".supervisor-board.big")
    await do(surfer.settle)
    await do(surfer.shot, "wallboard-big")
    await do(surfer.click, "button", "Close big screen")
    await do(surfer.gone, ".supervisor-board.big")
    await do(surfer.open, "/team")
    await do(surfer.click, "button", f"More: {names[1]}")
    await do(surfer.click, "button", "Ready")
    await do(surfer.read, "Done")
    await do(surfer.click, "button", "Close")
    await do(surfer.open, "/waiting")
    await do(surfer.click, "button", "Lead")
    await do(surfer.choose, "To an agent", f"agent-{agents[1].user}")
    await do(surfer.shot, "waiting-dialog")
    await do(surfer.click, "button", "Ring")
    led = await agents[1].next_call()
    led.answer()
    await led.media.hears(5)

    # What a change of a queue would do is shown first.
    await do(surfer.open, "/queue-settings/queue")
    await do(surfer.type, "field", "Ring for (s)", "soon")
    await do(surfer.read, "Not a number")
    await do(surfer.type, "field", "Ring for (s)", "9")
    await do(surfer.click, "button", "Preview")
    await do(surfer.read, r"ring_timeout.*9")
    await do(surfer.read, r"The last hour under it[\s\S]*queue queue: SL")
    await do(surfer.shots, "settings")
    await do(surfer.click, "button", "Apply")
    await do(surfer.read, "In force")
    for theme in ("light", "dark"):
        for address in ("/wallboard", "/team", "/waiting", "/queue-settings/queue"):
            await do(surfer.open, address)
            await do(surfer.theme, theme)
            await do(surfer.until, "!document.querySelector('.skeleton')")
            await do(surfer.settle)
            assert await do(surfer.faint) == [], (address, theme)
            await do(surfer.resize, *NARROW)
            await do(surfer.settle)
            assert await do(surfer.fits), f"{address} is wider than 390 pixels"
            await do(surfer.resize, 1440, 900)
    for call in (talking, waiting):
        await call.hang_up()
    await do(surfer.open, "/wallboard")
    await do(surfer.read, r"100%\s+service level today")
