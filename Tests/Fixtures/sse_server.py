#!/usr/bin/env python3
"""An event stream server made of other people's parts: uvicorn and sse-starlette.

Prints its URL first.
  /events?count=N&gap=SECONDS  N events of type "tick" with id and retry, pings in between
  /stats                       JSON: events yielded so far, streams begun
"""
import asyncio
import json
import socket
from urllib.parse import parse_qs

import uvicorn
from sse_starlette.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import JSONResponse

COUNTS = {"events": 0, "streams": 0}


async def ticks(count, gap):
    COUNTS["streams"] += 1
    for number in range(count):
        await asyncio.sleep(gap)
        COUNTS["events"] += 1
        yield ServerSentEvent(
            data=json.dumps({"number": number, "text": "grün\nund mehr"}, ensure_ascii=False),
            event="tick",
            id=str(number),
            retry=1500 if number == 0 else None,
        )


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/stats":
        await JSONResponse(COUNTS)(scope, receive, send)
        return
    query = parse_qs(scope["query_string"].decode())
    count = int(query.get("count", ["5"])[0])
    gap = float(query.get("gap", ["0.01"])[0])
    response = EventSourceResponse(
        ticks(count, gap),
        ping=1,
        ping_message_factory=lambda: ServerSentEvent(comment="ping"),
    )
    await response(scope, receive, send)


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(application, log_level="warning", lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


main()
