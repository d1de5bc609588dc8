package sdp

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	psdp "github.com/pion/sdp/v3"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// testLocal gives our end for tests: its SSRCs count up from 1000.
func testLocal() Local {
	ssrc := uint32(999)
	return Local{
		Ufrag: "aFAKE", Pwd: "0123456789abcdefghijklmn",
		Fingerprint: "AD:54:E3:EB:6A:4F:4A:69:D9:3A:2B:AE:69:6F:A3:CC:74:E7:0B:CB:3B:B6:C6:EF:80:9F:A8:B9:E2:BA:BA:DB",
		Candidates:  []Candidate{"1 1 udp 2130706431 127.0.0.1 7882 typ host", "2 1 tcp 1671430143 127.0.0.1 7882 typ host tcptype passive"},
		Codecs:      []string{"VP8", "VP9", "H264", "AV1", "opus"},
		CNAME:       "tertulia",
		NewSSRC:     func() uint32 { ssrc++; return ssrc },
		SessionID:   4711,
	}
}

// fixture reads an offer that a real peer made.
func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".sdp"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustAnswer(t testing.TB, before *Transport, offer string, local Local) (*Transport, string) {
	t.Helper()
	was := toJSON(t, before)
	next, answer, err := Answer(before, offer, local)
	if err != nil {
		t.Fatalf("Answer: %v", err)
	}
	if is := toJSON(t, before); is != was {
		t.Fatalf("Answer changed the state it was given:\n%s", cmp.Diff(was, is))
	}
	var again Transport
	if err := json.Unmarshal([]byte(toJSON(t, next)), &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(next, &again); diff != "" {
		t.Fatalf("the state does not survive JSON:\n%s", diff)
	}
	checkAnswer(t, offer, answer)
	return next, answer
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func parsed(t testing.TB, text string) *psdp.SessionDescription {
	t.Helper()
	var d psdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return &d
}

// checkAnswer holds an answer against RFC 3264 and RFC 8829: the same m-lines
// in the same order, nothing that was not offered.
func checkAnswer(t testing.TB, offerText, answerText string) {
	t.Helper()
	offer, answer := parsed(t, offerText), parsed(t, answerText)
	if len(offer.MediaDescriptions) != len(answer.MediaDescriptions) {
		t.Fatalf("%d m-lines answered with %d", len(offer.MediaDescriptions), len(answer.MediaDescriptions))
	}
	candidates := 0
	for i, o := range offer.MediaDescriptions {
		a := answer.MediaDescriptions[i]
		if o.MediaName.Media != a.MediaName.Media || !slices.Equal(o.MediaName.Protos, a.MediaName.Protos) {
			t.Errorf("m-line %d: %v answered with %v", i, o.MediaName, a.MediaName)
		}
		for _, f := range a.MediaName.Formats {
			if !slices.Contains(o.MediaName.Formats, f) {
				t.Errorf("m-line %d: format %s was not offered", i, f)
			}
		}
		var offered []string
		for _, attribute := range o.Attributes {
			text := attribute.String()
			if attribute.Key == "extmap" { // answered with the direction of the other side
				head, uri, _ := strings.Cut(text, " ")
				id, direction, _ := strings.Cut(head, "/")
				if direction != "" {
					text = id + "/" + mirror(direction) + " " + uri
				}
			}
			offered = append(offered, text)
		}
		for _, attribute := range a.Attributes {
			switch attribute.Key {
			case "mid", "extmap", "rtcp-fb":
				wildcard := attribute.Key == "rtcp-fb" && strings.Contains(strings.Join(offered, "\n"), "rtcp-fb:*")
				if !slices.Contains(offered, attribute.String()) && !wildcard {
					t.Errorf("m-line %d: a=%s was not offered", i, attribute.String())
				}
			case "candidate":
				candidates++
			case "setup":
				if attribute.Value != "passive" {
					t.Errorf("m-line %d: a=setup:%s", i, attribute.Value)
				}
			}
		}
	}
	if candidates != 0 && candidates != 2 {
		t.Errorf("%d candidates", candidates)
	}
	if _, lite := answer.Attribute("ice-lite"); !lite {
		t.Error("a=ice-lite is missing")
	}
}

// summary is what an offer came to, a line a section.
func summary(next *Transport) string {
	var b strings.Builder
	for _, s := range next.Sections {
		b.WriteString(s.Mid + " " + s.Kind.String() + " ")
		switch {
		case s.Rejected:
			b.WriteString("rejected: " + s.Reason)
		case s.Kind == Application:
			b.WriteString("channels")
		default:
			b.WriteString(s.Direction.String())
			for _, c := range s.Codecs {
				b.WriteString(" " + c.Name + ":" + payloadType(c.PayloadType))
				if c.RTX != 0 {
					b.WriteString("/" + payloadType(c.RTX))
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestRealOffers(t *testing.T) {
	files, err := filepath.Glob("testdata/*.sdp")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".sdp")
		t.Run(name, func(t *testing.T) {
			offer := fixture(t, name)
			if name == "gstreamer-unbundled" {
				_, _, err := Answer(nil, offer, testLocal())
				wantError(t, err, protocol.CodeUnsupported, "BUNDLE")
				return
			}
			local := testLocal()
			local.Simulcast = true // as the server answers
			next, answer := mustAnswer(t, nil, offer, local)
			golden := filepath.Join("testdata", name+".answer")
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(answer), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), answer); diff != "" {
				t.Errorf("the answer is another than before (UPDATE=1 accepts it):\n%s", diff)
			}
			t.Log("\n" + summary(next))

			// The same offer again changes nothing but the version.
			again, _ := mustAnswer(t, next, offer, local)
			again.Version = next.Version
			if diff := cmp.Diff(next, again); diff != "" {
				t.Errorf("the same offer again:\n%s", diff)
			}
		})
	}
}

func TestChromiumCall(t *testing.T) {
	next, answer := mustAnswer(t, nil, fixture(t, "chromium-call"), testLocal())
	if len(next.Sections) != 11 {
		t.Fatal(summary(next))
	}
	audio, video := next.Sections[0], next.Sections[1]
	if audio.Direction != RecvOnly || video.Direction != RecvOnly || len(video.Recv.SSRCs) != 1 || len(video.Recv.FID) != 1 ||
		video.Recv.FID[0].Primary != video.Recv.SSRCs[0] || video.Recv.CNAME == "" || !strings.Contains(video.Recv.MSID, " ") {
		t.Errorf("published: %+v %+v", audio.Recv, video.Recv)
	}
	if c := audio.Codecs[0]; c.Name != "opus" || c.PayloadType != 111 || c.Fmtp != "minptime=10;useinbandfec=1" || !c.TransportCC {
		t.Errorf("%+v", c)
	}
	if c := audio.Codecs[1]; c.Name != "red" || c.PayloadType != 63 || c.Fmtp != "111/111" {
		t.Errorf("%+v", c)
	}
	if c := video.Codecs[0]; c.Name != "VP8" || c.PayloadType != 96 || c.RTX != 97 || !c.NACK || !c.PLI || !c.FIR || !c.TransportCC || !c.REMB {
		t.Errorf("%+v", c)
	}
	for _, s := range next.Sections[2:10] {
		if s.Direction != SendOnly || s.Send.SSRC == 0 || (s.Send.RTX != 0) != (s.Kind == Video) || s.Send.CNAME != "tertulia" || s.Send.MSID != fmt.Sprintf("slot-%d %v-%d", s.Send.Ordinal, s.Kind, s.Send.Ordinal) {
			t.Errorf("slot %+v", s)
		}
		if !strings.Contains(answer, "a=msid:"+s.Send.MSID+"\r\n") {
			t.Errorf("no msid of slot %s", s.Mid)
		}
		if s.Extension(MidURI) == 0 || s.Extension(TransportCCURI) == 0 || s.Extension(AbsSendTimeURI) != 0 {
			t.Errorf("slot %s: %v", s.Mid, s.Extensions)
		}
	}
	if a := next.Application(); a == nil || a.Mid != "10" || a.SCTPPort != 5000 || a.MaxMessageSize != 262144 {
		t.Errorf("%+v", a)
	}
	if !next.ExtmapAllowMixed || !next.Peer.Trickle || len(next.Peer.Fingerprint) != 32 || next.Peer.FingerprintHash != "sha-256" || len(next.Peer.Ufrag) < 4 {
		t.Errorf("%+v", next.Peer)
	}
}

func TestSimulcast(t *testing.T) {
	for _, name := range []string{"chromium-simulcast", "firefox-simulcast"} {
		local := testLocal()
		next, answer := mustAnswer(t, nil, fixture(t, name), local)
		if len(next.Sections[1].Recv.RIDs) != 0 || strings.Contains(answer, "simulcast") || strings.Contains(answer, "a=rid") {
			t.Errorf("%s: accepted unasked", name)
		}
		local.Simulcast = true
		next, answer = mustAnswer(t, nil, fixture(t, name), local)
		if !slices.Equal(next.Sections[1].Recv.RIDs, []string{"q", "h", "f"}) || !strings.Contains(answer, "a=simulcast:recv q;h;f\r\n") || !strings.Contains(answer, "a=rid:h recv\r\n") {
			t.Errorf("%s: %v\n%s", name, next.Sections[1].Recv.RIDs, answer)
		}
		if s := next.Sections[1]; s.Extension(RIDURI) == 0 || s.Extension(RepairedRIDURI) == 0 {
			t.Errorf("%s: %v", name, s.Extensions)
		}
	}
}

// What the choice of layers and congestion control live on is agreed to in both
// directions whenever a browser offers it: in the sections that it publishes in
// as in its slots.
func TestWhatBrowsersOfferForLayersAndCongestion(t *testing.T) {
	slots, published, layered := 0, 0, 0
	for _, name := range []string{
		"chromium-call", "chromium-max-bundle", "chromium-sendrecv", "chromium-simulcast", "chromium-layers", "chromium-svc",
		"firefox-call", "firefox-max-bundle", "firefox-sendrecv", "firefox-simulcast", "firefox-layers",
	} {
		offer := fixture(t, name)
		local := testLocal()
		local.Simulcast = true
		next, answer := mustAnswer(t, nil, offer, local)
		theirs, ours := parsed(t, offer), parsed(t, answer)
		for i, s := range next.Sections {
			if s.Kind == Application {
				continue
			}
			if s.Direction.Sends() {
				slots++
			} else {
				published++
			}
			if s.Rejected {
				t.Errorf("%s: section %s is rejected: %s", name, s.Mid, s.Reason)
				continue
			}
			lines := func(d *psdp.SessionDescription) string {
				var b strings.Builder
				for _, a := range d.MediaDescriptions[i].Attributes {
					b.WriteString(a.String() + "\n")
				}
				return b.String()
			}
			offered, answered := lines(theirs), lines(ours)
			for _, uri := range []string{MidURI, TransportCCURI, DependencyDescriptorURI, RIDURI, RepairedRIDURI} {
				if strings.Contains(offered, uri) && (!strings.Contains(answered, uri) || s.Extension(uri) == 0) {
					t.Errorf("%s: section %s lacks %s", name, s.Mid, uri)
				}
			}
			for _, c := range s.Codecs {
				pt := payloadType(c.PayloadType)
				for feedback, agreed := range map[string]bool{
					"transport-cc": c.TransportCC, "goog-remb": c.REMB, "nack": c.NACK, "nack pli": c.PLI, "ccm fir": c.FIR,
				} {
					line := "rtcp-fb:" + pt + " " + feedback + "\n"
					if strings.Contains(offered, line) && (!agreed || !strings.Contains(answered, line)) {
						t.Errorf("%s: section %s, %s lacks %s", name, s.Mid, c.Name, feedback)
					}
				}
				if strings.Contains(offered, " apt="+pt+"\n") && c.RTX == 0 {
					t.Errorf("%s: section %s, %s lacks RTX", name, s.Mid, c.Name)
				}
			}
			if s.Kind == Video && (s.Extension(TransportCCURI) == 0 || !s.Codecs[0].TransportCC || !s.Codecs[0].REMB || !s.Codecs[0].PLI || s.Codecs[0].RTX == 0) {
				t.Errorf("%s: section %s: %+v %v", name, s.Mid, s.Codecs[0], s.Extensions)
			}
			if s.Extension(DependencyDescriptorURI) != 0 {
				layered++
			}
		}
	}
	if slots < 20 || published < 12 || layered < 12 {
		t.Errorf("only %d slots and %d published sections were looked at, %d of them with the dependency descriptor", slots, published, layered)
	}
}

// A publisher that sends in layers keeps them, and its slots, through later offers.
func TestLayersStay(t *testing.T) {
	for _, name := range []string{"chromium-layers", "firefox-layers"} {
		local := testLocal()
		local.Simulcast = true
		offer := fixture(t, name)
		next, _ := mustAnswer(t, nil, offer, local)
		again, answer := mustAnswer(t, next, offer, local)
		i := slices.IndexFunc(again.Sections, func(s Section) bool { return len(s.Recv.RIDs) > 0 })
		if i < 0 || !slices.Equal(again.Sections[i].Recv.RIDs, []string{"q", "h", "f"}) || again.Sections[i].Direction != RecvOnly {
			t.Errorf("%s: %s", name, summary(again))
		}
		if n := strings.Count(answer, "a=simulcast:"); n != 1 {
			t.Errorf("%s: %d lines of simulcast", name, n)
		}
		if !slices.EqualFunc(next.Sections, again.Sections, func(a, b Section) bool { return a.Send == b.Send }) {
			t.Errorf("%s: the slots have other SSRCs", name)
		}
	}
}

// aiortc uses payload type 96 for Opus, gives each section credentials of its
// own until it knows that we bundle, uses one extension id twice, and speaks
// the old syntax of data channels.
func TestAiortc(t *testing.T) {
	offer := fixture(t, "aiortc-sendrecv")
	next, answer := mustAnswer(t, nil, offer, testLocal())
	if c := next.Sections[0].Codecs[0]; c.Name != "opus" || c.PayloadType != 96 {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(offer[:strings.Index(offer, "m=video")], "a=ice-ufrag:"+next.Peer.Ufrag+"\r\n") {
		t.Errorf("%s is not the ufrag of the first section", next.Peer.Ufrag)
	}
	audio, video := next.Sections[0], next.Sections[1]
	if audio.Extension(AudioLevelURI) != 2 || video.Extension(AbsSendTimeURI) != 0 || video.Extension(MidURI) != 1 {
		t.Errorf("%v, %v", audio.Extensions, video.Extensions)
	}
	if audio.Direction != SendRecv || audio.Send.SSRC == 0 || len(audio.Recv.SSRCs) != 1 {
		t.Errorf("a section both ways publishes and is a slot: %+v", audio)
	}
	for _, line := range []string{"m=application 9 DTLS/SCTP 5000\r\n", "a=sctpmap:5000 webrtc-datachannel 1024\r\n", "a=max-message-size:65536\r\n"} {
		if !strings.Contains(answer, line) {
			t.Errorf("no %q in\n%s", line, answer)
		}
	}
}

func wantError(t testing.TB, err error, code protocol.Code, words ...string) {
	t.Helper()
	var e *protocol.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error %v (%T), want code %s", err, err, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(e.Message, w) {
			t.Errorf("%q is not in: %s", w, e.Message)
		}
	}
}
