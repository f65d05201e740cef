"""The HTTP pages as a FastAPI application."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

import softswitch
from softswitch.api.source import Readiness, Source

OPEN_PATHS = frozenset({"/healthz", "/readyz"})  # A load balancer has no token, and learns nothing but yes or no.


class Collector:
    """Reads plain integers when somebody asks: counting itself costs nothing."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        for sample in self._source.samples():
            family: Metric
            if sample.kind == "counter":
                family = CounterMetricFamily(sample.name, sample.help, labels=sample.labels)
            else:
                family = GaugeMetricFamily(sample.name, sample.help, labels=sample.labels)
            for labels, value in sample.values.items():
                family.add_metric(list(labels), value)
            yield family


def build(source: Source, *, token: str = "", hosts: frozenset[str] = frozenset()) -> FastAPI:
    """The application. `token`: what `Authorization: Bearer` must carry ("" on loopback only).

    Pages of other origins are refused in any case.

    `hosts`: names by which we may be addressed without a token, so that a web page of a stranger cannot read us through
    the visitor's browser (DNS rebinding).
    """
    app = FastAPI(title="softswitch", version=softswitch.__version__, docs_url=None, redoc_url=None)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(source))
    expected = f"Bearer {token}".encode()

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path not in OPEN_PATHS:
            if _is_foreign(request):
                return JSONResponse({"error": "foreign origin"}, 403)
            if token:
                given = request.headers.get("authorization", "").encode("latin-1", "replace")
                if not hmac.compare_digest(given, expected):
                    return JSONResponse({"error": "a token is required"}, 401, {"WWW-Authenticate": "Bearer"})
            elif hosts and _host(request) not in hosts:
                return JSONResponse({"error": "unknown host name"}, 421)
        return await call_next(request)

    @app.get("/healthz")
    async def healthz() -> Response:
        """The loop turns, the listeners listen, the media workers live."""
        return _verdict(source.healthy())

    @app.get("/readyz")
    async def readyz() -> Response:
        """New calls are welcome."""
        return _verdict(source.ready())

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/api/status")
    async def status() -> dict[str, Any]:
        return source.status()

    @app.get("/api/calls")
    async def calls() -> list[dict[str, Any]]:
        return source.calls()

    @app.get("/api/queues")
    async def queues() -> list[dict[str, Any]]:
        return source.queues()

    @app.get("/api/agents")
    async def agents() -> list[dict[str, Any]]:
        return source.agents()

    @app.get("/api/registrations")
    async def registrations() -> list[dict[str, Any]]:
        return source.registrations()

    return app


def _verdict(readiness: Readiness) -> Response:
    text = "ok\n" if readiness.ready else "\n".join(readiness.reasons) + "\n"
    return PlainTextResponse(text, 200 if readiness.ready else 503)


def _is_foreign(request: Request) -> bool:
    """Whether a page of another origin asks (RFC 6454). A proxy may have taken TLS off, so the scheme does not count."""
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != request.headers.get("host", "").lower()


def _host(request: Request) -> str:
    host = request.headers.get("host", "")
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
