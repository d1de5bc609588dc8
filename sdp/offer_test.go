package sdp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/webrtc/v4"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// foreignPeer is a peer of pion/webrtc, which never connects.
func foreignPeer(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	// Left alone, pion answers an ICE-lite offer with a=setup:passive.
	var settings webrtc.SettingEngine
	check(t, settings.SetAnsweringDTLSRole(webrtc.DTLSRoleClient))
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	return pc
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// offerTo lets a foreign peer offer, and gives it our answer.
func offerTo(t *testing.T, pc *webrtc.PeerConnection, before *Transport, local Local, options *webrtc.OfferOptions) *Transport {
	t.Helper()
	offer := must[webrtc.SessionDescription](t)(pc.CreateOffer(options))
	check(t, pc.SetLocalDescription(offer))
	next, answer := mustAnswer(t, before, pc.LocalDescription().SDP, local)
	check(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	return next
}

func TestPionOffers(t *testing.T) {
	pc, local := foreignPeer(t), testLocal()
	direction := func(d webrtc.RTPTransceiverDirection) webrtc.RTPTransceiverInit {
		return webrtc.RTPTransceiverInit{Direction: d}
	}
	track := must[*webrtc.TrackLocalStaticRTP](t)(webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "stream"))
	must[*webrtc.RTPTransceiver](t)(pc.AddTransceiverFromTrack(track, direction(webrtc.RTPTransceiverDirectionSendonly)))
	must[*webrtc.RTPTransceiver](t)(pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, direction(webrtc.RTPTransceiverDirectionRecvonly)))
	must[*webrtc.RTPTransceiver](t)(pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, direction(webrtc.RTPTransceiverDirectionRecvonly)))
	must[*webrtc.DataChannel](t)(pc.CreateDataChannel("x", nil))
	first := offerTo(t, pc, nil, local, nil)
	if len(first.Sections) != 4 || first.Sections[0].Direction != RecvOnly || len(first.Sections[0].Recv.SSRCs) != 1 || first.Application() == nil {
		t.Fatal(summary(first))
	}
	must[*webrtc.RTPTransceiver](t)(pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, direction(webrtc.RTPTransceiverDirectionRecvonly)))
	second := offerTo(t, pc, first, local, nil)
	if len(second.Sections) != 5 || second.Restarted(first) {
		t.Fatal(summary(second))
	}
	for i, s := range first.Sections {
		if second.Sections[i].Send != s.Send {
			t.Errorf("section %d: %+v, was %+v", i, second.Sections[i].Send, s.Send)
		}
	}
}

