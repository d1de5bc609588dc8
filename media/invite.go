package media

import (
	"bytes"
	"crypto/rand"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu"
	"github.com/tertulia-rtc/tertulia/transport"
)

// proposal is an offer of the server that waits for the client's answer. Until then
// the transport is what was agreed on before.
type proposal struct {
	next *sdp.Transport
	// agent is the ICE agent as it was before the offer restarted it; nil: it did not.
	agent *transport.Agent
	// early are the first DTLS packets of a client whose answer, with the fingerprint
	// of its certificate, takes another way and comes later.
	early [][]byte
}

// maxEarly bounds the DTLS packets that wait for an answer: a ClientHello may take two.
const maxEarly = 4

// offerTransport makes an offer for a client.
func (r *room) offerTransport(now time.Time, c protocol.OfferTransport) (protocol.EventBody, *protocol.Error) {
	want := sdp.Want{Stop: c.Stop}
	for i, a := range c.Add {
		w := sdp.Wanted{Kind: sdp.Audio, Direction: sdp.SendOnly, Stream: a.Stream, Track: a.Track, Label: a.Label}
		if i < len(c.Kinds) && c.Kinds[i] == protocol.Video {
			w.Kind = sdp.Video
		}
		want.Add = append(want.Add, w)
	}
	key := sfu.TransportKey{Participant: c.Participant, Transport: c.Transport}
	p := r.byKey[key]
	if p == nil {
		p = r.newPeer(now, key)
	}
	p.withdraw()
	proposed := &proposal{}
	if c.Restart && p.agent.Remote.Ufrag != "" {
		before := p.agent
		proposed.agent = &before
		p.agent.Restart(rand.Reader)
	}
	next, offer, err := sdp.MakeOffer(p.negotiated, p.local(c.Codecs), want)
	if err != nil {
		p.unrestart(proposed)
		return nil, asProtocolError(err)
	}
	proposed.next, p.proposed = next, proposed
	r.keep(p)
	return protocol.Offered{Invitation: protocol.Invitation{SDP: offer, MIDs: next.Added}}, nil
}

// acceptAnswer puts what was offered in force, as far as the client takes it. Where the
// answer makes no sense, the offer is taken back.
func (r *room) acceptAnswer(now time.Time, c protocol.AcceptAnswer) *protocol.Error {
	p := r.byKey[sfu.TransportKey{Participant: c.Participant, Transport: c.Transport}]
	if p == nil || p.proposed == nil {
		return protocol.Errorf(protocol.CodeConflict, "there is no offer of the server that waits for an answer")
	}
	next, err := sdp.AcceptAnswer(p.proposed.next, c.SDP)
	if err != nil {
		p.withdraw()
		return asProtocolError(err)
	}
	early := p.proposed.early
	p.proposed = nil
	p.agree(now, next)
	for _, data := range early {
		p.receiveDTLS(data)
	}
	return nil
}

// withdraw takes an offer of ours back, if one waits.
func (p *peer) withdraw() {
	proposed := p.proposed
	if proposed == nil {
		return
	}
	p.proposed = nil
	p.negotiated = sdp.Withdraw(p.negotiated, proposed.next)
	if p.unrestart(proposed) {
		p.nameUfrags()
	}
}

// unrestart gives the ICE agent back the credentials that it had before an offer of
// ours restarted it, and says whether it did.
func (p *peer) unrestart(proposed *proposal) bool {
	before := proposed.agent
	if before == nil {
		return false
	}
	p.agent.Local, p.agent.Remote, p.agent.Previous, p.agent.Nominated = before.Local, before.Remote, before.Previous, before.Nominated
	return true
}

// known says whether the client has told the fingerprint of its certificate.
func (p *peer) known() bool { return p.negotiated != nil && p.negotiated.Peer.FingerprintHash != "" }

// keepEarly keeps a DTLS packet until the client's answer has come.
func (p *peer) keepEarly(data []byte) {
	if p.proposed != nil && len(p.proposed.early) < maxEarly {
		p.proposed.early = append(p.proposed.early, bytes.Clone(data))
	}
}
