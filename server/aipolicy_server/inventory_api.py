"""The API's part for `policy plan`: the fleet's inventory as one stream of lines, gzipped where asked."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from aipolicy.core.inventory import INVENTORY_PATH, MEDIA_TYPE
from aipolicy_server.api_parts import PREFIX
from aipolicy_server.store import stocktaking

_GZIP: Final = 31
"""zlib's word for a gzip header, with the largest window."""


def add_inventory_routes(router: APIRouter) -> None:
    """The route of the inventory."""

    @router.get(
        INVENTORY_PATH.removeprefix(PREFIX),
        response_class=StreamingResponse,
        responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}},
    )
    def inventory(request: Request) -> StreamingResponse:
        """What every device has, a line each, for `aipolicy policy plan`; its last says that it is whole."""
        lines: Iterator[bytes] = stocktaking.lines(request.app.state.store.reading, request.app.state.clock())
        headers = {"Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            lines, headers["Content-Encoding"] = _gzipped(lines), "gzip"
        return StreamingResponse(lines, media_type=MEDIA_TYPE, headers=headers)


def _gzipped(portions: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(level=4, wbits=_GZIP)
    for portion in portions:
        yield packer.compress(portion)
    yield packer.flush()
