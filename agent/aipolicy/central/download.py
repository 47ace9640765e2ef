"""A long answer of the central endpoint into a file: the fleet's inventory, for an admin."""

import gzip
import shutil
import threading
import zlib
from collections.abc import Mapping
from typing import IO, Final

import requests
import urllib3

from aipolicy.central.http import ELSEWHERE, MOST_REPLY_BYTES, Client, Failure, Reply
from aipolicy.central.line import Line
from aipolicy.central.reasons import reason_for

_IDLE_S: Final = 120.0
"""The server reads a page of its database between two portions."""
_WHOLE_S: Final = 1800.0
"""A minute suffices for 200,000 devices; what drips longer than this never ends."""


def download(
    client: Client, path: str, headers: Mapping[str, str], into: IO[bytes], whole_s: float = _WHOLE_S
) -> Reply | Failure | None:
    """The answer, gzipped, in `into`: None. Else the refusal, or why there was no answer. Raises OSError.

    That it is whole is for its reader to say: what breaks off looks like its end here.
    """
    line = Line()
    over = threading.Timer(whole_s, line.cut)
    over.daemon = True
    over.start()
    try:
        with (
            client.session(line) as session,
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
                return _too_late(whole_s) if line.is_cut else None
            if 300 <= response.status_code < 400:
                return Failure(reason=f"HTTP {response.status_code}: {ELSEWHERE}")
            body = response.raw.read(MOST_REPLY_BYTES, decode_content=True) or b""
            return Reply(status=response.status_code, body=body)
    except (requests.RequestException, urllib3.exceptions.HTTPError, zlib.error) as error:
        return _too_late(whole_s) if line.is_cut else Failure(reason=reason_for(error))
    finally:
        over.cancel()
        line.let_go()


def _too_late(whole_s: float) -> Failure:
    return Failure(reason=f"no complete answer within {whole_s:g} s")


def _keep(response: requests.Response, into: IO[bytes]) -> None:
    """As it came where it came gzipped; a proxy may have unpacked it on the way."""
    if response.headers.get("Content-Encoding", "").lower() == "gzip":
        shutil.copyfileobj(response.raw, into)
        return
    with gzip.open(into, "wb", compresslevel=4) as packed:
        for portion in response.iter_content(1 << 16):
            packed.write(portion)
