"""aiortc in a room: publishes a picture and a tone, receives whoever is there,
and says in lines of JSON what it decodes. Arguments: URL, token."""

import asyncio
import json
import sys

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer
from aiortc.mediastreams import MediaStreamError

from signalling import Signalling


def say(**what):
    print(json.dumps(what), flush=True)


async def count(track):
    frames = 0
    try:
        while True:
            await track.recv()
            frames += 1
            if frames % 20 == 0:
                say(kind=track.kind, frames=frames)
    except MediaStreamError:
        pass


async def main(url, token):
    signalling = Signalling()
    joined = await signalling.join(url, token)
    pc = RTCPeerConnection()
    pc.on("track", lambda track: asyncio.ensure_future(count(track)))
    pc.on("connectionstatechange", lambda: say(connection=pc.connectionState))

    picture = MediaPlayer("testsrc=size=320x240:rate=15", format="lavfi", options={"re": ""})
    tone = MediaPlayer("sine=frequency=440", format="lavfi")
    video = pc.addTransceiver(picture.video, direction="sendonly")
    audio = pc.addTransceiver(tone.audio, direction="sendonly")
    for _ in range(2):
        pc.addTransceiver("video", direction="recvonly")
        pc.addTransceiver("audio", direction="recvonly")

    await pc.setLocalDescription(await pc.createOffer())
    answer = await signalling.request("offer", {"transport": "main", "sdp": pc.localDescription.sdp})
    await pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
    await signalling.request("publish", {
        "tracks": [
            {"id": "video", "kind": "video", "source": "camera", "transport": "main", "mid": video.mid},
            {"id": "audio", "kind": "audio", "source": "microphone", "transport": "main", "mid": audio.mid},
        ],
    })

    async def subscribe(stream):
        if stream["participant"] != joined["participant"]["id"]:
            await signalling.request("subscribe", {"stream": stream["id"], "transport": "main"})

    for stream in joined["streams"]:
        await subscribe(stream)
    while True:
        kind, data = await signalling.events.get()
        if kind == "stream-published":
            await subscribe(data)
        elif kind in ("ended", "closed"):
            break
    await pc.close()


asyncio.run(main(*sys.argv[1:]))
