package sdp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
)

const fingerprint = "sha-256 74:20:23:EE:EF:CB:64:33:F4:C7:B3:20:A8:A7:9B:AE:3F:2D:5F:EE:D1:06:7F:C6:70:E0:18:92:6C:CC:47:00"

// lines joins lines of SDP.
func lines(list ...string) string { return strings.Join(list, "\r\n") + "\r\n" }

// session makes an offer of sections, bundled by their mids.
func session(bundle string, sections ...string) string {
	head := []string{"v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"}
	if bundle != "" {
		head = append(head, "a=group:BUNDLE "+bundle)
	}
	head = append(head, "a=ice-ufrag:abcd", "a=ice-pwd:7j2Lir42AxwCwJ9P2do5mnix", "a=fingerprint:"+fingerprint, "a=setup:actpass")
	return lines(head...) + strings.Join(sections, "")
}

// audio and video make sections of one codec.
func audio(mid, direction string, more ...string) string {
	return lines(append([]string{
		"m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:" + mid, "a=" + direction, "a=rtcp-mux",
		"a=extmap:4 " + MidURI, "a=rtpmap:111 opus/48000/2",
	}, more...)...)
}

func video(mid, direction string, more ...string) string {
	return lines(append([]string{
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=mid:" + mid, "a=" + direction, "a=rtcp-mux",
		"a=extmap:4 " + MidURI, "a=rtpmap:96 VP8/90000", "a=rtcp-fb:* nack", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96",
	}, more...)...)
}

// stopped gives a section that has port 0.
func stopped(section string) string { return strings.Replace(section, " 9 ", " 0 ", 1) }

// replaced gives text with all that is from turned to to; there must be some.
func replaced(t *testing.T, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("%q is not in\n%s", from, text)
	}
	return strings.ReplaceAll(text, from, to)
}

