package media

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun/v3"
	"github.com/pion/webrtc/v4"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// besieged is a call between two peers behind NATs, and what can be known about
// it: a hostile one is told everything but the keys.
type besieged struct {
	*rig
	from, to         *client
	nats             []*relay
	received         *atomic.Int64
	keyframeRequests *atomic.Int64
	answers          []string
	goroutines       int
	heap             uint64
}

func besiege(t *testing.T, shards int) *besieged {
	t.Helper()
	b := &besieged{rig: newRig(t, shards)}
	b.from, b.to = b.newClient(1), b.newClient(2)
	b.keyframeRequests = publish(t, b.from)
	b.received = receive(t, b.to, 1)
	for _, c := range []*client{b.from, b.to} {
		nat := newRelay(t, b.address())
		b.nats = append(b.nats, nat)
		b.negotiate(c, func(answer string) string {
			b.answers = append(b.answers, answer)
			return nat.only(answer)
		})
	}
	b.carry(b.from, b.to)
	b.awaitConnected(b.from.id)
	b.awaitConnected(b.to.id)
	b.goesOn("before anything happened")
	b.goroutines, b.heap = runtime.NumGoroutine(), heap()
	return b
}

func (b *besieged) address() netip.AddrPort { return b.worker.shards[0].udp.LocalAddr() }

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// goesOn fails unless packets arrive, the worker answers, and nobody was
// disconnected.
func (b *besieged) goesOn(when string) {
	b.t.Helper()
	before := b.received.Load()
	waitFor(b.t, "media "+when, func() bool { return b.received.Load() > before+15 })
	b.must(protocol.ListRoom{})
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if c, ok := e.body.(protocol.TransportChanged); ok && c.State != protocol.TransportConnected && (c.Participant == b.from.id || c.Participant == b.to.id) {
			b.t.Fatalf("%s: %+v", when, c)
		}
	}
}

// settles fails unless goroutines and memory come back to about what they were.
func (b *besieged) settles(goroutines int, megabytes uint64) {
	b.t.Helper()
	waitFor(b.t, "an end of goroutines", func() bool { return runtime.NumGoroutine() <= b.goroutines+goroutines })
	if now := heap(); now > b.heap+megabytes<<20 {
		b.t.Errorf("%d MB are in use, it was %d", now>>20, b.heap>>20)
	}
}

// inShards runs f on the loop of each shard.
func (b *besieged) inShards(f func(s *shard)) {
	b.t.Helper()
	for _, s := range b.worker.shards {
		done := make(chan struct{})
		s.post(func(time.Time) { f(s); close(done) })
		<-done
	}
}

func attribute(sdp, name string) string {
	m := regexp.MustCompile(`(?m)^a=` + name + `:(\S+)`).FindStringSubmatch(sdp)
	if m == nil {
		return ""
	}
	return m[1]
}

func check(username, pwd string, more ...stun.Setter) []byte {
	setters := append([]stun.Setter{stun.BindingRequest, stun.TransactionID, stun.NewUsername(username),
		stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{0x7e, 0xff, 0xff, 0xff}},
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, 8)},
		stun.RawAttribute{Type: stun.AttrUseCandidate},
	}, more...)
	return stun.MustBuild(append(setters, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)...).Raw
}

// garbage makes datagrams of all protocols that are wrong in all manners;
// ufrags are such as the server knows.
func garbage(random *rand.Rand, ufrags []string) []byte {
	noise := make([]byte, random.IntN(1400))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	with := func(first ...byte) []byte { return append(first, noise...) }
	username := ufrags[random.IntN(len(ufrags))] + ":abcd"
	switch random.IntN(12) {
	case 0:
		return check("nobodyis:here", "a password that nobody has")
	case 1:
		return check(username, "a password that nobody has")
	case 2:
		return check(username, "a password that nobody has", stun.RawAttribute{Type: stun.AttrSoftware, Value: make([]byte, 1100)})
	case 3: // lengths that lie
		m := check(username, "x")
		binary.BigEndian.PutUint16(m[2:], uint16(random.Uint32()))
		return m
	case 4: // an attribute that lies
		m := check(username, "x")
		binary.BigEndian.PutUint16(m[22:], uint16(random.Uint32()))
		return m
	case 5: // without integrity; or an answer, an error, an indication
		kinds := []stun.MessageType{stun.BindingRequest, stun.BindingSuccess, stun.BindingError, stun.NewType(stun.MethodBinding, stun.ClassIndication)}
		return stun.MustBuild(kinds[random.IntN(len(kinds))], stun.TransactionID, stun.NewUsername(username), stun.Fingerprint).Raw
	case 6: // DTLS: a ClientHello, an alert, data
		return with([]byte{22, 21, 23, 20}[random.IntN(4)], 0xfe, 0xfd, 0, byte(random.IntN(2)), 0, 0, 0, 0, 0, byte(random.Uint32()), byte(len(noise)>>8), byte(len(noise)), 1)
	case 7:
		return with(22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)
	case 8: // RTP
		return with(0x80|byte(random.IntN(64)), byte(random.IntN(64)))
	case 9: // RTCP
		return with(0x80|byte(random.IntN(64)), 192+byte(random.IntN(32)))
	case 10:
		return nil
	}
	return noise
}

