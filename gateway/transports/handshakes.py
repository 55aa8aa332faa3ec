"""WebSocket handshakes: read from what the HTTP server has read before, and judged by the `websockets` package.

That package would read them itself, with bounds of its own for a header's length and the number of headers. Browsers
send cookies along that are longer; the gateway bounds heads as a whole.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

_NAME: Final = "Sec-WebSocket-Version"
_VERSION: Final = "13"


def read_request(data: bytes) -> Request | None:
    """The request that these bytes are; None where no handshake has its form."""
    first, *lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    headers = Headers()
    try:
        method, path, _ = first.decode("ascii").split(" ")
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.decode("ascii")] = value.strip(b" \t").decode("latin-1")
    except ValueError:
        return None
    has_body = "Transfer-Encoding" in headers or not set(headers.get_all("Content-Length")) <= {"0"}
    return None if has_body else Request(path, headers, method)


def judge(request: Request) -> Response:
    """The answer: 101 where the handshake is good."""
    answer = ServerProtocol().accept(request)
    if answer.status_code != HTTPStatus.SWITCHING_PROTOCOLS and _VERSION not in request.headers.get_all(_NAME):
        answer.headers[_NAME] = _VERSION  # RFC 6455, 4.2.2: what it should have been
    return answer