func TestRefusals(t *testing.T) {
	a := audio("0", "sendonly")
	replace := func(from, to string) string { return replaced(t, session("0", a), from, to) }
	manySlots := func(n int) string {
		var mids, sections []string
		for i := range n {
			mids = append(mids, fmt.Sprint(i))
			sections = append(sections, audio(fmt.Sprint(i), "recvonly"))
		}
		return session(strings.Join(mids, " "), sections...)
	}
	for _, test := range []struct {
		name, offer string
		code        protocol.Code
		words       []string
	}{
		{"empty", "", protocol.CodeBadRequest, []string{"SDP"}},
		{"no m-line", session(""), protocol.CodeBadRequest, []string{"no m-line"}},
		{"not SDP", "hello\r\n", protocol.CodeBadRequest, []string{"line 1", "hello"}},
		{"too large", strings.Repeat("a=x\r\n", MaxSize/5+1), protocol.CodeBadRequest, []string{"bytes"}},
		{"a long line", session("0", a, "a=x:"+strings.Repeat("y", maxLine)+"\r\n"), protocol.CodeBadRequest, []string{"line 17", "bytes"}},
		{"many lines", session("0", a, strings.Repeat("a=x\r\n", maxLines)), protocol.CodeBadRequest, []string{"lines"}},
		{"many m-lines", session("", strings.Repeat("m=audio 0 X 0\r\n", MaxSections+1)), protocol.CodeBadRequest, []string{"200"}},
		{"many slots", manySlots(protocol.MaxSlots + 1), protocol.CodeLimit, []string{"65", "64"}},
		{"ICE-lite", replace("a=setup:actpass", "a=setup:actpass\r\na=ice-lite"), protocol.CodeUnsupported, []string{"ice-lite"}},
		{"passive", replace("actpass", "passive"), protocol.CodeUnsupported, []string{"m-section 1 (audio, mid \"0\", line 10)", "passive"}},
		{"holdconn", replace("actpass", "holdconn"), protocol.CodeBadRequest, []string{"holdconn"}},
		{"short ufrag", replace("ufrag:abcd", "ufrag:ab"), protocol.CodeBadRequest, []string{"ice-ufrag"}},
		{"no pwd", replace("a=ice-pwd", "a=x"), protocol.CodeBadRequest, []string{"ice-pwd"}},
		{"no fingerprint", replace("a=fingerprint", "a=x"), protocol.CodeBadRequest, []string{"fingerprint is missing"}},
		{"SHA-1", replace("sha-256", "sha-1"), protocol.CodeUnsupported, []string{"sha-1"}},
		{"short fingerprint", replace(":47:00", ":47"), protocol.CodeBadRequest, []string{"32 bytes"}},
		{"two fingerprints", session("0 1", a, video("1", "sendonly", "a=fingerprint:"+strings.Replace(fingerprint, "74", "75", 1))), protocol.CodeBadRequest, []string{"m-section 2", "m-section 1"}},
		{"no rtcp-mux", replace("a=rtcp-mux", "a=x"), protocol.CodeUnsupported, []string{"rtcp-mux"}},
		{"profile", replace("UDP/TLS/RTP/SAVPF", "UDP/TLS/SCTP"), protocol.CodeUnsupported, []string{"UDP/TLS/SCTP"}},
		{"mid twice", session("0", a, a), protocol.CodeBadRequest, []string{"m-section 2", "same mid"}},
		{"mid is no token", session("", audio("a b", "sendonly")), protocol.CodeBadRequest, []string{"token"}},
		{"long mid", session("", audio(strings.Repeat("x", 65), "sendonly")), protocol.CodeBadRequest, []string{"mid"}},
		{"several transports", session("", a, video("1", "sendonly")), protocol.CodeUnsupported, []string{"m-section 1", "BUNDLE"}},
		{"one section outside the bundle", session("0", a, video("1", "sendonly")), protocol.CodeUnsupported, []string{"m-section 2", "BUNDLE"}},
		{"two bundles", replace("a=group:BUNDLE 0", "a=group:BUNDLE 0\r\na=group:BUNDLE 0"), protocol.CodeUnsupported, []string{"several"}},
		{"bundle of nothing known", session("0 1", a), protocol.CodeBadRequest, []string{"mids"}},
		{"bundle of another", session("7", a), protocol.CodeBadRequest, []string{`"7"`}},
		{"payload type", replace("SAVPF 111", "SAVPF 111 128"), protocol.CodeBadRequest, []string{"128"}},
		{"payload type twice", replace("SAVPF 111", "SAVPF 111 111"), protocol.CodeBadRequest, []string{"twice"}},
		{"payload type of two meanings", session("0 1", a, strings.ReplaceAll(video("1", "sendonly"), "96", "111")), protocol.CodeBadRequest, []string{"m-section 2", "111", "opus", "VP8"}},
		{"rtpmap", replace("opus/48000/2", "opus"), protocol.CodeBadRequest, []string{"rtpmap"}},
		{"extmap", replace("extmap:4", "extmap:x"), protocol.CodeBadRequest, []string{"extmap"}},
		{"SSRC", session("0", audio("0", "sendonly", "a=ssrc:x cname:y")), protocol.CodeBadRequest, []string{"SSRC"}},
		{"SSRC in two sections", session("0 1", audio("0", "sendonly", "a=ssrc:5 cname:y"), video("1", "sendonly", "a=ssrc:5 cname:y")), protocol.CodeBadRequest, []string{"SSRC 5"}},
		{"rid", session("0", video("0", "sendonly", "a=simulcast:send a b")), protocol.CodeBadRequest, []string{"rid"}},
		{"nothing in common", session("0", strings.Replace(a, "opus", "speex", 1)), protocol.CodeUnsupported, []string{"m-section 1", "codec"}},
		{"nothing in use", session("", stopped(a)), protocol.CodeUnsupported, []string{"not in use"}},
		{"SCTP port", session("", lines("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:0", "a=sctp-port:99999")), protocol.CodeBadRequest, []string{"sctp-port"}},
		{"plain SCTP", session("", lines("m=application 9 SCTP 5000", "a=mid:0")), protocol.CodeUnsupported, []string{"SCTP"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			next, answer, err := Answer(nil, test.offer, testLocal())
			wantError(t, err, test.code, test.words...)
			if next != nil || answer != "" {
				t.Error("there is an answer beside the error")
			}
		})
	}
}

// renegotiation offers to a transport one after the other.
type renegotiation struct {
	t     *testing.T
	local Local
	state *Transport
	last  string // answer
}

func (r *renegotiation) offer(text string) *Transport {
	r.t.Helper()
	r.state, r.last = mustAnswer(r.t, r.state, text, r.local)
	return r.state
}

func (r *renegotiation) refuse(text string, code protocol.Code, words ...string) {
	r.t.Helper()
	_, _, err := Answer(r.state, text, r.local)
	wantError(r.t, err, code, words...)
}

