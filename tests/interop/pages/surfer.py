"""Somebody who uses the pages: clicks, types and reads in a page of Chromium, and looks at it.

Whatever is to be clicked, typed into or read is waited for until it is there, seen and enabled: nothing here goes by moments.
"""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

from ..sipharness.chromium import Chromium
from ..sipharness.core import PhoneError

LIMIT = 30.0  # seconds for anything to appear
WIDE, NARROW = (1440, 900), (390, 844)

_HELPERS = Path(__file__).with_name("surfer.js").read_text()  # defines `surfer` in the page


class Surfer:
    """One page with cookies of its own. `base`: the address of the switch's pages; `beside`: another tab of the same browser."""

    def __init__(self, browser: Chromium, base: str, shots: Path, beside: Surfer | None = None) -> None:
        self._browser, self.base, self._shots = browser, base.rstrip("/"), shots
        self.troubles: list[str] = []  # exceptions of the page's scripts, and what the policy has stopped
        self._page = browser.page("about:blank", self._told, beside._page._context if beside is not None else "")
        self.session = self._page._session
        self.resize(*WIDE)
        # What the policy forbids is an error of ours, though no script fails by it.
        self.perform(
            "Page.addScriptToEvaluateOnNewDocument",
            source=_HELPERS,
        )

    def _told(self, text: str) -> None:
        facts = json.loads(text)
        self.troubles.append(f"{facts['event']}: {facts.get('reason')}")

    def perform(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A DevTools command in this page."""
        return self._browser.perform(method, self.session, **parameters)

    def evaluate(self, expression: str) -> Any:
        return self._page.evaluate(expression)

    def tab(self) -> Surfer:
        """Another tab, in which the same person is logged in; it is closed with this one."""
        return Surfer(self._browser, self.base, self._shots, self)

    def forbid_microphone(self) -> None:
        """As if somebody had said no when the browser asked: this one is started so that it never asks."""
        self.evaluate(
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError'))"
        )

    def close(self) -> None:
        self._page.close()

    # --- going

    def open(self, address: str = "/") -> None:
        """A page of ours by its address behind '#'."""
        self.perform("Page.navigate", url=f"{self.base}/#{address}")
        self.until("document.readyState === 'complete' && document.querySelector('#app')?.children.length > 0")

    def reload(self) -> None:
        self.evaluate("window.former = true")
        self.perform("Page.reload")
        self.until("!window.former && document.readyState === 'complete' && document.querySelector('.frame, .login')")

    def log_in(self, user: str, password: str, address: str = "/") -> None:
        """As a person does, through the form."""
        self.open(address)
        self.type("field", "", user, selector="input[name=user]")
        self.type("field", "", password, selector="input[name=password]")
        self.click("button[type=submit]")
        self.see(".frame")

    def language(self, name: str) -> None:
        self.evaluate(f"localStorage.setItem('language', '{name}')")
        self.reload()

    def theme(self, name: str) -> None:
        """ "light", "dark" or "system"."""
        self.evaluate(f"localStorage.setItem('theme', '{name}')")
        self.evaluate(
            f"'{name}' === 'system' ? delete document.documentElement.dataset.theme : "
            f"(document.documentElement.dataset.theme = '{name}')"
        )

    def resize(self, width: int, height: int) -> None:
        self.perform(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    # --- waiting, reading

    def until(self, condition: str, limit: float = LIMIT) -> Any:
        """Wait until an expression of the page is true; its value. Raises AssertionError with what the page shows."""
        deadline = time.monotonic() + limit
        while True:
            try:
                self.evaluate(_HELPERS)
                found = self.evaluate(condition)
                if found not in (None, False, 0, ""):  # an element comes as {}
                    return found
            except PhoneError:  # between two documents
                pass
            if time.monotonic() > deadline:
                shot = self.shot("trouble")
                raise AssertionError(
                    f"not within {limit} s: {condition}\n{shot}\n{self.troubles}\n{self.text()[:3000]}"
                )
            time.sleep(0.05)  # the page is another process: there is nothing to await

    def text(self, selector: str = "body") -> str:
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def see(self, role: str, name: str | None = None, limit: float = LIMIT) -> None:
        """Wait until something is there: a role ("button", "heading" ...) or selector, and its name or part of it."""
        self.until(f"Boolean(surfer.find({json.dumps(role)}, {json.dumps(name)}))", limit)

    def read(self, pattern: str, selector: str = "body", limit: float = LIMIT) -> re.Match[str]:
        """Wait until the text there matches."""
        deadline = time.monotonic() + limit
        while (found := re.search(pattern, self.text(selector))) is None:
            assert time.monotonic() < deadline, (
                f"not read within {limit} s: {pattern}\n{self.text()[:3000]}\n{self.troubles}"
            )
            time.sleep(0.05)
        return found

    def gone(self, role: str, name: str | None = None, limit: float = LIMIT) -> None:
        self.until(f"!surfer.find({json.dumps(role)}, {json.dumps(name)})", limit)

    # --- doing

    def click(self, role: str, name: str | None = None) -> None:
        """With the mouse, in the middle of what is meant, once it is enabled and nothing lies over it."""
        box = self.until(
            f"""(() => {{
              const one = surfer.find({json.dumps(role)}, {json.dumps(name)});
              if (!one || one.disabled) return null;
              one.scrollIntoView({{ block: 'center', inline: 'center' }});
              const box = one.getBoundingClientRect();
              const at = {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
              const top = document.elementFromPoint(at.x, at.y);
              return top && (one.contains(top) || top.contains(one)) ? at : null;
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.perform("Input.dispatchMouseEvent", type=kind, x=box["x"], y=box["y"], button="left", clickCount=1)

    def type(self, role: str, name: str, text: str, *, selector: str = "") -> None:
        """Into a field, in place of what it held."""
        which = json.dumps(selector or role), json.dumps(None if selector else name)
        self.until(
            f"(() => {{ const one = surfer.find({which[0]}, {which[1]}); if (!one || one.disabled) return false;"
            " one.focus(); one.select?.(); return true; })()"
        )
        if text:
            self.perform("Input.insertText", text=text)
        else:
            self.key("Delete")

    def choose(self, name: str, value: str) -> None:
        """An option of a select, by its value or its text."""
        self.until(
            f"""(() => {{
              const one = surfer.find('select', {json.dumps(name)});
              const option = one && [...one.options].find((o) => [o.value, o.text].includes({json.dumps(value)}));
              if (!option) return false;
              one.value = option.value;
              one.dispatchEvent(new Event('change', {{ bubbles: true }}));
              return true;
            }})()"""
        )

    def key(self, key: str, modifiers: int = 0) -> None:
        """A key of the keyboard by its DOM name; `modifiers`: 1 Alt, 2 Ctrl, 8 Shift."""
        code = {"Enter": 13, "Escape": 27, "Tab": 9, "Delete": 46}.get(key, ord(key[0].upper()))
        text = "\r" if key == "Enter" else key if len(key) == 1 and not modifiers & 3 else ""
        for kind in ("keyDown", "keyUp"):
            self.perform(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, modifiers=modifiers,
                **({"text": text} if text and kind == "keyDown" else {}),
            )  # fmt: skip

    # --- looking

    def shot(self, name: str, *, whole: bool = False) -> Path:
        """A screenshot as a file; `whole`: of all that could be scrolled to."""
        self._shots.mkdir(parents=True, exist_ok=True)
        data = self.perform("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path = self._shots / f"{name}.png"
        path.write_bytes(base64.b64decode(data))
        return path

    def shots(self, name: str) -> None:
        """Light and dark, wide and narrow, once everything is there."""
        self.until("!document.querySelector('.skeleton')")
        self.evaluate("document.scrollingElement.scrollTo(0, 0)")
        for size, (width, height) in (("1440", WIDE), ("390", NARROW)):
            self.resize(width, height)
            for theme in ("light", "dark"):
                self.theme(theme)
                self.settle()
                self.shot(f"{name}-{size}-{theme}")
        self.theme("light")
        self.resize(*WIDE)

    def settle(self) -> None:
        """Two frames: what was changed is drawn; transitions are over."""
        self.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => "
            "Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity)"
            ".map((a) => a.finished.catch(() => {}))).then(done))))"
        )

    def fits(self) -> bool:
        """Whether nothing sticks out sideways."""
        return bool(self.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    def faint(self) -> list[str]:
        """Texts whose contrast is below WCAG AA (4.5, large ones 3): what is drawn in one colour on one colour."""
        self.settle()
        return list(self.evaluate("surfer.faint()"))
