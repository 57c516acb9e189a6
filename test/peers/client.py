"""A client of Python's websockets: says things to a server that echoes them, and prints what came of it as JSON."""

import asyncio
import hashlib
import json
import sys

import websockets


def shown(message):
    if isinstance(message, str):
        return message if len(message) < 100 else "text " + hashlib.sha1(message.encode()).hexdigest()
    return "binary " + hashlib.sha1(message).hexdigest()


async def main(url):
    results = {}
    for name, options in {"plain": {"compression": None}, "compressed": {}}.items():
        async with websockets.connect(url, max_size=2**25, subprotocols=["two", "one"], **options) as websocket:
            echoes = []
            for message in ["text", "", "ünïcödé 🎉", "x" * 70000, b"", bytes(range(256)), b"sluice" * 40000]:
                await websocket.send(message)
                echoes.append(shown(await websocket.recv()))
            await websocket.send(["one ", "", "two"])
            echoes.append(shown(await websocket.recv()))
            await (await websocket.ping(b"data"))
            results[name] = {
                "echoes": echoes,
                "subprotocol": websocket.subprotocol,
                "extensions": [extension.name for extension in websocket.extensions],
            }
            await websocket.close(4000, "enough")
            results[name]["close"] = [websocket.close_code, websocket.close_reason]
    async with websockets.connect(url, max_size=2**25, compression=None) as websocket:
        await websocket.send(b"s" * 2**24)
        results["large"] = shown(await websocket.recv())
    async with websockets.connect(url) as websocket:
        await websocket.send("close 3001 ours")
        try:
            await websocket.recv()
        except websockets.ConnectionClosed as closed:
            results["closed"] = [closed.rcvd.code, closed.rcvd.reason]
    try:
        await websockets.connect(url + "/refused")
    except websockets.InvalidStatusCode as refused:
        results["refused"] = refused.status_code
    print(json.dumps(results))


asyncio.run(main(sys.argv[1]))