func TestSlotsKeepTheirSSRCs(t *testing.T) {
	r := renegotiation{t: t, local: testLocal()}
	first := r.offer(session("0 1", audio("0", "recvonly"), video("1", "recvonly")))
	a, v := first.Sections[0].Send, first.Sections[1].Send
	if a.SSRC == 0 || a.RTX != 0 || v.SSRC == 0 || v.RTX == 0 || v.RTX == v.SSRC {
		t.Fatalf("%+v %+v", a, v)
	}
	for _, line := range []string{fmt.Sprintf("a=ssrc-group:FID %d %d\r\n", v.SSRC, v.RTX), fmt.Sprintf("a=ssrc:%d cname:tertulia\r\n", v.RTX)} {
		if !strings.Contains(r.last, line) {
			t.Errorf("no %q in\n%s", line, r.last)
		}
	}
	// Inactive for a while, more slots, and back.
	next := r.offer(session("0 1 2", audio("0", "inactive"), video("1", "inactive"), video("2", "recvonly")))
	if next.Sections[0].Direction != Inactive || strings.Contains(r.last[:strings.Index(r.last, "m=video")], "a=ssrc") {
		t.Errorf("%+v\n%s", next.Sections[0], r.last)
	}
	next = r.offer(session("0 1 2", audio("0", "recvonly"), video("1", "sendrecv"), video("2", "recvonly")))
	if next.Sections[0].Send != a || next.Sections[1].Send != v {
		t.Errorf("%+v %+v", next.Sections[0].Send, next.Sections[1].Send)
	}
	if next.Sections[2].Send.SSRC == v.SSRC || next.Sections[2].Send.SSRC == 0 {
		t.Errorf("%+v", next.Sections[2].Send)
	}
}

