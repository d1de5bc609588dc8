"""GStreamer's webrtcbin in a room: publishes a picture and a tone, receives
whoever is there, and says in lines of JSON what it decodes. Arguments: URL,
token, video codec (VP8 or H264)."""

import asyncio
import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

from signalling import Signalling  # noqa: E402

ENCODERS = {
    "VP8": "vp8enc deadline=1 keyframe-max-dist=60 ! rtpvp8pay ! application/x-rtp,media=video,encoding-name=VP8,payload=96",
    "H264": "x264enc tune=zerolatency key-int-max=30 ! video/x-h264,profile=constrained-baseline"
            " ! rtph264pay config-interval=-1 ! application/x-rtp,media=video,encoding-name=H264,payload=96",
}


def say(**what):
    print(json.dumps(what), flush=True)


class Peer:
    def __init__(self, codec):
        self.pipeline = Gst.parse_launch(
            "webrtcbin name=rtc bundle-policy=max-bundle"
            f" videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=15/1 ! {ENCODERS[codec]} ! rtc."
            " audiotestsrc is-live=true ! audioconvert ! opusenc ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! rtc."
        )
        self.rtc = self.pipeline.get_by_name("rtc")
        self.rtc.connect("pad-added", self.on_pad)
        self.frames = {}
        for media, name, rate, payload, more in (("video", "VP8", 90000, 98, ""), ("audio", "OPUS", 48000, 99, ",encoding-params=(string)2")):
            caps = Gst.Caps.from_string(f"application/x-rtp,media={media},encoding-name={name},clock-rate={rate},payload={payload}{more}")
            self.rtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, caps)

    def on_pad(self, _, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        decode = Gst.ElementFactory.make("decodebin")
        decode.connect("pad-added", self.on_decoded)
        self.pipeline.add(decode)
        decode.sync_state_with_parent()
        pad.link(decode.get_static_pad("sink"))

    def on_decoded(self, _, pad):
        kind = pad.get_current_caps().get_structure(0).get_name().split("/")[0]
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("signal-handoffs", True)
        sink.set_property("sync", False)
        sink.connect("handoff", lambda *_: self.count(kind))
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def count(self, kind):
        self.frames[kind] = self.frames.get(kind, 0) + 1
        if self.frames[kind] % 20 == 0:
            say(kind=kind, frames=self.frames[kind])

    async def offer(self):
        """The offer, with every candidate in it."""
        self.pipeline.set_state(Gst.State.PLAYING)
        await asyncio.sleep(0.5)  # the payloaders must have caps
        promise = Gst.Promise.new()
        self.rtc.emit("create-offer", None, promise)
        await asyncio.to_thread(promise.wait)
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        done = Gst.Promise.new()
        self.rtc.emit("set-local-description", offer, done)
        await asyncio.to_thread(done.wait)
        while self.rtc.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            await asyncio.sleep(0.05)
        return self.rtc.get_property("local-description").sdp.as_text()

    async def answer(self, text):
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        done = Gst.Promise.new()
        self.rtc.emit("set-remote-description", description, done)
        await asyncio.to_thread(done.wait)


def mids(sdp):
    """The mids of the sections that send, by their kind."""
    found = {}
    for section in sdp.split("\nm=")[1:]:
        lines = [line.strip() for line in section.splitlines()]
        if "a=sendrecv" in lines or "a=sendonly" in lines:
            mid = next(line[6:] for line in lines if line.startswith("a=mid:"))
            found[lines[0].split(" ")[0]] = mid
    return found


async def main(url, token, codec):
    signalling = Signalling()
    joined = await signalling.join(url, token)
    peer = Peer(codec)
    offer = await peer.offer()
    answer = await signalling.request("offer", {"transport": "main", "sdp": offer})
    await peer.answer(answer["sdp"])
    by_kind = mids(offer)
    await signalling.request("publish", {
        "tracks": [
            {"id": "video", "kind": "video", "source": "camera", "transport": "main", "mid": by_kind["video"]},
            {"id": "audio", "kind": "audio", "source": "microphone", "transport": "main", "mid": by_kind["audio"]},
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


Gst.init(None)
threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
asyncio.run(main(*sys.argv[1:]))
