package sfu

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// A trace, written as JSON lines, repeats every estimate and every decision.
func TestTraceReplays(t *testing.T) {
	w := newWorld(t)
	var file bytes.Buffer
	lines := json.NewEncoder(&file)
	w.r.cfg.Trace = func(l TraceLine) {
		if l.Participant == "ben" {
			_ = lines.Encode(l)
		}
	}
	section := sends("1", sdp.Video, vp8)
	section.Recv.RIDs = []string{"q", "f"}
	pub := w.join("ana", simnet.Config{Latency: 5 * time.Millisecond}, section)
	pub.publish(1, videoTrack("1"))
	sub := w.join("ben", simnet.Config{Latency: 30 * time.Millisecond, Loss: 0.02, Rate: 800_000, Queue: 30_000}, receives("1", sdp.Video, 2000, vp8))
	sub.subscribe(1)
	small, large := pub.video("1", 100), pub.video("1", 300)
	small.rid, small.size = "q", 300
	large.rid, large.size = "f", 1100
	w.run(10 * time.Second)

	replay := NewReplay()
	shares, layers := 0, map[int8]bool{}
	for in := json.NewDecoder(&file); in.More(); {
		var l TraceLine
		if err := in.Decode(&l); err != nil {
			t.Fatal(err)
		}
		got := replay.Line(l)
		if got == nil {
			continue
		}
		shares++
		for _, d := range got.Decisions {
			layers[d.Layer.Spatial] = true
		}
		if diff := cmp.Diff(l.Share, got); diff != "" {
			t.Fatalf("the share at %v differs: %s", time.Duration(l.At), diff)
		}
	}
	if shares < 20 || !layers[0] {
		t.Errorf("%d shares, layers %v", shares, layers)
	}
}