// A stranger sends all kinds of garbage to the media port, also from addresses
// that are the peers' own. Nobody is disturbed, and he gets no answer.
func TestAStrangerAtTheMediaPort(t *testing.T) {
	b := besiege(t, 2)
	var ufrags []string
	for _, answer := range b.answers {
		ufrags = append(ufrags, attribute(answer, "ice-ufrag"))
	}
	random := rand.New(rand.NewPCG(1, 2))
	server := net.UDPAddrFromAddrPort(b.address())
	var heard atomic.Int64
	var strangers []*net.UDPConn
	for range 8 {
		stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = stranger.Close() }()
		strangers = append(strangers, stranger)
		go func() {
			buffer := make([]byte, 2048)
			for {
				if _, _, err := stranger.ReadFromUDP(buffer); err != nil {
					return
				}
				heard.Add(1)
			}
		}()
	}
	for i := range 8000 {
		_, _ = strangers[i%len(strangers)].WriteToUDP(garbage(random, ufrags), server)
		if i%8 == 0 {
			nat := b.nats[i/8%2]
			nat.mu.Lock()
			_, _ = nat.outer.WriteToUDP(garbage(random, ufrags), server)
			nat.mu.Unlock()
		}
		if i%64 == 0 {
			time.Sleep(time.Millisecond) // else the kernel drops most of it
		}
	}
	b.goesOn("under garbage")
	if n := heard.Load(); n > 0 {
		t.Errorf("the stranger got %d datagrams", n)
	}
	b.inShards(func(s *shard) {
		for path, p := range s.byPath {
			for _, stranger := range strangers {
				if int(path.Remote.Port()) == stranger.LocalAddr().(*net.UDPAddr).Port {
					t.Errorf("the stranger's address belongs to %s", p.key.Participant)
				}
			}
		}
	})
	b.settles(20, 32)
}

// Connections to the TCP port that say nothing, little, or nonsense are bounded
// and end.
func TestAStrangerAtTheTCPPort(t *testing.T) {
	b := besiege(t, 1)
	random := rand.New(rand.NewPCG(3, 4))
	ufrag := attribute(b.answers[0], "ice-ufrag")
	framed := func(frame []byte) []byte {
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(frame))), frame...)
	}
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for i := range 200 {
		c, err := net.Dial("tcp", b.worker.tcp.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		switch i % 6 {
		case 0: // nothing
		case 1: // half a length
			_, _ = c.Write([]byte{0})
		case 2: // a frame that never ends
			_, _ = c.Write([]byte{0, 200, 1, 2, 3})
		case 3: // one too long
			_, _ = c.Write([]byte{0xff, 0xff, 0, 1})
		case 4: // no check
			_, _ = c.Write(framed(garbage(random, []string{ufrag})))
		case 5: // a false one, and then as if all were well
			_, _ = c.Write(framed(check(ufrag+":abcd", "a password that nobody has")))
			for range 50 {
				_, _ = c.Write(framed(garbage(random, []string{ufrag})))
			}
		}
	}
	b.goesOn("among slow connections")
	if s := b.worker.tcp.Stats(); s.Open > 64 || s.Refused == 0 {
		t.Errorf("200 connections from one address: %+v", s)
	}
	for _, c := range open {
		_ = c.Close()
	}
	waitFor(t, "an end of the connections", func() bool { return b.worker.tcp.Stats().Open == 0 })
	b.settles(20, 32)
}

// rawTrack lets a peer send whatever RTP it likes under its own keys.
type rawTrack struct {
	webrtc.TrackLocal
	writer chan webrtc.TrackLocalWriter
}

