package sdp

import (
	"slices"
	"strings"
	"testing"
)

// clientLocal is the end of a client in tests.
func clientLocal() Local {
	l := testLocal()
	ssrc := uint32(5000)
	l.Ufrag, l.Pwd, l.CNAME = "cLNT", "abcdefghijklmnopqrstuvwx", "client"
	l.Candidates = []Candidate{"1 1 udp 2130706431 127.0.0.1 40000 typ host"}
	l.NewSSRC = func() uint32 { ssrc++; return ssrc }
	return l
}

var callOfClient = Want{Add: []Wanted{
	{Kind: Audio, Direction: SendOnly}, {Kind: Video, Direction: SendOnly, RIDs: []string{"q", "h", "f"}},
	{Kind: Audio, Direction: RecvOnly}, {Kind: Video, Direction: RecvOnly}, {Kind: Video, Direction: RecvOnly},
}}

// negotiateClient is one offer of a client, answered by our server side.
func negotiateClient(t *testing.T, client, server *Transport, want Want, simulcast bool) (nextClient, nextServer *Transport, offer string) {
	t.Helper()
	offered, offer, err := ClientOffer(client, clientLocal(), want)
	if err != nil {
		t.Fatal(err)
	}
	local := testLocal()
	local.Simulcast = simulcast
	nextServer, answer := mustAnswer(t, server, offer, local)
	accepted, role, lite, err := ClientAccept(offered, answer)
	if err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
	if role != DTLSClient || !lite || accepted.Offering {
		t.Errorf("role %v, lite %v, still offering %v", role, lite, accepted.Offering)
	}
	return accepted, nextServer, offer
}

// What the client believes of each section has to be what the server believes of it.
func TestClientAndServerAgree(t *testing.T) {
	client, server, offer := negotiateClient(t, nil, nil, callOfClient, true)
	if strings.Contains(offer, "ice-lite") || !strings.Contains(offer, "a=setup:actpass") {
		t.Errorf("the offer is not that of a full agent:\n%s", offer)
	}
	if client.Peer.Ufrag != "aFAKE" || len(client.Peer.Candidates) != 2 || server.Peer.Ufrag != "cLNT" {
		t.Errorf("the client knows %+v, the server %+v", client.Peer, server.Peer)
	}
	for i := range client.Sections {
		c, s := &client.Sections[i], &server.Sections[i]
		if c.Mid != s.Mid || c.Kind != s.Kind || c.Rejected || s.Rejected {
			t.Fatalf("section %d: %+v and %+v", i, c, s)
		}
		if len(c.Codecs) == 0 || len(c.Codecs) != len(s.Codecs) || c.Codecs[0].PayloadType != s.Codecs[0].PayloadType || c.Codecs[0].RTX != s.Codecs[0].RTX {
			t.Errorf("section %d has codecs %+v and %+v", i, c.Codecs, s.Codecs)
		}
		slots, senders := c, s
		if c.Direction == SendOnly {
			slots, senders = s, c
		}
		if slots.Direction != RecvOnly || senders.Direction != SendOnly {
			t.Fatalf("section %d: directions are %v and %v", i, c.Direction, s.Direction)
		}
		if len(senders.SendRIDs) > 0 {
			continue // they have no SSRCs in the description
		}
		if len(slots.Recv.SSRCs) != 1 || slots.Recv.SSRCs[0] != senders.Send.SSRC {
			t.Errorf("section %d: SSRCs %v of what is sent as %d", i, slots.Recv.SSRCs, senders.Send.SSRC)
		}
		if c.Kind == Video && (len(slots.Recv.FID) != 1 || slots.Recv.FID[0].RTX != senders.Send.RTX) {
			t.Errorf("section %d: retransmissions %v of what is sent as %d", i, slots.Recv.FID, senders.Send.RTX)
		}
	}
	video := client.Sections[1]
	if got := server.Sections[1].Recv.RIDs; !slices.Equal(got, []string{"q", "h", "f"}) || !slices.Equal(video.SendRIDs, got) {
		t.Errorf("layers: the server takes %v, the client sends %v", got, video.SendRIDs)
	}
	for _, uri := range []string{MidURI, RIDURI, RepairedRIDURI, TransportCCURI} {
		if video.Extension(uri) == 0 || video.Extension(uri) != server.Sections[1].Extension(uri) {
			t.Errorf("extension %s has ids %d and %d", uri, video.Extension(uri), server.Sections[1].Extension(uri))
		}
	}
	if client.Sections[0].Extension(AudioLevelURI) == 0 {
		t.Error("no audio level")
	}
}

