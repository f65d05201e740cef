"""Pages while 500 agents work: how late people see what happens, and whether calls wait for it.

A switch with 500 agents at registered phones, in one large queue and nine small ones; calls come, ring, talk and end at
EVENTS_PER_S events a second, agents take and end breaks. Phases take turns: nobody looks; then PANELS agents' panels and BOARDS
supervisors' pages follow, and three pages in a real browser besides: a panel, the wallboard, the team. Measured are the delays
from an event's time stamp to its arrival and to the page's showing it, and how long the switch takes to answer OPTIONS,
by the kernel's time stamps: what any SIP message waits for the loop.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import machine, progress
from bench.lab import Lab
from bench.load.queue import Flood
from bench.load.station import Station, Wire, pump
from bench.load.watchers import Crowd, Watcher
from softswitch.passwords import token_digest
from softswitch.web import build
from tests.interop.pages.surfer import Surfer
from tests.interop.sipharness import audio
from tests.interop.sipharness.chromium import Chromium
from tests.interop.sipharness.core import PhoneError

AGENTS, QUEUES, LARGE = 500, 10, 50  # agents, queues, agents of the large queue; the others are shared out
CALLS_PER_S = float(os.environ.get("BENCH_PAGES_CALLS_PER_S", "10"))
BREAKS_PER_S = 5.0  # orders of agents, by HTTP
PANELS = int(os.environ.get("BENCH_PAGES_PANELS", "50"))
BOARDS = int(os.environ.get("BENCH_PAGES_BOARDS", "5"))
ROUNDS = int(os.environ.get("BENCH_PAGES_ROUNDS", "2"))
RING, TALK = (0.5, 2.0), (2.0, 5.0)  # seconds
PING = 0.01  # seconds between two OPTIONS
WARM_UP, SECONDS, CALIBRATION = 4.0, 20.0, 6.0
MEANS = ("events_per_s", "core_percent", "starved_percent", "browser_core_percent", "load_average")
COSTS = (
    "ThreadTime",
    "ScriptDuration",
    "LayoutDuration",
    "RecalcStyleDuration",
)  # processor seconds of a page's thread
PASSWORD = "a password for a bench"


class Work(Flood):
    """Calls that come by chance at a steady rate, ring a while, and are ended by the agent."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, callers=len(lab.info["accounts"]), talk=TALK, gap=0.0)
        self.coming = False

    def call(self) -> None:
        """Nobody calls again for having been hung up."""

    def begin(self) -> None:
        self.coming = True
        self._come()

    def _come(self) -> None:
        if not self.coming:
            return
        self.queue = "queue" if self.random.random() < 0.5 else f"line{self.random.randrange(1, QUEUES)}"
        super().call()
        self.callers.after(self.random.expovariate(CALLS_PER_S), self._come)

    def _ring(self, wire: Wire) -> None:
        self.agents.respond(wire, "180 Ringing", tag=wire.one("call-id")[:8], extra=self.agents.contact(wire.user))
        self.agents.after(self.random.uniform(*RING), lambda: self._answer(wire))

    def _answer(self, wire: Wire) -> None:
        dialog = self.agents.answer(wire, wire.user)
        self.talking[dialog.call_id] = dialog
        self.agents.after(self.random.uniform(*self.talk), lambda: self._hang_up(dialog))


class Pings:
    """OPTIONS at a steady pace. `took`: seconds to each answer, whose time of arrival is the kernel's."""

    def __init__(self, lab: Lab) -> None:
        self.station = Station(("127.0.0.1", lab.port), lab.domain)
        self.station.on_response = self._answered
        self.took: list[float] = []
        self._sent: dict[str, float] = {}
        self._count = 0
        self._ping()

    def _ping(self) -> None:
        self._count += 1
        name, aor = f"ping{self._count}", f"<sip:ping@{self.station.domain}>"
        self.station.after(PING, self._ping)
        self._sent[name] = time.monotonic()
        self.station.request(
            "ping", "OPTIONS", f"sip:{self.station.domain}", f"{aor};tag=p", aor, name, self._count,
            self.station.contact("ping"),
        )  # fmt: skip

    def _answered(self, wire: Wire) -> None:
        at = self._sent.pop(wire.one("call-id"), None)
        if at is not None:
            self.took.append(wire.at - at)


