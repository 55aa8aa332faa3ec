"""`Host`: for whom a request is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.transports.responses import Header

_HOST: Final = re.compile(rb"[\w.~!$&'()*+,;=%:\[\]-]*", re.ASCII)
"""What may stand in it (RFC 9110 and RFC 3986)."""


def is_for_one_host(headers: Iterable[Header], http_version: str) -> bool:
    """Whether it is said once, and well; HTTP/1.0 may leave it out (RFC 9112, 3.2). Names are in lower case."""
    hosts = [value for name, value in headers if name == b"host"]
    if not hosts:
        return http_version != "1.1"
    return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None