func (r *rawTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	r.writer <- c.WriteStream()
	return r.TrackLocal.Bind(c)
}

// mallory joins the call as a third participant, and publishes.
func (b *besieged) mallory(edit func(string) string) (m *client, answer string, send webrtc.TrackLocalWriter) {
	b.t.Helper()
	m = b.newClient(3)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "x", "y")
	if err != nil {
		b.t.Fatal(err)
	}
	raw := &rawTrack{track, make(chan webrtc.TrackLocalWriter, 1)}
	if _, err := m.AddTransceiverFromTrack(raw, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		b.t.Fatal(err)
	}
	receive(b.t, m, 1)
	if _, err := m.CreateDataChannel("tertulia", nil); err != nil {
		b.t.Fatal(err)
	}
	b.negotiate(m, func(s string) string {
		answer = s
		if edit != nil {
			s = edit(s)
		}
		return s
	})
	b.must(protocol.PublishStream{Participant: m.id, Stream: 8, Data: true, Tracks: []protocol.PublishTrack{{
		Track: protocol.Track{ID: "x", Kind: protocol.Video, Source: protocol.Camera}, Transport: "main", MID: "0",
	}}})
	b.awaitConnected(m.id)
	return m, answer, <-raw.writer
}

// A participant sends authentic packets that say what they must not.
func TestAHostileParticipantsPackets(t *testing.T) {
	b := besiege(t, 2)
	m, _, send := b.mallory(nil)
	theirs := uint32(b.from.GetSenders()[0].GetParameters().Encodings[0].SSRC)
	var slots []uint32
	for _, s := range regexp.MustCompile(`a=ssrc:(\d+)`).FindAllStringSubmatch(b.answers[1], -1) {
		var ssrc uint32
		_, _ = fmt.Sscan(s[1], &ssrc)
		slots = append(slots, ssrc)
	}
	if len(slots) == 0 {
		t.Fatal("the answer names no slot")
	}
	targets := append([]uint32{theirs, 0, 1<<32 - 1}, slots...)
	requests := b.keyframeRequests.Load()
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 1500 {
		target := targets[i%len(targets)]
		h := &rtp.Header{Version: 2, PayloadType: uint8(random.IntN(128)), SequenceNumber: uint16(random.Uint32()), Timestamp: random.Uint32(), SSRC: target}
		switch i % 5 {
		case 0: // somebody else's SSRC, and one more each time
		case 1:
			h.SSRC = random.Uint32()
		case 2: // somebody else's mid, in an extension of each id
			h.Extension, h.ExtensionProfile = true, 0xbede
			for id := uint8(1); id < 15; id++ {
				_ = h.SetExtension(id, []byte("0"))
			}
		case 3: // an extension that is none
			h.Extension, h.ExtensionProfile = true, uint16(random.Uint32())&^0xfff|0x1234
			_ = h.SetExtension(0, make([]byte, 4*random.IntN(200)))
		case 4:
			h.CSRC = make([]uint32, 15)
			h.PayloadType = 96
		}
		payload := make([]byte, random.IntN(900))
		for k := range payload {
			payload[k] = byte(random.Uint32())
		}
		_, _ = send.WriteRTP(h, payload)
		pairs := make([]rtcp.NackPair, 250)
		for k := range pairs {
			pairs[k] = rtcp.NackPair{PacketID: uint16(17 * k), LostPackets: 0xffff}
		}
		raw := rtcp.RawPacket(append([]byte{0x80 | byte(random.IntN(32)), 200 + byte(random.IntN(8)), 0, byte(len(payload) / 4)}, payload[:len(payload)/4*4]...))
		packets := []rtcp.Packet{
			&rtcp.TransportLayerNack{SenderSSRC: theirs, MediaSSRC: target, Nacks: pairs},
			&rtcp.PictureLossIndication{SenderSSRC: theirs, MediaSSRC: target},
			&rtcp.FullIntraRequest{SenderSSRC: theirs, MediaSSRC: target, FIR: []rtcp.FIREntry{{SSRC: target, SequenceNumber: uint8(i)}}},
			&rtcp.SenderReport{SSRC: target, NTPTime: random.Uint64(), RTPTime: random.Uint32(), Reports: []rtcp.ReceptionReport{{SSRC: target, FractionLost: 255, TotalLost: 1<<24 - 1, Delay: 1<<32 - 1}}},
			&rtcp.ReceiverReport{SSRC: theirs, Reports: []rtcp.ReceptionReport{{SSRC: target, LastSequenceNumber: random.Uint32(), LastSenderReport: random.Uint32()}}},
			&rtcp.Goodbye{Sources: []uint32{target}},
			&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: theirs, Bitrate: 1, SSRCs: []uint32{target}},
			&raw,
		}
		_ = m.WriteRTCP(packets[i%len(packets) : i%len(packets)+1])
		if i%50 == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
	b.goesOn("with a liar in the room")
	if n := b.keyframeRequests.Load() - requests; n > 2 {
		t.Errorf("the liar had %d keyframes made of a stream that is not sent to it", n)
	}
	b.inShards(func(s *shard) {
		for _, p := range s.byUfrag {
			if p.key.Participant == m.id && p.stats.PacketsIn < 500 {
				t.Errorf("only %d packets of the liar came: the test tests nothing", p.stats.PacketsIn)
			}
		}
	})
	b.settles(60, 64) // the third peer and its goroutines are there still
}

