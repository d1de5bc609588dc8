// Package sfu is the media of one room on one shard: it takes the decrypted RTP
// and RTCP packets of publishers and decides which of them go, rewritten how, to
// which subscribers.
//
// Router is a pure machine. It owns no socket, goroutine or clock: it is told
// what happened and when, and hands what is to be sent to a Sink.
//
// **What the Router is told takes effect at once; what it wants to send leaves
// only in Flush and Advance, and what it has to tell only through Events.**
//
// The loop that owns a Router is therefore:
//
//	for each received batch:
//		HandleRTP, HandleRTCP for each packet
//		Flush                    // forwards the batch, answers NACKs
//	when now ≥ Timer:
//		Advance                  // reports, feedback, repeats
//	after any of these, and after control calls:
//		Events, then Timer again
//
// Published packets are kept once, as plaintext, in a ring for each received
// RTP stream (package rtpbuf), from which every subscriber is served and every
// retransmission is made.
package sfu

import (
	"math/rand/v2"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// TransportKey names a transport as the control calls know it.
type TransportKey struct {
	Participant protocol.ParticipantID
	Transport   protocol.TransportID
}

// Peer is the dense index of a transport inside its Router, for the calls of the
// hot path. An index is reused after RemoveTransport. The zero Peer is a valid one.
type Peer int32

// Config is what a Router is made with.
type Config struct {
	// Rand gives first sequence numbers, timestamps and the SSRC of reports.
	// It must not be nil.
	Rand *rand.Rand
	// RingBytes bounds the arena of one received video stream; 2 MiB when 0.
	RingBytes int
	// REMB is the bitrate, in bits per second, that publishers are told which
	// negotiated goog-remb but not transport-cc; 2.5 Mb/s when 0.
	REMB uint64
}

// Packet is one RTP packet for one subscriber: Header, Prefix and Payload are to
// be sent one after another. All three are valid during the call only, and must
// not be changed.
type Packet struct {
	To      Peer
	Header  []byte // RTP header with its extensions
	Prefix  []byte // takes the place of the start of the payload: RTX's original sequence number, a rewritten VP8 descriptor
	Payload []byte // shared with the other subscribers
	Kind    protocol.Kind
	// Keyframe marks the first packet of a video frame that decodes by itself.
	Keyframe bool
	Marker   bool
	// Retransmission marks the answer to a NACK.
	Retransmission bool
}

// Sink takes what the Router sends.
type Sink interface {
	// SendRTP sends one packet. Packets of one Flush come subscriber by subscriber.
	SendRTP(p *Packet)
	// SendRTCP sends a compound RTCP packet, valid during the call only.
	SendRTCP(to Peer, compound []byte)
}

// Event is something that the owner of the room has to know: one of
// protocol.SlotsChanged, SlotsMissing, SubscriptionChanged, TrackStarted and
// SpeakersChanged.
type Event = protocol.EventBody
