"""A live progress bar of one batch: gql over WebSocket, to the end of the batch and no further.

usage: python progress.py [GATEWAY] [BATCH-ID]
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from typing import Any

from gql import Client, gql
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport

FOLLOW = gql("""
subscription Follow($refs: [BatchRef!]!) {
  batchUpdates(refs: $refs) {
    isFinal
    batch {
      ... on NormalizedBatch {
        status
        outcome
        progress
        itemCount
        failedCount
        isStale
      }
    }
    error { code message isRetryable }
  }
}
""")

WHY = gql("""
query Why($ref: BatchRef!) {
  batch(ref: $ref) {
    ... on NormalizedBatch {
      failureSummary { count code message explanation(language: EN) }
      items(first: 5, status: FAILED) {
        totalCount
        nodes { key title failures { code message } }
      }
    }
  }
}
""")


def show(batch: dict[str, Any]) -> None:
    """One line. Progress is null where the marketplace tells too little."""
    done = batch["progress"] or 0.0
    failed = f", {batch['failedCount']} failed" if batch["failedCount"] else ""
    age = " (last known state)" if batch["isStale"] else ""
    print(f"[{'#' * int(done * 20):<20}] {done:4.0%}  {batch['status']}{failed}{age}", flush=True)


async def follow(url: str, batch_id: str) -> int:
    """Show every change; say why items failed."""
    token = os.environ.get("BATCH_GATEWAY_TOKEN")
    transport = WebsocketsTransport(
        url.replace("http", "ws", 1) + "/graphql",
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
        init_payload={"token": token} if token else {},
    )
    ref = {"source": "TRENDYOL", "id": batch_id}
    last: dict[str, Any] | None = None
    async with Client(transport=transport) as session:
        FOLLOW.variable_values = {"refs": [ref]}
        async for result in session.subscribe(FOLLOW):
            update = result["batchUpdates"]
            if update["error"]:
                print(update["error"]["message"], file=sys.stderr)
            last = update["batch"] or last
            if last:
                show(last)
        if last is None or last["outcome"] is None:
            return 2
        if last["outcome"] == "SUCCEEDED":
            return 0
        WHY.variable_values = {"ref": ref}
        batch = (await session.execute(WHY))["batch"]
    for group in batch["failureSummary"]:
        print(f"{group['count']} x {group['message'] or group['code']}")
    for item in batch["items"]["nodes"]:
        print(f"  {item['key']}: {item['title'] or ''}")
    return 1


if __name__ == "__main__":
    given = sys.argv[1:] + [""] * 2
    gateway, batch_id = given[0] or "http://127.0.0.1:8000", given[1] or f"partly-failed-{uuid.uuid4().hex[:8]}"
    try:
        sys.exit(asyncio.run(follow(gateway, batch_id)))
    except TransportError as error:
        print(f"{gateway}: {error.__cause__ or error}", file=sys.stderr)  # the cause has the gateway's own words
        sys.exit(2)