class Breaks:
    """Agents of the small queues take breaks and end them, through the API."""

    def __init__(self, host: str, token: str, agents: list[str]) -> None:
        self._stop = threading.Event()
        self.refused = 0
        self._thread = threading.Thread(target=self._run, args=(host, token, agents), daemon=True)
        self._thread.start()

    def _run(self, host: str, token: str, agents: list[str]) -> None:
        client, chance = http.client.HTTPConnection(host), random.Random(2)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        while not self._stop.wait(chance.expovariate(BREAKS_PER_S)):
            order = {"order": chance.choice(["not_ready", "ready"]), "reason": "break"}
            client.request("POST", f"/api/agents/{chance.choice(agents)}/orders", json.dumps(order), headers)
            response = client.getresponse()
            response.read()
            self.refused += response.status >= 400
        client.close()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


def site(lab: Lab, tokens: dict[str, tuple[str, str]]) -> str:
    """The lab's site with several queues and these tokens: name -> (the token, its other keys as TOML)."""
    found = _softswitch(lab, "export")
    agents = [f"agent-{one['user']}" for one in lab.info["agents"]]
    section = re.search(r"(?ms)^\[queue\.queue\]\n.*?(?=^\[|\Z)", found)
    assert section is not None
    rest = re.sub(r"(?ms)^members = \[.*?^\]\n|^members = \[[^\n]*\]\n", "", section[0])
    each = (len(agents) - LARGE) // (QUEUES - 1)
    shares = {"queue": agents[:LARGE]} | {
        f"line{i}": agents[LARGE + (i - 1) * each : LARGE + i * each] for i in range(1, QUEUES)
    }
    queues = "".join(
        rest.replace("[queue.queue]", f"[queue.{name}]").rstrip() + f"\nmembers = {json.dumps(members)}\n\n"
        for name, members in shares.items()
    )
    found = found.replace(section[0], queues)
    lines = "".join(f'{name} = "queue:{name}"\n' for name in shares if name != "queue")
    found = found.replace("[extensions]\n", f"[extensions]\n{lines}")
    programs = "".join(
        f'[token.{name}]\ndigest = "{token_digest(token)}"\n{keys}\n\n' for name, (token, keys) in tokens.items()
    )
    return f"{found}\n{programs}"


def _softswitch(lab: Lab, *arguments: str, text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "softswitch", *arguments], input=text, capture_output=True, text=True, check=False,
        env={**os.environ, "SOFTSWITCH_CONFIG": str(lab.directory)},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"softswitch {arguments[0]}: {done.stderr or done.stdout}")
    return done.stdout


class Browser:
    """Three pages in Chromium: an agent's panel, the wallboard, the team. Its calls wait, so they are made in a thread."""

    def __init__(self, lab: Lab, chromium: Chromium, agent: str) -> None:
        self._base = f"http://{lab.info['http']}"
        self._chromium = chromium
        self._agent = agent
        self._pages: dict[str, Surfer] = {}
        self._script = (
            Path(__file__).with_suffix(".js").read_text()
            .replace("WORDS", (build.SOURCES / "ui" / "en.json").read_text()).replace("ME", json.dumps(agent))
        )  # fmt: skip

    def open(self) -> None:
        for name, user, address, sign in (
            ("panel", "worker", "/panel", ".panel-board li"),
            ("wallboard", "boss", "/wallboard", ".supervisor-queue"),
            ("team", "boss", "/team", ".supervisor-team tbody tr"),
        ):
            surfer = Surfer(self._chromium, self._base, Path(tempfile.gettempdir()))
            surfer.perform("Page.addScriptToEvaluateOnNewDocument", source=self._script)
            surfer.perform("Performance.enable", timeDomain="threadTicks")
            surfer.open("/")
            surfer.language("en")
            surfer.log_in(user, PASSWORD, address)
            surfer.see(sign)
            surfer.until("document.querySelector('.connection.on')")
            self._pages[name] = surfer

    def measure(self) -> dict[str, Any]:
        """What was found since the last time."""
        found = {}
        for name, surfer in self._pages.items():
            figures = {one["name"]: one["value"] for one in surfer.perform("Performance.getMetrics")["metrics"]}
            found[name] = surfer.evaluate("measure()") | {"cpu": {one: figures[one] for one in COSTS}}
        return found

    def cpu(self) -> float:
        """Seconds of the whole browser."""
        process = self._chromium._process
        return machine.cpu_seconds(process.pid) if process is not None else 0.0

    def close(self) -> None:
        for surfer in self._pages.values():
            surfer.close()
        self._pages.clear()


