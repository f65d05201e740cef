"""The pages themselves: one document, and the files of the bundle that `softswitch.web.build` makes.

Nothing in them is of anybody in particular, so they need no login; scripts and styles come from here alone (CSP), and no
other page may frame ours. Names of files carry a digest of their content: a browser keeps them for ever.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from softswitch.api.source import Source
from softswitch.web import build

KINDS: Final = {
    ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}  # fmt: skip
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}")
HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:\d+)?")
FOREVER: Final = "public, max-age=31536000, immutable"
PERMISSIONS: Final = ", ".join(
    (
        "microphone=(self)", "autoplay=(self)", "speaker-selection=(self)", "camera=()", "geolocation=()", "payment=()",
        "usb=()", "display-capture=()",
    )
)  # fmt: skip
MISSING: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>softswitch</title>
<h1>softswitch</h1>
<p>The switch works, but its pages have not been built: that takes Node.js with npm, once.</p>
<p>Centrala działa, ale jej strony nie zostały zbudowane: potrzebny jest do tego raz Node.js z npm.</p>
<pre>apt-get install nodejs npm
python -m softswitch.web.build</pre>
</html>
"""


def routes(source: Source) -> APIRouter:
    """The bundle may come, and change, while the switch runs."""
    router, dist = APIRouter(include_in_schema=False), build.DIST

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        """The document of all pages."""
        headers = {"Content-Security-Policy": policy(request, source), "Permissions-Policy": PERMISSIONS}
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        found = read(dist / "index.html", request)
        if found is None:
            return HTMLResponse(MISSING, 503, headers)
        content, extra = found
        tag = f'"{hashlib.blake2s(content, digest_size=12).hexdigest()}"'
        headers |= extra | {"ETag": tag, "Cache-Control": "no-cache"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return HTMLResponse(content, headers=headers)

    @router.api_route("/assets/{name}", methods=["GET", "HEAD"])
    async def asset(name: str, request: Request) -> Response:
        """A script or style; its name changes with its content."""
        kind = KINDS.get(Path(name).suffix)
        found = read(dist / "assets" / name, request) if kind and NAME.fullmatch(name) else None
        if found is None:
            return Response(status_code=404)
        content, extra = found
        headers = extra | {"ETag": f'"{name}"', "Cache-Control": FOREVER, "Cross-Origin-Resource-Policy": "same-origin"}
        if f'"{name}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    return router


def read(path: Path, request: Request) -> tuple[bytes, dict[str, str]] | None:
    """A file, packed where the browser takes that, and the headers that say so; None: it is not there."""
    packed = path.with_name(f"{path.name}.gz")
    try:
        if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
            return packed.read_bytes(), {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return path.read_bytes(), {"Vary": "Accept-Encoding"}
    except OSError:
        return None


def policy(request: Request, source: Source) -> str:
    """Content-Security-Policy: everything from here; connections also to the listeners for browser phones."""
    connections = " ".join(("'self'", *phone_urls(request, source)))
    return "; ".join(
        (
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:",
            "font-src 'self'", "media-src 'self' blob:", f"connect-src {connections}", "manifest-src 'self'",
            "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
        )
    )  # fmt: skip


def phone_urls(request: Request, source: Source) -> list[str]:
    """Where a browser that came by this name finds the listeners for SIP over WebSocket: wss first (RFC 7118)."""
    named = HOST.fullmatch(request.headers.get("host", ""))
    if named is None:
        return []
    listeners = (one["address"].partition("://") for one in source.status().get("listeners", ()))
    found = [
        f"{scheme}://{named[1]}:{address.rpartition(':')[2]}"
        for scheme, _, address in listeners
        if scheme in ("ws", "wss")
    ]
    return sorted(found, reverse=True)