func TestClientIsRefusedSimulcast(t *testing.T) {
	client, _, _ := negotiateClient(t, nil, nil, callOfClient, false)
	if rids := client.Sections[1].SendRIDs; len(rids) != 0 {
		t.Errorf("the client sends layers %v that the server did not take", rids)
	}
}

func TestClientOffersMoreSlots(t *testing.T) {
	client, server, _ := negotiateClient(t, nil, nil, callOfClient, true)
	more := Want{Add: []Wanted{{Kind: Video, Direction: RecvOnly}}}
	next, _, offer := negotiateClient(t, client, server, more, true)
	if len(next.Sections) != len(client.Sections)+1 || strings.Count(offer, "a=simulcast:send q;h;f") != 1 {
		t.Errorf("%d sections after %d; offer:\n%s", len(next.Sections), len(client.Sections), offer)
	}
	for i := range client.Sections {
		if before, after := client.Sections[i], next.Sections[i]; before.Mid != after.Mid || before.Send.SSRC != after.Send.SSRC ||
			!slices.Equal(before.Recv.SSRCs, after.Recv.SSRCs) {
			t.Errorf("section %d has changed: %+v, %+v", i, before, after)
		}
	}
}

// RFC 8842 section 5.3: who answers chooses the role.
func TestClientDTLSRoles(t *testing.T) {
	offered, offer, err := ClientOffer(nil, clientLocal(), callOfClient)
	if err != nil {
		t.Fatal(err)
	}
	_, answer := mustAnswer(t, nil, offer, testLocal())
	for setup, want := range map[string]DTLSRole{"passive": DTLSClient, "active": DTLSServer, "actpass": 0} {
		_, role, _, err := ClientAccept(offered, strings.ReplaceAll(answer, "a=setup:passive", "a=setup:"+setup))
		if role != want || (err == nil) != (want != 0) {
			t.Errorf("setup:%s: role %v, %v", setup, role, err)
		}
	}
	if _, _, _, err := ClientAccept(nil, answer); err == nil {
		t.Error("an answer without an offer was taken")
	}
}

// Servers that offer what they send: the client answers as the active side.
func TestClientAnswers(t *testing.T) {
	offered, offer, err := MakeOffer(nil, testLocal(), Want{Add: []Wanted{{Kind: Audio, Direction: SendOnly}, {Kind: Video, Direction: SendOnly}}})
	if err != nil {
		t.Fatal(err)
	}
	client, answer, lite, err := ClientAnswer(nil, offer, clientLocal())
	if err != nil || !lite {
		t.Fatalf("lite %v, %v", lite, err)
	}
	server, err := AcceptAnswer(offered, answer)
	if err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
	for i := range server.Sections {
		if got, want := client.Sections[i].Recv.SSRCs, server.Sections[i].Send.SSRC; len(got) != 1 || got[0] != want || client.Sections[i].Direction != RecvOnly {
			t.Errorf("section %d: the client receives %v, the server sends %d", i, got, want)
		}
	}
}

func FuzzClientAccept(f *testing.F) {
	offered, offer, err := ClientOffer(nil, clientLocal(), callOfClient)
	if err != nil {
		f.Fatal(err)
	}
	_, answer, err := Answer(nil, offer, testLocal())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(answer)
	f.Fuzz(func(t *testing.T, answer string) {
		next, role, _, err := ClientAccept(offered, answer)
		if err == nil && (next == nil || len(next.Sections) != len(offered.Sections) || role > DTLSServer) {
			t.Errorf("an answer was taken, and gives %+v, role %v", next, role)
		}
	})
}
