"""Reads the body of a request within bounds of size and time, whatever its sender does."""

import asyncio
import zlib
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from aipolicy_server.refusals import Refusal

_GZIP = 31  # zlib's window bits for "gzip header and trailer required"


async def read_body(request: Request, limit: int, seconds: float) -> tuple[bytes, bytes]:
    """The body as it came, and decompressed. Both are at most `limit` bytes. Raises Refusal."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "identity"}:
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "encoding", "Content-Encoding must be gzip or absent"
        )
    try:
        async with asyncio.timeout(seconds):
            raw = await _read(request, limit)
    except TimeoutError as error:
        raise Refusal(
            HTTPStatus.REQUEST_TIMEOUT, "too-slow", f"the body did not arrive within {seconds:g} s"
        ) from error
    except ClientDisconnect as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "malformed", "the body was cut off") from error
    return raw, _decompressed(raw, limit) if encoding == "gzip" else raw


async def _read(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 12 or int(declared) > limit):
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _decompressed(raw: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(wbits=_GZIP)
    try:
        body = inflater.decompress(raw, limit + 1)
    except zlib.error as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "malformed", "the body is not gzip") from error
    if len(body) > limit:
        raise _too_large(limit)
    if not inflater.eof:
        raise Refusal(HTTPStatus.BAD_REQUEST, "malformed", "the gzip body ends early")
    if inflater.unused_data:
        raise Refusal(HTTPStatus.BAD_REQUEST, "malformed", "something follows the gzip body")
    return body


def _too_large(limit: int) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", f"the body is larger than {limit:,} bytes"
    )