// A participant who can forge addresses makes authenticated checks, for its own
// transport, from the address of another.
func TestAPathIsNotStolen(t *testing.T) {
	for _, shards := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d shards", shards), func(t *testing.T) {
			b := besiege(t, shards)
			// One in this room, and one in a room that may live on another shard.
			offer := b.from.LocalDescription().SDP
			offer = strings.ReplaceAll(offer, attribute(offer, "ice-ufrag"), "mallory1")
			answers := []string{b.must(protocol.Negotiate{Participant: "00000000-0000-4000-8000-000000000009", Transport: "main", SDP: offer}).(protocol.Negotiated).SDP}
			for i := range 4 {
				answers = append(answers, b.elsewhere(protocol.RoomID(fmt.Sprintf("%024x", i+1)), protocol.Negotiate{
					Participant: "00000000-0000-4000-8000-000000000009", Transport: "main", SDP: offer}).(protocol.Negotiated).SDP)
			}
			for range 20 {
				for _, answer := range answers {
					forged := check(attribute(answer, "ice-ufrag")+":mallory1", attribute(answer, "ice-pwd"))
					for _, nat := range b.nats {
						nat.mu.Lock()
						_, _ = nat.outer.WriteToUDP(forged, nat.server)
						nat.mu.Unlock()
					}
				}
				time.Sleep(5 * time.Millisecond)
			}
			b.goesOn("while its addresses are claimed by another")
		})
	}
}

