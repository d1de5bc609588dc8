package sfu

import (
	"encoding/json"
	"fmt"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// MarshalJSON writes the router's state without the packets in its rings. What
// Events has not taken yet, and packets not flushed yet, are left out too.
func (r *Router) MarshalJSON() ([]byte, error) { return json.Marshal(&r.state) }

// Restore makes a router of what MarshalJSON wrote. It goes on with the same
// sequence numbers, timestamps and picture ids; retransmissions of what was sent
// before are not possible. Advance is due at once.
func Restore(cfg Config, state []byte) (*Router, error) {
	r := New(cfg)
	if err := json.Unmarshal(state, &r.state); err != nil {
		return nil, fmt.Errorf("state of a router: %w", err)
	}
	for _, pub := range r.state.Publications {
		r.streams[pub.Stream] = pub
		pub.subscribers = map[protocol.ParticipantID]*subscription{}
		for _, t := range pub.Tracks {
			t.pub = pub
			if t.Ear >= 0 {
				r.ears = append(r.ears, make([]*track, max(t.Ear+1-len(r.ears), 0))...)
				r.ears[t.Ear] = t
			}
		}
	}
	for i, p := range r.state.Peers {
		if p == nil {
			continue
		}
		if int(p.Index) != i {
			return nil, fmt.Errorf("state of a router: peer %d is at place %d", p.Index, i)
		}
		r.restorePeer(p)
	}
	for _, sub := range r.state.Subscriptions {
		if err := r.restoreSubscription(sub); err != nil {
			return nil, err
		}
	}
	r.restorePipes()
	r.due = 1
	return r, nil
}

func (r *Router) restorePeer(p *peer) {
	r.byKey[p.Key] = p
	p.bySSRC = map[uint32]route{}
	for _, in := range p.Inbounds {
		in.index()
		if t := r.claimant(p.Key.Participant, p.Key.Transport, in.MID); t != nil && t.Kind == kindOf(in.Kind) {
			t.peer, t.in, in.track = p, in, t
		}
		for _, s := range in.Sources {
			limits := rtpbuf.Audio
			if in.Kind == sdp.Video {
				limits = r.videoLimits()
			}
			s.in, s.ring = in, rtpbuf.New(limits)
			r.sources[s.Serial] = s
			p.bySSRC[s.SSRC] = route{in: in, src: s}
			if s.RTX != 0 {
				p.bySSRC[s.RTX] = route{in: in, src: s, rtx: true}
			}
		}
	}
	for _, s := range p.Slots {
		s.peer = p
	}
	p.pairSlots()
	p.measureLink()
	for _, s := range p.Retired {
		s.peer = p
	}
}

func (r *Router) restoreSubscription(sub *subscription) error {
	pub := r.streams[sub.Stream]
	if pub == nil {
		return fmt.Errorf("state of a router: a subscription to stream %d, which is not there", sub.Stream)
	}
	pub.subs = append(pub.subs, sub)
	pub.subscribers[sub.Participant] = sub
	p := r.byKey[TransportKey{sub.Participant, sub.Transport}]
	if p != nil {
		p.subs = append(p.subs, sub)
	}
	for _, st := range sub.Parts {
		st.sub, st.track = sub, pub.track(st.Track)
		if st.track == nil {
			return fmt.Errorf("state of a router: a subscription to track %q of stream %d, which is not there", st.Track, sub.Stream)
		}
		if p == nil {
			continue
		}
		for _, s := range p.Slots {
			if s.Stream == sub.Stream && s.Track == st.Track && s.track == nil {
				s.track, s.part, st.slot = st.track, st, s
				st.track.slots = append(st.track.slots, s)
				s.resolveAll()
				if !s.Live {
					r.awaitStart(1, s)
				}
				break
			}
		}
	}
	return nil
}

// track finds a track of a stream, or nil.
func (p *publication) track(id protocol.TrackID) *track {
	for _, t := range p.Tracks {
		if t.ID == id {
			return t
		}
	}
	return nil
}