func TestPionAnswers(t *testing.T) {
	pc, local := foreignPeer(t), testLocal()
	var state *Transport
	negotiate := func(want Want) {
		t.Helper()
		pending, offer, err := MakeOffer(state, local, want)
		check(t, err)
		check(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}))
		answer := must[webrtc.SessionDescription](t)(pc.CreateAnswer(nil))
		check(t, pc.SetLocalDescription(answer))
		was := toJSON(t, pending)
		state, err = AcceptAnswer(pending, pc.LocalDescription().SDP)
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, offer, pc.LocalDescription().SDP)
		}
		if toJSON(t, pending) != was {
			t.Error("AcceptAnswer changed the state it was given")
		}
		var again Transport
		check(t, json.Unmarshal([]byte(toJSON(t, state)), &again))
		if diff := cmp.Diff(state, &again); diff != "" {
			t.Errorf("the state does not survive JSON:\n%s", diff)
		}
	}
	negotiate(Want{Add: []Wanted{
		{Kind: Audio, Direction: SendOnly, Label: "label", Stream: 7, Track: "mic"}, {Kind: Video, Direction: SendOnly, Label: "label", Stream: 7, Track: "cam"},
		{Kind: Video, Direction: RecvOnly}, {Kind: Application},
	}})
	if len(state.Sections) != 4 || state.Sections[0].Direction != SendOnly || state.Sections[0].Codecs[0].Name != "opus" ||
		state.Sections[1].Codecs[0].PayloadType != 96 || state.Sections[1].Codecs[0].RTX != 97 || !state.Sections[1].Codecs[0].NACK || state.Application() == nil {
		t.Fatalf("%s%+v", summary(state), state.Sections[1])
	}
	if len(state.Peer.Fingerprint) != 32 || state.Peer.Ufrag == "" || state.Offering {
		t.Errorf("%+v", state.Peer)
	}
	send := state.Sections[1].Send
	if got := pc.GetTransceivers()[1].Receiver().Track(); got == nil || uint32(got.SSRC()) != send.SSRC && got.SSRC() != 0 {
		t.Errorf("the peer expects %v, we send %d", got.SSRC(), send.SSRC)
	}

	// Subscriptions more and less. What is given up becomes inactive, and is rejected by
	// the next offer; then its place is used again. The first carries the transport and
	// stays.
	negotiate(Want{Add: []Wanted{{Kind: Video, Direction: SendOnly}}, Stop: []string{state.Sections[0].Mid, state.Sections[2].Mid}, Change: map[string]Direction{state.Sections[1].Mid: Inactive}})
	if s := state.Sections[0]; s.Rejected || s.Direction != Inactive || s.Send.Stream != 0 || state.Sections[2].Rejected || state.Sections[2].Direction != Inactive || len(state.Sections) != 5 || state.Sections[1].Direction != Inactive {
		t.Fatal(summary(state))
	}
	old := state.Sections[2].Mid
	negotiate(Want{})
	if state.Sections[0].Rejected || !state.Sections[2].Rejected || state.Sections[1].Rejected {
		t.Fatal(summary(state))
	}
	negotiate(Want{Add: []Wanted{{Kind: Audio, Direction: SendOnly}}, Change: map[string]Direction{state.Sections[1].Mid: SendOnly}})
	if s := state.Sections[2]; s.Rejected || s.Kind != Audio || s.Mid == old || len(state.Sections) != 5 || state.Sections[1].Send != send {
		t.Fatal(summary(state))
	}
}

// What is offered for one track says so: to us, and by its MediaStream to the peer,
// in both forms in which SDP does that.
func TestLabels(t *testing.T) {
	local := testLocal()
	pending, offer, err := MakeOffer(nil, local, Want{Add: []Wanted{
		{Kind: Audio, Direction: SendOnly, Stream: 7, Track: "mic", Label: "{label}"}, {Kind: Video, Direction: SendOnly, Stream: 7, Track: "cam", Label: "{label}"},
		{Kind: Video, Direction: SendOnly, Stream: 8, Track: "cam"}, {Kind: Video, Direction: SendOnly},
	}})
	check(t, err)
	if diff := cmp.Diff([]string{"v1-0", "v1-1", "v1-2", "v1-3"}, pending.Added); diff != "" {
		t.Error(diff)
	}
	for i, want := range []Sending{
		{MSID: "{label} v1-0", Stream: 7, Track: "mic"}, {MSID: "{label} v1-1", Stream: 7, Track: "cam"},
		{MSID: "stream-8 v1-2", Stream: 8, Track: "cam"}, {MSID: "slot-1 video-1", Ordinal: 1},
	} {
		got := pending.Sections[i].Send
		got.SSRC, got.RTX, got.CNAME = 0, 0, ""
		if got != want {
			t.Errorf("section %d: %+v", i, got)
		}
		m := parsed(t, offer).MediaDescriptions[i]
		if msid, _ := m.Attribute("msid"); msid != want.MSID {
			t.Errorf("section %d: a=msid:%s", i, msid)
		}
		old := 0
		for _, a := range m.Attributes {
			if _, msid, ok := strings.Cut(a.Value, " msid:"); a.Key == "ssrc" && ok && msid == want.MSID {
				old++
			}
		}
		if want := []int{1, 2, 2, 0}[i]; old != want {
			t.Errorf("section %d: %d lines a=ssrc with the msid, want %d\n%s", i, old, want, offer)
		}
	}
	pc := foreignPeer(t)
	check(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}))
	answer := must[webrtc.SessionDescription](t)(pc.CreateAnswer(nil))
	state, err := AcceptAnswer(pending, answer.SDP)
	check(t, err)
	if state.Sections[1].Send != pending.Sections[1].Send || state.Added != nil {
		t.Errorf("%+v", state.Sections[1].Send)
	}
}

