"""The pages' own files: CSS, scripts and icon, each under a URL that carries its content's digest.

So a browser may keep them for a year and still never shows an old one. Nothing is fetched from another host.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from aipolicy.core.model import Record

SERVED: Final = (".css", ".js", ".svg")
FOREVER: Final = "public, max-age=31536000, immutable"


class Asset(Record, frozen=True, kw_only=True):
    """One file. digest: first 16 hex digits of its SHA-256. packed: its gzip form."""

    name: str
    digest: str
    media_type: str
    body: bytes
    packed: bytes

    @property
    def url(self) -> str:
        return f"/static/{self.digest}/{self.name}"


def load_assets() -> Mapping[str, Asset]:
    """Every servable file under static/, by its path there ("vendor/htmx.min.js")."""
    return {asset.name: asset for asset in _walk(resources.files(__package__) / "static", "")}


def _walk(folder: Traversable, prefix: str) -> list[Asset]:
    found: list[Asset] = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(SERVED):
            found.append(_asset(f"{prefix}{entry.name}", entry.read_bytes()))
    return found


def _asset(name: str, body: bytes) -> Asset:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Asset(
        name=name,
        digest=hashlib.sha256(body).hexdigest()[:16],
        media_type=f"{kind}; charset=utf-8",
        body=body,
        packed=gzip.compress(body, mtime=0),
    )


def asset_response(asset: Asset, digest: str, request: Request) -> Response:
    """The file. Another version's digest is answered too, but not for keeping: nodes are upgraded in turn."""
    etag = f'"{asset.digest}"'
    headers = {
        "Cache-Control": FOREVER if digest == asset.digest else "no-cache",
        "ETag": etag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, media_type=asset.media_type, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)