def run() -> dict[str, Any]:
    """Milliseconds; `..._ratio`: with pages to without."""
    build.build()
    with tempfile.TemporaryDirectory() as folder:
        microphone = Path(folder) / "microphone.wav"
        audio.write_wav(microphone, audio.resample(audio.babble(1, seed=1), 8000, 48_000), 48_000)
        try:
            with Lab(accounts=100, agents=AGENTS) as lab, Chromium(microphone, lab.info["certificate"]) as chromium:
                return Bench(lab, chromium).run()
        except (PhoneError, AssertionError) as error:
            raise SystemExit(f"the browser was not let run: {error}") from error


class Bench:
    """One run."""

    def __init__(self, lab: Lab, chromium: Chromium) -> None:
        self.lab, self.host = lab, str(lab.info["http"])
        self._thread = ThreadPoolExecutor(1)
        progress.note("logging in 500 agents")
        agents = [f"agent-{one['user']}" for one in lab.info["agents"]]
        panels = [agents[i % LARGE] for i in range(PANELS)]
        self.tokens = {
            f"panel{i}": (f"panel-{i}-{os.urandom(16).hex()}", f'role = "agent"\nagent = "{agent}"')
            for i, agent in enumerate(panels)
        }
        self.tokens |= {
            f"board{i}": (f"board-{i}-{os.urandom(16).hex()}", 'role = "supervisor"\nqueues = ["*"]')
            for i in range(BOARDS)
        }
        self.tokens["driver"] = f"driver-{os.urandom(16).hex()}", 'role = "administrator"'
        _softswitch(lab, "apply", "-", text=site(lab, self.tokens))
        _softswitch(lab, "user", "add", "boss", "--role", "administrator", "--password-stdin", text=PASSWORD + "\n")
        worker = ("user", "add", "worker", "--role", "agent", "--agent", agents[LARGE - 1], "--password-stdin")
        _softswitch(lab, *worker, text=PASSWORD + "\n")
        self.work, self.pings = Work(lab), Pings(lab)
        self.browser = Browser(lab, chromium, agents[LARGE - 1])
        self.breaks = Breaks(self.host, self.tokens["driver"][0], agents[LARGE:])

    def run(self) -> dict[str, Any]:
        """All phases."""
        try:
            progress.note("what pages ask for")
            with self._pages(), self._calls():
                self._pump(WARM_UP)
                self._in_thread(self.browser.measure)
                self._pump(CALIBRATION)
                rates = {
                    name: {
                        path: count / one["seconds"]
                        for path, count in one["requests"].items()
                        if not path.startswith("/api/calls/")  # that call is long over
                    }
                    for name, one in self._in_thread(self.browser.measure).items()
                }
            phases: dict[str, list[dict[str, Any]]] = {"alone": [], "watched": []}
            for number in range(ROUNDS):
                progress.note(f"nobody looks, {number + 1} of {ROUNDS}")
                with self._calls():
                    self._pump(WARM_UP)
                    phases["alone"].append(self._measured(dict))
                progress.note(f"{PANELS} panels and {BOARDS} boards, {number + 1} of {ROUNDS}")
                phases["watched"].append(self._watched(rates))
            return _figures(phases, rates)
        finally:
            self.breaks.close()
            self._thread.shutdown()
            self.work.close()
            self.pings.station.close()

    def _watched(self, rates: dict[str, dict[str, float]]) -> dict[str, Any]:
        watchers = [
            Watcher(token, rates["panel" if name.startswith("panel") else "team"])
            for name, (token, _) in self.tokens.items()
            if name != "driver"
        ]
        crowd = Crowd(self.host, watchers)
        try:
            self._in_thread(crowd.follow)
            with self._pages(), self._calls():
                self._pump(WARM_UP)
                before = self._in_thread(self.browser.measure)
                crowd.measure()
                found = self._measured(lambda: {"pages": self._in_thread(self.browser.measure)})
                for page, seen in found["pages"].items():
                    seen["cpu"] = {one: value - before[page]["cpu"][one] for one, value in seen["cpu"].items()}
                return found | {"crowd": self._in_thread(crowd.end)}
        finally:
            crowd.close()

    def _measured(self, also: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A phase's figures, of `SECONDS`."""
        lab = self.lab
        self.pings.took.clear()
        events, cpu, starved, at = self._events(), lab.signalling_cpu(), lab.starved(), time.monotonic()
        browser = self.browser.cpu()
        self._pump(SECONDS)
        lasted = time.monotonic() - at
        found = {
            "sip": list(self.pings.took),
            "events_per_s": (self._events() - events) / lasted,
            "core_percent": 100 * (lab.signalling_cpu() - cpu) / lasted,
            "starved_percent": 100 * (lab.starved() - starved) / lasted,
            "browser_core_percent": 100 * (self.browser.cpu() - browser) / lasted,
            "load_average": os.getloadavg()[0],
        }
        return found | also()

    def _events(self) -> int:
        """The number of events so far."""
        client = http.client.HTTPConnection(self.host)
        client.request("GET", "/api/status", headers={"Authorization": f"Bearer {self.tokens['driver'][0]}"})
        found = json.loads(client.getresponse().read())
        client.close()
        return sum(found["events"].values())

    @contextmanager
    def _calls(self) -> Iterator[None]:
        """Calls come meanwhile; afterwards all of them are over."""
        self.work.begin()
        try:
            yield
        finally:
            self.work.coming = False
            pump(*self._stations, seconds=15, until=lambda: not self.work.calls and not self.work.talking)

    @contextmanager
    def _pages(self) -> Iterator[None]:
        """Pages are open meanwhile."""
        self._in_thread(self.browser.open)
        try:
            yield
        finally:
            self._in_thread(self.browser.close)

    @property
    def _stations(self) -> tuple[Station, ...]:
        return self.work.agents, self.work.callers, self.pings.station

    def _pump(self, seconds: float) -> None:
        pump(*self._stations, seconds=seconds)

    def _in_thread(self, action: Callable[[], Any]) -> Any:
        """The result of something that waits; calls are served meanwhile."""
        doing = self._thread.submit(action)
        while not pump(*self._stations, seconds=0.02, until=doing.done):
            pass
        return doing.result()


def _figures(phases: dict[str, list[dict[str, Any]]], rates: dict[str, dict[str, float]]) -> dict[str, Any]:
    watched = phases["watched"]
    figures: dict[str, Any] = {"agents": AGENTS, "panels": PANELS, "boards": BOARDS}
    for name, found in phases.items():
        figures[name] = {
            "sip_answer_ms": _ms([took for one in found for took in one["sip"]]),
            **{key: _mean([one[key] for one in found]) for key in MEANS},
        }
    for quantile in ("p50", "p99"):
        ratio = figures["watched"]["sip_answer_ms"][quantile] / figures["alone"]["sip_answer_ms"][quantile]
        figures[f"sip_answer_ratio_{quantile}"] = round(ratio, 2)
    figures["followers_ms"] = _ms([late for one in watched for late in one["crowd"]["late"]])
    figures["requests_ms"] = _ms([took for one in watched for took in one["crowd"]["took"]])
    figures["requests_per_s"] = _mean([len(one["crowd"]["took"]) / one["crowd"]["seconds"] for one in watched])
    figures["requests_refused"] = sorted({reason[:200] for one in watched for reason in one["crowd"]["failed"]})
    for page in rates:
        seen = [one["pages"][page] for one in watched]
        figures[page] = {
            "arrived_ms": _ms([late / 1e3 for one in seen for late in one["arrived"]]),
            "drawn_ms": _ms([late / 1e3 for one in seen for late in one["drawn"]]),
            "drawn": sum(len(one["drawn"]) for one in seen),
            "never": sum(len(one["never"]) for one in seen),
            "longest_block_ms": round(max((block for one in seen for block in one["blocked"]), default=0.0)),
            "blocked_percent": _mean([sum(one["blocked"]) / one["seconds"] / 10 for one in seen]),
            "cpu_percent": {one: _mean([100 * page["cpu"][one] / page["seconds"] for page in seen]) for one in COSTS},
            "requests_per_s": {path: round(rate, 2) for path, rate in sorted(rates[page].items())},
        }
    figures["rounds"] = [
        {name: _ms(phases[name][i]["sip"]) for name in phases}
        | {page: _ms([late / 1e3 for late in watched[i]["pages"][page]["drawn"]]) for page in rates}
        for i in range(ROUNDS)
    ]
    return figures


def _ms(values: list[float]) -> dict[str, float]:
    """Seconds as milliseconds. Nothing measured is no good figure."""
    ordered = sorted(values)
    if not ordered:
        return {"p50": float("nan"), "p99": float("nan")}
    return {
        "p50": round(1e3 * ordered[len(ordered) // 2], 2),
        "p99": round(1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 2),
    }


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 1)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