// An offer that is taken back leaves nothing behind but the meanings that it gave.
func TestWithdraw(t *testing.T) {
	local := testLocal()
	for name, before := range map[string]*Transport{"fresh": nil, "in use": first(mustAnswer(t, nil, fixture(t, "aiortc-sendrecv"), local))} {
		t.Run(name, func(t *testing.T) {
			was := toJSON(t, before)
			want := Want{Add: []Wanted{{Kind: Video, Direction: SendOnly}}}
			pending, _, err := MakeOffer(before, local, want)
			check(t, err)
			back := Withdraw(before, pending)
			if toJSON(t, before) != was {
				t.Error("Withdraw changed the state it was given")
			}
			if back.Offering || before != nil && toJSON(t, back.Sections) != toJSON(t, before.Sections) || before == nil && len(back.Sections) > 0 {
				t.Error(summary(back))
			}
			again, _, err := MakeOffer(back, local, want)
			check(t, err)
			one, two := pending.Section(pending.Added[0]), again.Section(again.Added[0])
			if one.Mid == two.Mid || toJSON(t, one.Codecs) != toJSON(t, two.Codecs) || toJSON(t, one.Extensions) != toJSON(t, two.Extensions) {
				t.Errorf("%+v\n%+v", one, two)
			}
			_, _, err = Answer(back, fixture(t, "aiortc-sendrecv"), local)
			check(t, err)
		})
	}
}

func first[T, U any](v T, _ U) T { return v }

// The peer may name its sections as we do.
func TestMidsOfThePeer(t *testing.T) {
	local := testLocal()
	state, _ := mustAnswer(t, nil, session("v2-0 v3-0", audio("v2-0", "recvonly"), video("v3-0", "recvonly")), local)
	pending, _, err := MakeOffer(state, local, Want{Add: []Wanted{{Kind: Video, Direction: SendOnly}}})
	check(t, err)
	if got := pending.Added; len(got) != 1 || got[0] != "v2-0x" {
		t.Error(got)
	}
}

// A transport on which a client publishes in layers may have offers of the server
// too, and the layers stay.
func TestSimulcastStays(t *testing.T) {
	local := testLocal()
	local.Simulcast = true
	layers := video("c", "sendonly") + lines("a=rid:q send", "a=rid:f send", "a=simulcast:send q;f")
	state, _ := mustAnswer(t, nil, session("c", layers), local)
	pending, offer, err := MakeOffer(state, local, Want{Add: []Wanted{{Kind: Video, Direction: SendOnly}}})
	check(t, err)
	if !strings.Contains(offer, "a=simulcast:recv q;f") {
		t.Fatal(offer)
	}
	more := video("v2-0", "recvonly")
	for _, test := range []struct {
		answer string
		want   []string
	}{{layers, []string{"q", "f"}}, {strings.Replace(layers, "send q;f", "send f", 1), []string{"f"}}, {video("c", "sendonly"), nil},
		{strings.NewReplacer("rid:q", "rid:x", "send q", "send x").Replace(layers), []string{"f"}}} {
		next, err := AcceptAnswer(pending, strings.ReplaceAll(session("c v2-0", test.answer, more), "actpass", "active"))
		check(t, err)
		if diff := cmp.Diff(test.want, next.Sections[0].Recv.RIDs); diff != "" {
			t.Error(diff)
		}
	}
}

