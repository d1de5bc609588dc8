"""The native signalling in Python, as docs/protocol.md tells it: what a
stranger needs to bring a WebRTC stack of their own into a room."""

import asyncio
import json

import aiohttp


class Refused(Exception):
    """The server refused a request, or the door."""


class Signalling:
    def __init__(self):
        self.sent = 0
        self.received = 0
        self.waiting = {}
        self.events = asyncio.Queue()

    async def join(self, url, token):
        """Enters the room of the token; gives what the server says of it."""
        self.session = aiohttp.ClientSession()
        self.socket = await self.session.ws_connect(url.replace("http", "ws", 1) + "/v1/signal", max_msg_size=1 << 20)
        await self.socket.send_json({"type": "join", "data": {"protocol": 1, "token": token, "client": "e2e-python"}})
        frame = await self.socket.receive_json()
        if frame["type"] != "joined":
            raise Refused(frame)
        self.reader = asyncio.create_task(self._read())
        return frame["data"]

    async def _read(self):
        async for message in self.socket:
            frame = json.loads(message.data)
            if "type" not in frame:
                # A bare acknowledgement, by which the server also asks whether
                # anybody is there.
                await self.socket.send_json({"ack": self.received})
                continue
            if frame["seq"] <= self.received:
                continue
            self.received = frame["seq"]
            await self.socket.send_json({"ack": self.received})
            if frame["type"] in ("ok", "error"):
                waiting = self.waiting.pop(frame["re"])
                if frame["type"] == "ok":
                    waiting.set_result(frame.get("data"))
                else:
                    waiting.set_exception(Refused(frame["data"]))
            else:
                await self.events.put((frame["type"], frame.get("data")))
        await self.events.put(("closed", None))

    async def request(self, kind, data=None):
        """Sends a request and gives its answer."""
        self.sent += 1
        answer = asyncio.get_running_loop().create_future()
        self.waiting[self.sent] = answer
        await self.socket.send_json({"seq": self.sent, "ack": self.received, "type": kind, "data": data or {}})
        return await answer

    async def leave(self):
        await self.request("leave")
        await self.session.close()