// elsewhere sends a command to another room.
func (b *besieged) elsewhere(room protocol.RoomID, body protocol.CommandBody) protocol.EventBody {
	b.t.Helper()
	answers := make(chan protocol.EventBody, 16)
	sub, err := b.bus.Subscribe(protocol.SubjectRoom(room), func(data []byte) {
		if event, body, err := protocol.DecodeEvent(data); err == nil && event.Re == 1 {
			answers <- body
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	defer sub.Close()
	if err := b.bus.Publish(protocol.SubjectWorker("w"), protocol.EncodeCommand(room, 1, 1, body)); err != nil {
		b.t.Fatal(err)
	}
	select {
	case body := <-answers:
		return body
	case <-time.After(patience):
		b.t.Fatalf("no answer to %+v", body)
		return nil
	}
}

// Offers that are too large, that contradict the ones before, or that come
// without end cost a bounded time, and leave nothing behind.
func TestHostileOffers(t *testing.T) {
	b := besiege(t, 2)
	m, _, _ := b.mallory(nil)
	good := m.LocalDescription().SDP
	head, sections, _ := strings.Cut(good, "m=")
	video, _, _ := strings.Cut("m="+sections, "\r\nm=")
	video += "\r\n"
	bare := regexp.MustCompile(`a=(mid|ssrc|ssrc-group|msid|candidate|end-of-candidates)\b.*\r\n`).ReplaceAllString(video, "")
	bundle := regexp.MustCompile(`a=group:BUNDLE.*\r\n`)
	many := func(n int, change func(i int, section string) string) string {
		var all strings.Builder
		for i := range n {
			all.WriteString(change(i, bare))
		}
		group := "a=group:BUNDLE"
		for _, m := range regexp.MustCompile(`a=mid:(\S+)`).FindAllStringSubmatch(all.String(), -1) {
			group += " " + m[1]
		}
		return bundle.ReplaceAllString(head, group+"\r\n") + all.String()
	}
	mid := func(i int, s string) string { return s + fmt.Sprintf("a=mid:%d\r\n", i) }
	offers := map[string]string{
		"nothing":                 "",
		"noise":                   strings.Repeat("\x00\xff", 1000),
		"hundreds of sections":    many(700, mid),
		"as many as there may be": many(60, mid),
		"one mid for all":         many(50, func(_ int, s string) string { return s + "a=mid:0\r\n" }),
		"fewer sections":          many(1, mid),
		"other payload types":     strings.NewReplacer("rtpmap:96 VP8", "rtpmap:96 H264").Replace(good),
		"another certificate":     regexp.MustCompile(`a=fingerprint:.*`).ReplaceAllString(good, "a=fingerprint:sha-256 "+strings.Repeat("AA:", 31)+"AA\r"),
		"passive":                 strings.ReplaceAll(good, "a=setup:actpass", "a=setup:passive"),
		"a million candidates":    good + strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", 5000),
		"a long line":             good + "a=" + strings.Repeat("x", 100_000) + "\r\n",
		"a thousand SSRCs":        good + strings.Repeat("a=ssrc:1 cname:x\r\na=ssrc:2 cname:x\r\na=ssrc:3 cname:x\r\n", 1000),
		"recursion of formats":    strings.ReplaceAll(good, "apt=96", "apt=97"),
	}
	for name, offer := range offers {
		began := time.Now()
		answer := b.do(1, protocol.Negotiate{Participant: m.id, Transport: "main", SDP: offer})
		if failed, ok := answer.(protocol.Failed); ok && failed.Code == protocol.CodeInternal {
			t.Errorf("%s: %v", name, failed.Message)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: the answer took %v", name, took)
		}
	}
	b.goesOn("under hostile offers")

	// A transport of slots that are given up and made anew, and whose ICE is
	// restarted each time.
	slot := func(round int, port string) string {
		s := strings.Replace(many(20, func(i int, s string) string {
			_, rest, _ := strings.Cut(strings.TrimPrefix(s, "m=video "), " ")
			return mid(100*round+i, "m=video "+port+" "+strings.ReplaceAll(rest, "a=sendonly", "a=recvonly"))
		}), "v=0", "v=0", 1)
		ufrag := attribute(s, "ice-ufrag")
		if round%2 == 0 {
			return strings.ReplaceAll(s, ufrag, fmt.Sprintf("round%04d", round))
		}
		return strings.ReplaceAll(s, ufrag, fmt.Sprintf("round%04d", round-1))
	}
	id := protocol.ParticipantID("00000000-0000-4000-8000-000000000004")
	b.must(protocol.Negotiate{Participant: id, Transport: "main", SDP: slot(0, "9")})
	refused := 0
	for round := 1; round < 60; round++ {
		port := "9"
		if round%2 == 1 {
			port = "0"
		}
		offer := slot(round-round%2*1, port)
		if failed, ok := b.do(1, protocol.Negotiate{Participant: id, Transport: "main", SDP: offer}).(protocol.Failed); ok {
			refused++
			if refused == 1 {
				t.Logf("round %d: %s", round, failed.Message)
			}
		}
	}
	if refused > 0 {
		t.Errorf("%d of 60 rounds were refused", refused)
	}
	b.inShards(func(s *shard) {
		if n := len(s.byUfrag); n > 2*4 {
			t.Errorf("shard %d knows %d ufrags", s.index, n)
		}
	})
	b.must(protocol.DropParticipant{Participant: id})
	b.must(protocol.DropParticipant{Participant: m.id})
	b.inShards(func(s *shard) {
		for ufrag, p := range s.byUfrag {
			if p.closed {
				t.Errorf("%s leads to a transport that is gone", ufrag)
			}
		}
	})

	// Rooms do not come to be by offers that are refused.
	for i := range 200 {
		room := protocol.RoomID(fmt.Sprintf("%024x", i))
		if err := b.bus.Publish(protocol.SubjectWorker("w"), protocol.EncodeCommand(room, 1, 1, protocol.Negotiate{Participant: id, Transport: "main", SDP: "v=0"})); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "an end of the rooms", func() bool { return b.worker.roomCount() == 1 })
	b.goesOn("after all that")
	b.settles(60, 32)
}

// A participant misuses data channels: those of others, too many of them, and
// too much in them.
func TestHostileChannels(t *testing.T) {
	b := besiege(t, 1)
	m, _, _ := b.mallory(func(answer string) string {
		return regexp.MustCompile(`a=max-message-size:\d+`).ReplaceAllString(answer, "a=max-message-size:1000000")
	})
	b.must(protocol.PublishStream{Participant: b.from.id, Stream: 9, Data: true})
	b.must(protocol.SubscribeStream{Participant: b.to.id, SubscribeTo: protocol.SubscribeTo{Stream: 9, Transport: "main", Data: true}})
	open := func(label, protocol string) *webrtc.DataChannel {
		c, err := m.CreateDataChannel(label, &webrtc.DataChannelInit{Protocol: &protocol})
		if err != nil {
			return nil
		}
		c.OnOpen(func() { _ = c.Send(make([]byte, 1000)) })
		return c
	}
	for _, protocol := range []string{"stream:9", "stream:7", "stream:-1", "stream:99999999999999999999", "stream:", "", strings.Repeat("x", 1500)} {
		open("theirs", protocol)
	}
	big := open("big", "stream:8")
	time.Sleep(200 * time.Millisecond)
	_ = big.Send(make([]byte, 200_000))
	_ = big.Send(make([]byte, 60_000))
	b.goesOn("with somebody in the wrong channels")
	b.inShards(func(s *shard) {
		if r := s.rooms[testRoom]; r != nil {
			if n := len(r.data[9].sources); n != 0 {
				t.Errorf("a stream has %d channels that are not its owner's", n)
			}
		}
	})
	for i := range 300 {
		open(fmt.Sprint(i), "stream:8")
	}
	time.Sleep(300 * time.Millisecond)
	b.inShards(func(s *shard) {
		for _, p := range s.byUfrag {
			if p.channels != nil && len(p.channels.opened) > protocol.MaxChannels {
				t.Errorf("%d channels are open", len(p.channels.opened))
			}
		}
	})
	b.goesOn("with too many channels")
	b.must(protocol.DropParticipant{Participant: m.id})
	// It does not notice; its own goroutines, one for each channel, are not to count.
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	b.settles(20, 48)
}

// A room that ends and comes back while commands for it are on their way stays
// on its shard.
func TestARoomLivesOnOneShard(t *testing.T) {
	r := newRig(t, 3)
	const rooms, rounds = 40, 5
	commands := []protocol.CommandBody{
		protocol.DropRoom{},
		protocol.PublishStream{Participant: "00000000-0000-4000-8000-000000000001", Stream: 1, Data: true},
		protocol.PublishStream{Participant: "00000000-0000-4000-8000-000000000001", Stream: 2, Data: true},
	}
	roomID := func(i int) protocol.RoomID { return protocol.RoomID(fmt.Sprintf("%024x", i)) }
	var answered atomic.Int64
	for i := range rooms {
		if _, err := r.bus.Subscribe(protocol.SubjectRoom(roomID(i)), func([]byte) { answered.Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	for round := range uint64(rounds) {
		for i := range rooms {
			for k, body := range commands {
				if err := r.bus.Publish(protocol.SubjectWorker("w"), protocol.EncodeCommand(roomID(i), 1, round*10+uint64(k)+1, body)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	waitFor(t, "an answer to every command", func() bool { return answered.Load() == int64(rooms*rounds*len(commands)) })
	count := func() (total int) {
		for _, s := range r.worker.shards {
			n := make(chan int)
			s.post(func(time.Time) {
				streams := 0
				for _, room := range s.rooms {
					list, _ := room.router.Listing()
					streams += len(list)
				}
				n <- streams
			})
			total += <-n
		}
		return total
	}
	if n := count(); n != 2*rooms {
		t.Errorf("%d streams are there, not two in each room", n)
	}
	seen := map[protocol.RoomID]int{}
	for _, s := range r.worker.shards {
		done := make(chan struct{})
		s.post(func(time.Time) {
			for id := range s.rooms {
				seen[id]++
				r.worker.mu.Lock()
				h := r.worker.rooms[id]
				r.worker.mu.Unlock()
				if h == nil || len(h.shards) != 1 || h.shards[0] != s {
					t.Errorf("room %s lives on shard %d, and nobody knows", id, s.index)
				}
			}
			close(done)
		})
		<-done
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("room %s lives on %d shards", id, n)
		}
	}
	if len(seen) != rooms {
		t.Errorf("%d rooms are there", len(seen))
	}
}
