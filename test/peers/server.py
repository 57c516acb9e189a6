"""A server of Python's websockets. It sends each message back, and prints its port, then how each connection ended."""

import asyncio
import json

import websockets


async def handle(websocket, path):
    try:
        async for message in websocket:
            if message == "fragments":
                await websocket.send(["one ", "", "two"])
            elif message == "ping":
                waiter = await websocket.ping(b"data")
                await waiter
                await websocket.send("pong came")
            elif isinstance(message, str) and message.startswith("close "):
                _, code, reason = message.split(" ", 2)
                await websocket.close(int(code), reason)
            else:
                await websocket.send(message)
    except websockets.ConnectionClosedError:
        pass
    print(json.dumps([websocket.close_code, websocket.close_reason]), flush=True)


async def main():
    options = {"max_size": 2**25, "subprotocols": ["one", "two"]}
    async with websockets.serve(handle, "127.0.0.1", 0, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
