package erizo

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// maxSDP is how many bytes a description of the client's may have.
const maxSDP = 400 << 10

// phase is how far a connection is in the exchange of an offer and an answer.
type phase uint8

const (
	stable    phase = iota
	inviting        // we have asked for an offer to the client
	offered         // the client has it; its answer is due
	accepting       // its answer is being applied
	replying        // an offer of the client is being answered
)

// negotiation is the part of a connection in the perfect negotiation of browsers, as
// the side that is not polite: while an offer of ours is on its way, one of the client
// is ignored; the client takes it back, answers ours and offers again.
type negotiation struct {
	phase    phase
	opened   bool            // the room has the transport, or is about to
	agreed   bool            // on an offer and its answer, once: its link can be measured
	add      []*subscription // whose sections are to be offered
	adding   []*subscription // whose sections are in the offer
	stop     []string        // mids of sections that are to be given up
	stopping []string        // those of the offer
	offer    string          // of the client, to be answered; the last one counts
	deadline time.Time       // of the client's answer, or of a closing connection; zero: none
}

// connectionMessage takes what the client says to one of its connections.
func (c *Client) connectionMessage(now time.Time, msg json.RawMessage, ack int) {
	o, ok := readOptions(msg)
	message := o.object("msg")
	if !ok || message == nil {
		c.refuse(ack, reasonMalformed)
		return
	}
	if c.peers() {
		c.refuse(ack, reasonPeers)
		return
	}
	typ, sdp := message.text("type"), message.text("sdp")
	x := c.connection(o.text("connectionId"))
	switch {
	case x == nil:
		c.refuse(ack, "Connection does not exist")
		if typ == "offer" {
			c.notOffered(clip(o.text("connectionId")))
		}
		return
	case len(sdp) > maxSDP || (typ == "offer" || typ == "answer") && sdp == "":
		c.refuse(ack, reasonMalformed)
		return
	}
	c.ack(ack)
	switch typ {
	case "offer":
		c.clientOffered(now, x, sdp)
	case "answer":
		c.clientAnswered(now, x, sdp)
	case "offer-error":
		// It cannot be taken back, and the connection cannot go on without it.
		if x.phase == offered {
			c.lost(x)
		}
	case "failed":
		c.failed(x)
	}
	// Candidates are not needed: ours are in the descriptions, and the checks that
	// come from the client's tell where it is.
}

// notOffered says that an offer of the client cannot be answered.
func (c *Client) notOffered(connectionID string) {
	c.tellConnection(connectionID, "error", connectionEvent{Type: "error", PreviousType: "offer"})
}

// clip keeps ids that are no ids short.
func clip(s string) string {
	if len(s) > 128 {
		return ""
	}
	return s
}

func (c *Client) clientOffered(now time.Time, x *connection, sdp string) {
	if x.phase == offered {
		return
	}
	x.offer = sdp
	if x.publishes {
		x.offer = sendsOnly(sdp)
	}
	c.proceed(now, x)
}

// sendsOnly makes an offer one to send only. Licode's clients leave the direction of
// what they publish at sendrecv; a section in which we might send would be a
// slot that is never used, and a track at the client that never comes.
func sendsOnly(sdp string) string { return strings.ReplaceAll(sdp, "\na=sendrecv", "\na=sendonly") }

func (c *Client) clientAnswered(now time.Time, x *connection, sdp string) {
	if x.phase != offered {
		return // to an offer that is no more
	}
	x.phase, x.deadline = accepting, time.Time{}
	c.ask(protocol.TypeAnswer, protocol.InviteAnswer{Transport: x.transport, SDP: sdp}, func(now time.Time, _ json.RawMessage, err *protocol.Error) {
		switch {
		case x.closed:
		case err != nil:
			c.lost(x)
		default:
			x.adding, x.stopping = nil, nil
			x.phase = stable
			c.agreed(x)
			c.proceed(now, x)
		}
	})
}

// agreed tells the room what a new link is measured for, as soon as there is one.
func (c *Client) agreed(x *connection) {
	if x.agreed || x.publishes {
		return
	}
	x.agreed = true
	if c.target > 0 {
		c.aim(x)
	}
}