func TestOffered(t *testing.T) {
	layers := video("c", "sendonly") + lines("a=rid:q send", "a=rid:f send", "a=simulcast:send q;f", "a=msid:{label} t")
	older := audio("m", "sendrecv") + lines("a=ssrc:7 cname:x", "a=ssrc:7 msid:older audio")
	d, err := Parse(session("c m s n", layers, older, video("s", "recvonly")+lines("a=msid:x y"), audio("n", "sendonly")+lines("a=msid:- y"),
		strings.Replace(video("r", "sendonly"), "m=video 9", "m=video 0", 1), strings.Replace(video("u", "sendonly"), "m=video 9", "m=text 9", 1)))
	check(t, err)
	want := []OfferedSection{
		{MID: "c", Kind: Video, Direction: RecvOnly, Stream: "{label}", RIDs: []string{"q", "f"}},
		{MID: "m", Kind: Audio, Direction: SendRecv, Stream: "older"},
		{MID: "s", Kind: Video, Direction: SendOnly},
		{MID: "n", Kind: Audio, Direction: RecvOnly},
		{MID: "r", Kind: Video, Direction: RecvOnly, Rejected: true},
		{MID: "u", Direction: RecvOnly},
	}
	if diff := cmp.Diff(want, d.Offered()); diff != "" {
		t.Error(diff)
	}
}

// The offerer may change: what was agreed with one keeps its payload types,
// ids and SSRCs when the other offers.
func TestRolesChange(t *testing.T) {
	local := testLocal()
	state, _ := mustAnswer(t, nil, fixture(t, "aiortc-sendrecv"), local)
	pending, offer, err := MakeOffer(state, local, Want{Add: []Wanted{{Kind: Video, Direction: SendOnly}, {Kind: Audio, Direction: SendOnly}}})
	check(t, err)
	d := parsed(t, offer)
	if f := d.MediaDescriptions[3].MediaName.Formats; f[0] != "97" || f[1] != "98" {
		t.Errorf("VP8 was 97 and 98, is %v", f)
	}
	if f := d.MediaDescriptions[4].MediaName.Formats; f[0] != "96" {
		t.Errorf("opus was 96, is %v", f)
	}
	if err := (&Description{sections: make([]described, 5)}).checkPayloadTypes(pending); err != nil {
		t.Error(err)
	}
	if pending.Sections[3].Extension(MidURI) != 1 || pending.Sections[3].Extension(VideoOrientationURI) == 2 {
		t.Errorf("%v", pending.Sections[3].Extensions)
	}
	if pending.Sections[0].Send != state.Sections[0].Send {
		t.Error("a slot lost its SSRC")
	}
	if _, _, err := Answer(pending, fixture(t, "aiortc-sendrecv"), local); err == nil {
		t.Error("an offer crosses ours unseen")
	} else {
		wantError(t, err, protocol.CodeConflict, "answer it first")
	}
	_, _, err = MakeOffer(pending, local, Want{})
	wantError(t, err, protocol.CodeConflict)
	_, err = AcceptAnswer(state, fixture(t, "aiortc-sendrecv"))
	wantError(t, err, protocol.CodeConflict)
}

// Firefox: "Remote description attempted to remap RTP extension id".
func TestMeaningsLast(t *testing.T) {
	local := testLocal()
	pending, _, err := MakeOffer(nil, local, Want{Add: []Wanted{{Kind: Audio, Direction: SendOnly}, {Kind: Video, Direction: RecvOnly}}})
	check(t, err)
	level := pending.Sections[0].Extension(AudioLevelURI)
	// The answer takes neither the audio level nor most of the rest.
	answer := strings.ReplaceAll(session("v1-0 v1-1", audio("v1-0", "recvonly"), video("v1-1", "sendonly")), "actpass", "active")
	state, err := AcceptAnswer(pending, answer)
	check(t, err)
	next, _, err := MakeOffer(state, local, Want{Stop: []string{"v1-0"}, Add: []Wanted{{Kind: Video, Direction: SendOnly}}})
	check(t, err)
	for _, e := range next.Sections[2].Extensions {
		if e.ID == level || e.URI == VideoOrientationURI && e.ID != pending.Sections[1].Extension(VideoOrientationURI) {
			t.Errorf("%+v has another meaning than before", e)
		}
	}
	for i, c := range next.Sections[2].Codecs {
		if was := pending.Sections[1].Codecs[i]; c.PayloadType != was.PayloadType {
			t.Errorf("%+v was %+v", c, was)
		}
	}
}

