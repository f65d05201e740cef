"""The HTTP pages as a FastAPI application."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

import softswitch
from softswitch.api import (
    callbacks,
    campaigns,
    controlling,
    customers,
    desk,
    hooking,
    library,
    live,
    log,
    looking,
    pages,
    pauses,
    phones,
    pieces,
    prompt_studio,
    prompts,
    records,
    reporting,
    session,
    sms,
    steering,
    supervisor,
    upkeep,
    wrapping,
)
from softswitch.api.auth import Gate, Throttle
from softswitch.api.bodies import Bodies
from softswitch.api.document import PROBLEMS, Methods, describe
from softswitch.api.feed import Feed
from softswitch.api.guard import Anybody, Guard
from softswitch.api.source import Readiness, Source
from softswitch.errors import ConfigError, SoftswitchError


class Collector:
    """Reads plain integers when somebody asks: counting itself costs nothing."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        for sample in self._source.samples():
            family: Metric
            if sample.kind == "histogram":
                measured = HistogramMetricFamily(sample.name, sample.help, labels=sample.labels)
                for labels, total in sample.values.items():
                    measured.add_metric(list(labels), sample.buckets[labels], total)
                yield measured
                continue
            if sample.kind == "counter":
                family = CounterMetricFamily(sample.name, sample.help, labels=sample.labels)
            else:
                family = GaugeMetricFamily(sample.name, sample.help, labels=sample.labels)
            for labels, value in sample.values.items():
                family.add_metric(list(labels), value)
            yield family


def build(
    source: Source,
    feed: Feed,
    *,
    key: bytes,
    token: str = "",
    hosts: frozenset[str] = frozenset(),
    ended: Mapping[str, float] | None = None,
) -> FastAPI:
    """The application. `key`: 32 secret bytes that outlive a restart; `token`: that of the operator ("" on loopback only).

    `hosts`: names by which we may be addressed without saying who one is, so that a web page of a stranger cannot read us
    through the visitor's browser (DNS rebinding). Pages of other origins are refused in any case. `ended`: sessions of which
    somebody has logged out, and when (Unix time) they would have ended.
    """
    app = FastAPI(
        title="softswitch",
        version=softswitch.__version__,
        summary="Calls, queues and agents of one switch",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # `document.describe` serves it
        responses=PROBLEMS,
    )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(source))
    gate = Gate(lambda: source.site, key, time.time, token, ended)
    guard = Guard(gate, hosts)
    app.add_middleware(Bodies)  # added first, so it is asked last
    app.middleware("http")(guard)
    app.add_exception_handler(SoftswitchError, _refused)
    app.add_exception_handler(HTTPException, _turned_down)
    app.add_exception_handler(RecursionError, _too_deep)
    app.add_exception_handler(RequestValidationError, _invalid)

    @app.get("/healthz", tags=["health"], response_class=PlainTextResponse, responses=NOT_WELL)
    async def healthz() -> Response:
        """The loop turns, the listeners listen, the media workers live."""
        return _verdict(source.healthy())

    @app.get("/readyz", tags=["health"], response_class=PlainTextResponse, responses=NOT_WELL)
    async def readyz() -> Response:
        """New calls are welcome."""
        return _verdict(source.ready())

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics(who: Anybody) -> Response:
        """Figures for Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    app.state.routers = [
        session.routes(source, gate, Throttle(time.monotonic)),
        looking.routes(source),
        reporting.routes(source),
        steering.routes(source),
        wrapping.routes(source),
        pauses.routes(source),
        log.routes(source),
        hooking.routes(source),
        pieces.routes(source),
        phones.routes(source),
        prompts.routes(source),
        prompt_studio.routes(source),
        upkeep.routes(source),
        records.routes(source),
        library.routes(source),
        customers.routes(source),
        controlling.routes(source),
        supervisor.routes(source),
        campaigns.routes(source),
        callbacks.routes(source),
        sms.routes(source),
        live.routes(source, guard, feed),
        pages.routes(source),
        desk.routes(source),
    ]
    for router in app.state.routers:
        app.include_router(router)
    describe(app)
    app.state.methods = guard.methods = Methods(
        [*app.routes, *(one for each in app.state.routers for one in each.routes)]
    )
    return app


NOT_WELL: dict[int | str, dict[str, Any]] = {503: {"description": "Not now, and why."}}


def _verdict(readiness: Readiness) -> Response:
    text = "ok\n" if readiness.ready else "\n".join(readiness.reasons) + "\n"
    return PlainTextResponse(text, 200 if readiness.ready else 503)


async def _refused(request: Request, error: Exception) -> Response:
    """What the switch does not do: the reason, and what to do instead, as the command line tells them."""
    if isinstance(error, ConfigError):
        problems = [str(one) for one in getattr(error, "problems", ())] or [str(error)]
        return JSONResponse({"error": problems[0], "problems": problems, "fields": _fields(error)}, 422)
    status = 404 if getattr(error, "kind", "") == "unknown" else 409
    return JSONResponse({"error": str(error), "hint": getattr(error, "hint", "")}, status)


def _fields(error: ConfigError) -> list[dict[str, str]]:
    """Where each mistake is, for forms: the key as site.toml has it, and what was expected there."""
    found = getattr(error, "problems", ()) or (error,)
    return [{"key": one.key, "expected": one.expected, "error": str(one)} for one in found]


async def _turned_down(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:  # The framework names the methods of one route; a path may have several.
        headers["Allow"] = ", ".join(sorted(request.app.state.methods.of(request.scope)))
    return JSONResponse({"error": error.detail}, error.status_code, headers)


async def _too_deep(request: Request, error: Exception) -> Response:
    """What was sent is nested so deeply that nothing can be made of it; nothing was changed, edits are all or nothing."""
    return JSONResponse({"error": "nested too deeply"}, 422)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors()]
    return JSONResponse({"error": problems[0], "problems": problems}, 422)
