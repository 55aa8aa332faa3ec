"""What clients may hold open and how long the gateway waits for them: limits with names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Sizes in bytes, times in seconds. One client's share of a ceiling is counted by its name."""

    body: int = 1_048_576
    """A request's body, and a GET request's query string."""
    body_wait: float = 10.0
    """How long a request may take to arrive, its head and then its body."""
    head: int = 65_536
    """A request's line and headers."""
    operations_per_second: int | None = None
    """Operations that one client may start, over all transports; None: 1,000, or any number where only this machine
    reaches the gateway and nobody is asked for a token."""
    requests: int = 2_000
    """Queries that wait for their answer at one time, all clients together."""
    requests_per_client: int = 1_500
    frame: int = 262_144
    """One WebSocket message."""
    init_wait: float = 10.0
    """From a socket's opening to its `connection_init`, and to the answer to that."""
    idle: float = 300.0
    """A socket without an operation or a message is closed after this."""
    operations: int = 100
    """Operations on one socket at one time, those that are still ending included."""
    sockets: int = 20_000
    sockets_per_client: int = 10_000
    streams: int = 20_000
    """Subscriptions over all transports."""
    streams_per_client: int = 10_000
    refusals: int = 600
    """Requests without a good token from one address in a minute; a good one is let in all the same."""
    tickets: int = 1_000
    """Tickets for EventSource that one client holds unused."""
    heartbeat: float = 12.0
    """Silence on a stream after which a sign of life is sent; proxies close silent connections."""
    send_wait: float = 15.0
    """A client that has not read for this long is let go."""
    close_wait: float = 5.0
    """How long a subscription may take to end, and the last words to a client."""
