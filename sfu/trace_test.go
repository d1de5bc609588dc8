package sfu

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

var traceFile = flag.String("trace-file", "", "a trace of a server's, to be made again by TestTraceOfAServer")

// replayed makes a trace of any transports of any rooms again, and gives how often links
// were shared out in it, and the spatial layers that were decided on.
func replayed(t *testing.T, file io.Reader) (shares int, layers map[int8]bool) {
	t.Helper()
	type transport struct {
		room protocol.RoomID
		key  TransportKey
	}
	replays := map[transport]*Replay{}
	layers = map[int8]bool{}
	for in := json.NewDecoder(file); in.More(); {
		var l struct {
			Room protocol.RoomID `json:"room"`
			TraceLine
		}
		if err := in.Decode(&l); err != nil {
			t.Fatal(err)
		}
		of := transport{l.Room, TransportKey{l.Participant, l.Transport}}
		if replays[of] == nil {
			replays[of] = NewReplay()
		}
		got := replays[of].Line(l.TraceLine)
		if got == nil {
			continue
		}
		shares++
		for _, d := range got.Decisions {
			layers[d.Layer.Spatial] = true
		}
		if diff := cmp.Diff(l.Share, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the share of %+v at %v differs: %s", of, time.Duration(l.At), diff)
		}
	}
	return shares, layers
}

// What tertulia --trace wrote is made again by go test ./sfu -run TraceOfAServer -trace-file FILE.
func TestTraceOfAServer(t *testing.T) {
	if *traceFile == "" {
		t.Skip("no -trace-file")
	}
	f, err := os.Open(*traceFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	shares, layers := replayed(t, f)
	t.Logf("links were shared out %d times, spatial layers %v", shares, layers)
}

// A trace, written as JSON lines, repeats every estimate and every decision, also those of
// a transport that is made anew under its name.
func TestTraceReplays(t *testing.T) {
	w := newWorld(t)
	var file bytes.Buffer
	lines := json.NewEncoder(&file)
	w.r.cfg.Trace = func(l TraceLine) { _ = lines.Encode(l) }
	section := sends("1", sdp.Video, vp8)
	section.Recv.RIDs = []string{"q", "f"}
	pub := w.join("ana", simnet.Config{Latency: 5 * time.Millisecond}, section)
	pub.publish(1, videoTrack("1"))
	link := simnet.Config{Latency: 30 * time.Millisecond, Loss: 0.02, Rate: 800_000, Queue: 30_000}
	sub := w.join("ben", link, receives("1", sdp.Video, 2000, vp8))
	sub.subscribe(1)
	w.join("eva", goodLink, receives("1", sdp.Video, 2000, vp8)).subscribe(1)
	small, large := pub.video("1", 100), pub.video("1", 300)
	small.rid, small.size = "q", 300
	large.rid, large.size = "f", 1100
	w.run(10 * time.Second)
	w.r.RemoveTransport(w.now, sub.key)
	sub.receiver, sub.order, sub.feedback = map[uint32]*receiver{}, nil, transportCCState{}
	sub.down, sub.up = simnet.NewLink(link, w.rng), simnet.NewLink(link, w.rng)
	sub.negotiate()
	w.r.SetConnected(w.now, sub.key, true)
	w.run(5 * time.Second)
	if shares, layers := replayed(t, &file); shares < 60 || !layers[0] || !layers[1] {
		t.Errorf("%d shares, layers %v", shares, layers)
	}
}
