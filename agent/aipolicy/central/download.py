"""A long answer of the central endpoint into a file: the fleet's inventory, for an admin."""

import gzip
import shutil
import zlib
from collections.abc import Mapping
from typing import IO, Final

import requests

from aipolicy.central.http import MOST_REPLY_BYTES, Client, Failure, Reply
from aipolicy.central.reasons import reason_for

_IDLE_S: Final = 120.0
"""The server reads a page of its database between two portions."""


def download(
    client: Client, path: str, headers: Mapping[str, str], into: IO[bytes]
) -> Reply | Failure | None:
    """The answer, gzipped, in `into`: None. Else the refusal, or why there was no answer. Raises OSError.

    That it is whole is for its reader to say: what breaks off looks like its end here.
    """
    try:
        with (
            client.session() as session,
            session.get(
                client.address(path),
                headers={"User-Agent": "aipolicy", **headers, "Accept-Encoding": "gzip"},
                timeout=(10.0, _IDLE_S),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            if response.status_code == 200:
                _keep(response, into)
                return None
            body = response.raw.read(MOST_REPLY_BYTES, decode_content=True) or b""
            return Reply(status=response.status_code, body=body)
    except (requests.RequestException, zlib.error) as error:
        return Failure(reason=reason_for(error))


def _keep(response: requests.Response, into: IO[bytes]) -> None:
    """As it came where it came gzipped; a proxy may have unpacked it on the way."""
    if response.headers.get("Content-Encoding", "").lower() == "gzip":
        shutil.copyfileobj(response.raw, into)
        return
    with gzip.open(into, "wb", compresslevel=4) as packed:
        for portion in response.iter_content(1 << 16):
            packed.write(portion)
