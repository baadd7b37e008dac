"""A client of the exchange server: python_client.py ws://HOST:PORT prints its report as JSON."""

import asyncio
import json
import sys
from urllib.parse import quote

from websockets.legacy.client import connect

LENGTHS = [0, 1, 125, 126, 65_535, 65_536, 1_048_576]
LONGEST_REASON = "ö" * 61 + "."
CLOSES = [(1000, ""), (1000, "done"), (3000, "bye"), (4999, "Grüße 🌍"), (4000, LONGEST_REASON)]
MORE_CLOSES = [(1001, "leaving"), (1011, "")]
OUR_CLOSES = CLOSES + MORE_CLOSES + [(1008, "not here"), (1013, "later")]
FRAGMENTED_TEXT = ["Grü", "ße, 世", "界 🌍"]
FRAGMENTED_BINARY = [b"\x00\x01", b"\x02" * 70_000, b"\xff"]


async def first(url):
    async with connect(url) as ws:
        return await ws.recv()


async def expect(ws, data):
    echoed = await ws.recv()
    return "echoed" if echoed == data else f"became {echoed[:200]}"


async def echo(ws, data):
    await ws.send(data)
    return await expect(ws, data)


async def with_pings(ws, fragments, pongs):
    for fragment in fragments:
        pongs.append(await ws.ping())
        yield fragment


async def closing(base, code, reason):
    name = quote(f"{code} {reason}")
    ws = await connect(f"{base}/echo?id={name}")
    await ws.close(code, reason)
    return {"weSaw": json.loads(await first(f"{base}/ended?id={name}")), "theySaw": ws.close_code}


async def exchange(base):
    report = {}
    async with connect(f"{base}/echo", subprotocols=["alpha", "beta"]) as ws:
        report["subprotocols alpha, beta"] = ws.subprotocol
        report["extensions agreed on"] = ", ".join(extension.name for extension in ws.extensions)
        report["Text, ASCII"] = await echo(ws, "Hello")
        report["Text, not ASCII"] = await echo(ws, "Grüße, 世界 🌍")
        for length in LENGTHS:
            report[f"Text of {length} octets"] = await echo(ws, "x" * length)
            report[f"Binary of {length} octets"] = await echo(ws, bytes(i * 31 & 0xFF for i in range(length)))

        for i in range(200):
            await ws.send(str(i))
        numbers = [await ws.recv() for _ in range(200)]
        report["200 messages at once"] = "echoed in order" if numbers == [str(i) for i in range(200)] else numbers

        await ws.send(FRAGMENTED_TEXT)
        report["their Text in fragments"] = await expect(ws, "".join(FRAGMENTED_TEXT))
        pongs = []
        await ws.send(with_pings(ws, FRAGMENTED_BINARY, pongs))
        report["their Binary in fragments"] = await expect(ws, b"".join(FRAGMENTED_BINARY))
        await asyncio.gather(*pongs)
        report["their Pings between fragments"] = "answered"

    report["our Ping"] = await first(f"{base}/ping")
    report["permessage-deflate offered"] = "permessage-deflate" in await first(f"{base}/offer")
    for code, reason in CLOSES + MORE_CLOSES:
        report[f"their Close {code} {reason}"] = await closing(base, code, reason)
    for code, reason in OUR_CLOSES:
        ws = await connect(f"{base}/close?code={code}&reason={quote(reason)}")
        await ws.wait_closed()
        report[f"our Close {code} {reason}"] = {"code": ws.close_code, "reason": ws.close_reason}
    return report


print(json.dumps(asyncio.run(exchange(sys.argv[1]))))