// proceed begins the next exchange of a connection, if it is time and there is
// something to say.
func (c *Client) proceed(now time.Time, x *connection) {
	switch {
	case x.closed || x.phase != stable:
	case x.offer != "":
		c.reply(now, x)
	case x.publishes:
	case x.abandoned:
		x.add, x.stop = nil, nil
		c.maybeClose(x)
	case len(x.add)+len(x.stop) > 0:
		c.invite(x)
	case x.closing:
		c.close(x)
	}
	if x.closing && !x.closed && x.phase <= offered {
		x.deadline = now.Add(closingTimeout)
	}
}

// reply answers the client's offer.
func (c *Client) reply(now time.Time, x *connection) {
	sdp := x.offer
	x.offer = ""
	if x.publishes && !c.publishOffered(x, sdp) {
		c.notOffered(x.id)
		c.lost(x)
		return
	}
	x.phase, x.opened = replying, true
	c.ask(protocol.TypeOffer, protocol.Offer{Transport: x.transport, SDP: sdp}, func(now time.Time, data json.RawMessage, err *protocol.Error) {
		if x.closed {
			return
		}
		x.phase = stable
		var answer protocol.Answer
		switch bad := json.Unmarshal(data, &answer); {
		case err == nil && bad == nil:
			c.agreed(x)
			c.tellConnection(x.id, infoSDP, connectionEvent{Type: "answer", SDP: &answer.SDP})
		default:
			c.notOffered(x.id)
			if x.publishes {
				c.lost(x)
				return
			}
		}
		c.proceed(now, x)
	})
}

// invite asks for an offer with all that has changed.
func (c *Client) invite(x *connection) {
	v := protocol.Invite{Transport: x.transport}
	for len(x.add) > 0 && len(v.Add)+len(x.add[0].tracks) <= protocol.MaxSlots {
		sub := x.add[0]
		x.add, x.adding = x.add[1:], append(x.adding, sub)
		for _, t := range sub.tracks {
			v.Add = append(v.Add, protocol.InvitedSection{Stream: sub.stream.ID, Track: t.ID, Label: sub.stream.label})
		}
	}
	stop := min(len(x.stop), 2*protocol.MaxSlots)
	v.Stop, x.stop = slices.Clone(x.stop[:stop]), slices.Delete(x.stop, 0, stop)
	x.phase, x.opened, x.stopping = inviting, true, v.Stop
	c.ask(protocol.TypeInvite, v, func(now time.Time, data json.RawMessage, err *protocol.Error) {
		if !x.closed {
			c.invited(now, x, data, err)
		}
	})
}

// notInvited goes on without an offer. It may be for a stream that has ended
// meanwhile, as is known by now: then the others are asked for again. What was only to
// stop is not heard of anyway.
func (c *Client) notInvited(now time.Time, x *connection) {
	wanted := slices.DeleteFunc(slices.Clone(x.adding), func(sub *subscription) bool { return sub.ended })
	switch {
	case len(x.adding) > 0 && len(wanted) == len(x.adding):
		c.lost(x)
		return
	case len(x.adding) > 0:
		x.add, x.stop = append(wanted, x.add...), append(x.stopping, x.stop...)
	}
	x.adding, x.stopping = nil, nil
	x.phase = stable
	c.proceed(now, x)
}

// invited passes our offer on to the client.
func (c *Client) invited(now time.Time, x *connection, data json.RawMessage, err *protocol.Error) {
	var v protocol.Invitation
	if err == nil && json.Unmarshal(data, &v) != nil {
		err = protocol.Errorf(protocol.CodeInternal, "The offer cannot be read.")
	}
	if err != nil {
		c.notInvited(now, x)
		return
	}
	mids := v.MIDs
	for _, sub := range x.adding {
		n := min(len(sub.tracks), len(mids))
		sub.mids, mids = slices.Clone(mids[:n]), mids[n:]
		if sub.ended {
			x.stop = append(x.stop, sub.mids...)
		}
	}
	// An offer of the client that came meanwhile has met ours, and will come again.
	x.offer = ""
	x.phase, x.deadline = offered, now.Add(answerTimeout)
	if x.closing {
		x.deadline = now.Add(closingTimeout)
	}
	c.tellConnection(x.id, infoSDP, connectionEvent{Type: "offer", SDP: &v.SDP})
}