// Slots of both kinds are numbered from 1, and slots with the same number are one
// stream to the receiver; a number that has become free is given again.
func TestSlotsArePaired(t *testing.T) {
	msids := func(next *Transport) (all []string) {
		for _, s := range next.Sections {
			all = append(all, s.Send.MSID)
		}
		return all
	}
	r := renegotiation{t: t, local: testLocal()}
	next := r.offer(session("p 0 1 2 3", audio("p", "sendonly"), audio("0", "recvonly"), audio("1", "recvonly"), video("2", "recvonly"), video("3", "recvonly")))
	want := []string{"", "slot-1 audio-1", "slot-2 audio-2", "slot-1 video-1", "slot-2 video-2"}
	if got := msids(next); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if !strings.Contains(r.last, "a=msid:slot-2 video-2\r\n") {
		t.Error(r.last)
	}
	r.offer(session("p 1 2 3", audio("p", "sendonly"), stopped(audio("0", "inactive")), audio("1", "recvonly"), video("2", "recvonly"), video("3", "recvonly")))
	next = r.offer(session("p v 1 2 3 a", audio("p", "sendonly"), video("v", "recvonly"), audio("1", "recvonly"), video("2", "recvonly"), video("3", "recvonly"), audio("a", "recvonly")))
	want = []string{"", "slot-3 video-3", "slot-2 audio-2", "slot-1 video-1", "slot-2 video-2", "slot-1 audio-1"}
	if got := msids(next); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestTakenSSRCsAreNotDrawn(t *testing.T) {
	r := renegotiation{t: t, local: testLocal()}
	draws := []uint32{0, 5, 6, 7, 7, 8}
	r.local.NewSSRC = func() uint32 { s := draws[0]; draws = draws[1:]; return s }
	next := r.offer(session("0 1", video("0", "recvonly"), video("1", "sendonly", "a=ssrc-group:FID 5 6", "a=ssrc:5 cname:x", "a=ssrc:6 cname:x")))
	if s := next.Sections[0].Send; s.SSRC != 7 || s.RTX != 8 {
		t.Errorf("%+v", s)
	}
}

func TestPublishingEnds(t *testing.T) {
	r := renegotiation{t: t, local: testLocal()}
	source := []string{"a=msid:stream track", "a=ssrc:5 cname:x"}
	next := r.offer(session("0", audio("0", "sendonly", source...)))
	if s := next.Sections[0]; s.Direction != RecvOnly || len(s.Recv.SSRCs) != 1 || s.Recv.MSID != "stream track" || s.Recv.CNAME != "x" {
		t.Errorf("%+v", s)
	}
	next = r.offer(session("0", audio("0", "inactive", source...)))
	if s := next.Sections[0]; s.Direction != Inactive || len(s.Recv.SSRCs) != 0 || s.Recv.MSID != "" {
		t.Errorf("%+v", s)
	}
}

// "If any m= section is rejected or stopped, its place may be recycled by one
// with a new mid" (RFC 8829 section 5.2.2).
func TestRecycledSection(t *testing.T) {
	r := renegotiation{t: t, local: testLocal()}
	first := r.offer(session("0 1", audio("0", "recvonly"), video("1", "recvonly")))
	r.refuse(session("0 2", audio("0", "recvonly"), video("2", "recvonly")), protocol.CodeBadRequest, "m-section 2", `"1"`)
	r.refuse(session("0 1", audio("0", "recvonly"), audio("1", "recvonly")), protocol.CodeBadRequest, "m-section 2", "video before")
	r.refuse(session("0", audio("0", "recvonly")), protocol.CodeBadRequest, "1 m-sections", "had 2")
	next := r.offer(session("0", audio("0", "recvonly"), stopped(video("1", "inactive"))))
	if s := next.Sections[1]; !s.Rejected || s.Send.SSRC != 0 || next.Section("1") != nil || !strings.Contains(r.last, "m=video 0 ") {
		t.Errorf("%+v\n%s", s, r.last)
	}
	if !strings.Contains(r.last, "a=group:BUNDLE 0\r\n") {
		t.Error(r.last)
	}
	next = r.offer(session("0 v2", audio("0", "recvonly"), audio("v2", "recvonly")))
	if s := next.Sections[1]; s.Rejected || s.Kind != Audio || s.Send.SSRC == 0 || s.Send.SSRC == first.Sections[1].Send.SSRC {
		t.Errorf("%+v", s)
	}
	if next.Sections[0].Send != first.Sections[0].Send {
		t.Errorf("%+v", next.Sections[0].Send)
	}
	// Everything stops; the transport keeps what it knows of the peer.
	next = r.offer(session("", stopped(audio("0", "inactive")), stopped(audio("v2", "inactive"))))
	if next.Peer.Ufrag != "abcd" {
		t.Errorf("%+v", next.Peer)
	}
	r.offer(session("n", audio("n", "sendonly"), stopped(audio("v2", "inactive"))))
}

func TestRestart(t *testing.T) {
	r := renegotiation{t: t, local: testLocal()}
	first := r.offer(session("0", audio("0", "recvonly")))
	offer := strings.Replace(session("0", audio("0", "recvonly")), "abcd", "efgh", 1)
	d, err := Parse(offer)
	if err != nil || !d.Restarts(first) || d.Restarts(nil) {
		t.Error(err, d.Restarts(first))
	}
	r.local.Ufrag = "aNEW"
	next := r.offer(offer)
	if !next.Restarted(first) || next.Restarted(next) || next.Restarted(nil) || next.Sections[0].Send != first.Sections[0].Send {
		t.Error("a restart is not seen, or loses slots")
	}
	if !strings.Contains(r.last, "a=ice-ufrag:aNEW\r\n") {
		t.Error(r.last)
	}
	r.refuse(strings.Replace(offer, "74:20", "74:21", 1), protocol.CodeUnsupported, "certificate")
}

func TestPayloadTypesInMidCall(t *testing.T) {
	r := renegotiation{t: t, local: testLocal()}
	r.offer(session("0", video("0", "sendonly")))
	for _, replace := range [][2]string{{"VP8", "VP9"}, {"VP8/90000", "rtx/90000"}, {"rtx/90000", "H264/90000"}} {
		offer := strings.Replace(session("0", video("0", "sendonly")), replace[0], replace[1], 1)
		r.refuse(offer, protocol.CodeBadRequest, "m-section 1", "before", "RFC 3264")
	}
	// The same codec may move to a payload type that had no meaning.
	moved := strings.NewReplacer("96", "100", "97", "101").Replace(session("0", video("0", "sendonly")))
	if c := r.offer(moved).Sections[0].Codecs[0]; c.PayloadType != 100 || c.RTX != 101 {
		t.Errorf("%+v", c)
	}
}

func TestOrderOfTheRoom(t *testing.T) {
	for _, test := range []struct {
		room []string
		want string
	}{
		{nil, "VP8:96/97 VP9:98/99 VP9:100/101 H264:108/109"},
		{[]string{"h264", "VP8"}, "H264:108/109 H264:114/115 H264:102/103 H264:104/107 H264:116/117 H264:39/40 VP8:96/97 VP9:98/99"},
		{[]string{"AV1"}, "AV1:45/46 VP8:96/97"},
	} {
		local := testLocal()
		local.Codecs = test.room
		next, answer := mustAnswer(t, nil, fixture(t, "chromium-call"), local)
		if got := strings.Split(summary(next), "\n")[1]; !strings.HasPrefix(got, "1 video recvonly "+test.want) {
			t.Errorf("%v: %s", test.room, got)
		}
		c := next.Sections[1].Codecs[0]
		if !strings.Contains(answer, fmt.Sprintf("m=video 9 UDP/TLS/RTP/SAVPF %d %d ", c.PayloadType, c.RTX)) {
			t.Errorf("%v: the m-line has another order", test.room)
		}
	}
}

// A publisher that puts RED first wants to send it; a room that names it has
// the last word.
func TestOrderOfRED(t *testing.T) {
	const maps = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=fmtp:111 stereo=1;useinbandfec=1;usedtx=1;sprop-stereo=1"
	opusFirst := strings.Replace(session("0", audio("0", "sendonly", maps)), "SAVPF 111", "SAVPF 111 63", 1)
	redFirst := strings.Replace(opusFirst, "111 63", "63 111", 1)
	for _, test := range []struct {
		offer string
		room  []string
		want  string
	}{
		{opusFirst, nil, "opus:111 red:63"},
		{redFirst, nil, "red:63 opus:111"},
		{redFirst, []string{"VP8", "opus"}, "red:63 opus:111"},
		{redFirst, []string{"opus", "red"}, "opus:111 red:63"},
		{opusFirst, []string{"red", "opus"}, "red:63 opus:111"},
		{strings.Replace(redFirst, "111/111", "0/0", 1), nil, "opus:111"},
		{strings.Replace(redFirst, "a=fmtp:63 111/111\r\n", "", 1), nil, "opus:111"},
	} {
		local := testLocal()
		local.Codecs = test.room
		next, answer := mustAnswer(t, nil, test.offer, local)
		if got, want := summary(next), "0 audio recvonly "+test.want+"\n"; got != want {
			t.Errorf("%v: %s, want %s", test.room, got, want)
		}
		if !strings.Contains(answer, "a=fmtp:111 stereo=1;useinbandfec=1;usedtx=1\r\n") {
			t.Errorf("fmtp of opus:\n%s", answer)
		}
	}
}

func TestSectionsRejectedByThemselves(t *testing.T) {
	r := renegotiation{t: t, local: testLocal()}
	data := func(mid string) string {
		return lines("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:"+mid, "a=sctp-port:5000")
	}
	next := r.offer(session("0 1 2 3 4",
		strings.Replace(video("0", "sendonly"), "VP8", "H265", 1),
		lines("m=text 9 UDP/TLS/RTP/SAVPF 98", "a=mid:1", "a=rtcp-mux", "a=rtpmap:98 t140/1000"),
		audio("2", "sendonly"), data("3"), data("4")))
	want := "0 video rejected: no codec in common\n1 unknown rejected: media of this kind are not supported\n" +
		"2 audio recvonly opus:111\n3 application channels\n4 application rejected: there is another section of data channels\n"
	if got := summary(next); got != want {
		t.Errorf("%s", got)
	}
	for _, line := range []string{"m=text 0 UDP/TLS/RTP/SAVPF 98\r\n", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n", "a=group:BUNDLE 2 3\r\n"} {
		if !strings.Contains(r.last, line) {
			t.Errorf("no %q in\n%s", line, r.last)
		}
	}
}

func TestForeignPeersWithoutBundleOrMid(t *testing.T) {
	offer := strings.Replace(session("", audio("0", "sendrecv")), "a=mid:0\r\n", "", 1)
	next, answer := mustAnswer(t, nil, offer, testLocal())
	if s := next.Sections[0]; s.Mid != "0" || s.Direction != SendRecv || s.Send.SSRC == 0 {
		t.Errorf("%+v", s)
	}
	if strings.Contains(answer, "a=mid") || strings.Contains(answer, "BUNDLE") {
		t.Errorf("not offered:\n%s", answer)
	}
}

func TestCarrying(t *testing.T) {
	next, _ := mustAnswer(t, nil, fixture(t, "chromium-call"), testLocal())
	slot := next.Section("3")
	for _, test := range []struct {
		stream codec.Codec
		want   uint8 // 0: none
	}{
		{codec.Codec{Name: "VP8", ClockRate: 90000}, 96},
		{codec.Codec{Name: "VP9", ClockRate: 90000, Fmtp: "profile-id=2"}, 100},
		{codec.Codec{Name: "H264", ClockRate: 90000, Fmtp: "packetization-mode=1;profile-level-id=42e034"}, 108},
		{codec.Codec{Name: "H264", ClockRate: 90000, Fmtp: "packetization-mode=1;profile-level-id=58001f"}, 0},
		{codec.Codec{Name: "H265", ClockRate: 90000}, 0},
	} {
		c := slot.Carrying(test.stream)
		if (c == nil) != (test.want == 0) || c != nil && c.PayloadType != test.want {
			t.Errorf("%+v: %+v", test.stream, c)
		}
	}
	if c, rtx, ok := slot.Codec(97); !ok || !rtx || c.PayloadType != 96 {
		t.Errorf("%+v, %v, %v", c, rtx, ok)
	}
	if _, _, ok := slot.Codec(1); ok {
		t.Error("payload type 1 is not there")
	}
}
