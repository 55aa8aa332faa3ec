"""The raw ceiling: reads the POST, decodes its JSON, returns the same bytes each time.

`python -m tests.bench.ceiling PORT FILE` serves what stands in FILE, under the gateway's own server.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

Message = dict[str, Any]


class Ceiling:
    """An ASGI application."""

    def __init__(self, answer: bytes) -> None:
        self._start: Message = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))],
        }
        self._body: Message = {"type": "http.response.body", "body": answer}

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        json.loads(body)
        await send(self._start)
        await send(self._body)


def main() -> None:
    """Serve until the process is ended."""
    app = Ceiling(Path(sys.argv[2]).read_bytes())
    uvicorn.run(app, port=int(sys.argv[1]), lifespan="off", access_log=False, log_level="warning", http="httptools")


if __name__ == "__main__":
    main()
