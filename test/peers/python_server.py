"""A server for our client, with the behaviours that client-exchanges.ts describes. Prints its URL."""

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.legacy.server import serve

FRAGMENTED_TEXT = ["Grü", "ße, 世", "界 🌍"]
FRAGMENTED_BINARY = [b"\x00\x01", b"\x02" * 70_000, b"\xff"]

endings = {}


async def with_pings(ws, fragments):
    for fragment in fragments:
        await ws.ping()
        yield fragment


async def handle(ws):
    target = urlsplit(ws.path)
    query = {name: values[0] for name, values in parse_qs(target.query).items()}
    name = query.get("id")
    if target.path == "/echo":
        ended = endings.setdefault(name, asyncio.get_running_loop().create_future())
        try:
            async for message in ws:
                await ws.send(message)
        except ConnectionClosed:
            pass
        if not ended.done():
            ended.set_result({"code": ws.close_code, "reason": ws.close_reason})
    elif target.path == "/ended":
        await ws.send(json.dumps(await endings[name]))
    elif target.path == "/close":
        await ws.close(int(query["code"]), query.get("reason", ""))
    elif target.path == "/ping":
        await (await ws.ping("Are you there?"))
        await ws.send("pong")
    elif target.path == "/fragments":
        await ws.send(with_pings(ws, FRAGMENTED_TEXT))
        await ws.send(with_pings(ws, FRAGMENTED_BINARY))
    elif target.path == "/offer":
        await ws.send(ws.request_headers.get("Sec-WebSocket-Extensions", ""))
    await ws.wait_closed()


async def main():
    async with serve(handle, "127.0.0.1", 0, subprotocols=["beta"]) as server:
        print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.Future()


asyncio.run(main())