func TestRefusedAnswers(t *testing.T) {
	local := testLocal()
	pending, _, err := MakeOffer(nil, local, Want{Add: []Wanted{{Kind: Audio, Direction: SendOnly}, {Kind: Video, Direction: RecvOnly}}})
	check(t, err)
	answer := strings.Replace(session("v1-0 v1-1", audio("v1-0", "recvonly"), video("v1-1", "sendonly")), "actpass", "active", 1)
	next, err := AcceptAnswer(pending, answer)
	check(t, err)
	if got := summary(next); got != "v1-0 audio sendonly opus:111\nv1-1 video recvonly VP8:96/97\n" {
		t.Error(got)
	}
	replace := func(from, to string) string { return replaced(t, answer, from, to) }
	// One section refused, without its mid, as some peers do.
	refused := strings.Replace(replace(" v1-0 ", " "), audio("v1-0", "recvonly"), lines("m=audio 0 UDP/TLS/RTP/SAVPF 0"), 1)
	next, err = AcceptAnswer(pending, refused)
	check(t, err)
	if !next.Sections[0].Rejected || next.Sections[1].Rejected {
		t.Error(summary(next))
	}
	for _, test := range []struct {
		name, answer string
		code         protocol.Code
		words        []string
	}{
		{"no SDP", "x", protocol.CodeBadRequest, []string{"line 1"}},
		{"fewer sections", session("v1-0", audio("v1-0", "recvonly")), protocol.CodeBadRequest, []string{"1 m-sections", "2"}},
		{"another mid", replace("v1-0", "0"), protocol.CodeBadRequest, []string{"m-section 1", "v1-0"}},
		{"another kind", session("v1-0 v1-1", video("v1-0", "recvonly"), video("v1-1", "recvonly")), protocol.CodeBadRequest, []string{"actpass"}},
		{"passive", replace("active", "passive"), protocol.CodeUnsupported, []string{"passive"}},
		{"ICE-lite", replace("a=setup", "a=ice-lite\r\na=setup"), protocol.CodeUnsupported, []string{"ice-lite"}},
		{"codecs that were not offered", replace("opus", "speex"), protocol.CodeBadRequest, []string{"m-section 1", "codecs"}},
		{"another payload type", replace("111", "112"), protocol.CodeBadRequest, []string{"m-section 1", "codecs"}},
	} {
		_, err := AcceptAnswer(pending, test.answer)
		t.Run(test.name, func(t *testing.T) { wantError(t, err, test.code, test.words...) })
	}
	_, _, err = MakeOffer(next, local, Want{Stop: []string{"nope"}})
	wantError(t, err, protocol.CodeBadRequest, "nope")
	_, _, err = MakeOffer(next, local, Want{Change: map[string]Direction{"nope": Inactive}})
	wantError(t, err, protocol.CodeBadRequest, "nope")
	_, _, err = MakeOffer(next, local, Want{Add: []Wanted{{Kind: 9}}})
	wantError(t, err, protocol.CodeBadRequest)
}

func FuzzAcceptAnswer(f *testing.F) {
	f.Add(strings.Replace(session("v1-0 v1-1", audio("v1-0", "recvonly"), video("v1-1", "sendonly")), "actpass", "active", 1))
	f.Fuzz(func(t *testing.T, answer string) {
		local := testLocal()
		pending, _, err := MakeOffer(nil, local, Want{Add: []Wanted{{Kind: Audio, Direction: SendOnly}, {Kind: Video, Direction: RecvOnly}}})
		check(t, err)
		next, err := AcceptAnswer(pending, answer)
		if err != nil {
			mustBeOurs(t, err)
			return
		}
		if next.Offering || len(next.Sections) != 2 {
			t.Fatal(summary(next))
		}
	})
}
