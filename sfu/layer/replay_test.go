package layer

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tertulia-rtc/tertulia/codec"
)

// recorded is one packet of a recording: its RTP header, extension, start of the
// payload.
type recorded struct {
	rid    string
	ms     int64
	seq    uint16
	size   int
	packet Packet
}

// readRecording reads testdata/*.txt: rid, milliseconds, sequence number, timestamp,
// marker, dependency descriptor, start of the payload, size of the payload.
func readRecording(t testing.TB, file string) (format string, streams map[string][]recorded) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	format = strings.ToUpper(strings.SplitN(filepath.Base(file), "-", 2)[0])
	streams = map[string][]recorded{}
	seen := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		var r recorded
		var marker int
		var dependency, payload string
		if _, err := fmt.Sscan(lines.Text(), &r.rid, &r.ms, &r.seq, &r.packet.Timestamp, &marker, &dependency, &payload, &r.size); err != nil {
			t.Fatalf("%s: %q: %v", file, lines.Text(), err)
		}
		if dependency != "-" {
			r.packet.Dependency, err = hex.DecodeString(dependency)
		}
		if err == nil {
			r.packet.Payload, err = hex.DecodeString(payload)
		}
		if err != nil {
			t.Fatal(err)
		}
		r.packet.Codec, r.packet.Size, r.packet.Marker = format, r.size, marker == 1
		if key := fmt.Sprint(r.rid, r.seq); !seen[key] { // a ring keeps repeats away
			seen[key] = true
			streams[r.rid] = append(streams[r.rid], r)
		}
	}
	return format, streams
}

// truth is what dependency descriptors say of frames, read apart from the Tracker.
type truth struct {
	frame      uint16
	references []uint16
	spatial    uint8
	temporal   uint8
	known      bool
	key        bool
}

func truths(t testing.TB, rs []recorded) []truth {
	var s codec.DependencyStructure
	out := make([]truth, len(rs))
	for i, r := range rs {
		if r.packet.Dependency == nil {
			continue
		}
		d, ok := codec.ParseDependency(r.packet.Dependency, &s)
		if !ok {
			t.Errorf("packet %d: %x is no descriptor", r.seq, r.packet.Dependency)
		}
		out[i] = truth{frame: d.FrameNumber, spatial: d.Spatial, temporal: d.Temporal, known: d.Known, key: d.HasStructure && d.DiffCount == 0}
		for _, diff := range d.Diffs[:d.DiffCount] {
			out[i].references = append(out[i].references, d.FrameNumber-diff)
		}
	}
	return out
}

// recordings are what Chromium sent, and which layers there are at their end.
var recordings = []struct {
	file              string
	rid               string
	spatial, temporal int
	width, height     uint16 // of the highest spatial layer
	chosen            bool   // layers are known without dependency descriptors too
}{
	{"vp8-l1t3", "-", 1, 3, 480, 270, false}, // with descriptors Chromium leaves picture ids out
	{"vp8-l1t3-nodd", "-", 1, 3, 640, 360, true},
	{"vp8-simulcast", "q", 1, 3, 320, 180, false},
	{"vp8-simulcast", "h", 1, 3, 640, 360, false},
	{"vp9-l1t3", "-", 1, 3, 640, 360, true},
	{"vp9-l1t3-nodd", "-", 1, 3, 640, 360, true},
	{"vp9-l3t3", "-", 2, 3, 640, 360, true}, // the link was too slow for the third one
	{"vp9-l3t3-key", "-", 3, 3, 1280, 720, true},
	{"av1-l1t3", "-", 1, 3, 640, 360, false},
	{"av1-l3t3", "-", 3, 3, 1280, 720, false},
	{"av1-l3t3-key", "-", 3, 3, 1280, 720, false},
	{"h264-l1t3", "-", 1, 3, 320, 180, false},
	{"h264-simulcast", "q", 1, 1, 320, 180, false},
	{"h264-simulcast", "h", 1, 1, 640, 360, false},
	{"h264-simulcast", "f", 1, 1, 1280, 720, false},
}

// replay gives a recording to a Tracker and a Selector, and says which packets
// were forwarded.
func replay(t *testing.T, rs []recorded, target Target, strip bool) (tracker *Tracker, forwarded []bool) {
	t.Helper()
	tracker = &Tracker{}
	s := Selector{Target: target}
	var receiver codec.DependencyStructure
	for _, r := range rs {
		now := r.ms*1e6 + 1e9
		if strip {
			r.packet.Dependency = nil
		}
		info := tracker.Track(now, r.packet)
		d := s.Select(tracker, &info, now)
		forwarded = append(forwarded, d.Forward())
		if reason := s.NeedsKeyframe(tracker.LayoutOf(&info), now); reason > ToStart {
			t.Errorf("packet %d: a keyframe is wanted %v, for target %+v", r.seq, reason, target)
		}
		if !d.Forward() || r.packet.Dependency == nil {
			continue
		}
		b := codec.AppendDependency(nil, r.packet.Dependency, &tracker.Structure, d.Edit(100))
		was, _ := codec.ParseDependency(r.packet.Dependency, &tracker.Structure)
		got, ok := codec.ParseDependency(b, &receiver)
		if !ok || got.FrameNumber != was.FrameNumber+100 || got.Indications != was.Indications || got.Diffs != was.Diffs || got.ChainDiffs != was.ChainDiffs {
			t.Errorf("packet %d: %x has become %x", r.seq, r.packet.Dependency, b)
		}
		if d.Flags&SetActive != 0 && (!got.HasActive || got.Active != uint32(d.Active)) {
			t.Errorf("packet %d: active decode targets %b, want %b", r.seq, got.Active, d.Active)
		}
	}
	return tracker, forwarded
}

// TestReplay: of the streams of a browser all layers are found, every target gets
// what decodes and nothing above it, and all of VP9 alike with and without
// dependency descriptors.
func TestReplay(t *testing.T) {
	for _, rec := range recordings {
		t.Run(rec.file+" "+rec.rid, func(t *testing.T) {
			_, streams := readRecording(t, "testdata/"+rec.file+".txt")
			rs := streams[rec.rid]
			if len(rs) < 40 {
				t.Fatalf("%d packets", len(rs))
			}
			described := rs[0].packet.Dependency != nil
			for spatial := range int8(rec.spatial) {
				for temporal := range int8(rec.temporal) {
					target := Target{Spatial: spatial, Temporal: temporal}
					tracker, forwarded := replay(t, rs, target, false)
					if tracker.Counted != (Counters{}) {
						t.Errorf("counted %+v", tracker.Counted)
					}
					checkReplay(t, rs, target, forwarded)
					if !described {
						continue
					}
					_, without := replay(t, rs, target, true)
					for i := range rs {
						want := true // not known: forwarded whole
						if rec.chosen {
							want = forwarded[i]
						}
						if without[i] != want {
							t.Errorf("target %+v: packet %d is forwarded without descriptors: %v", target, rs[i].seq, without[i])
						}
					}
				}
			}
			tracker, _ := replay(t, rs, Whole, false)
			layers := tracker.AppendLayers(rs[len(rs)-1].ms*1e6+1e9, nil)
			if len(layers) != rec.spatial*rec.temporal {
				t.Fatalf("layers: %+v", layers)
			}
			if top := layers[len(layers)-1]; top.Width != rec.width || top.Height != rec.height || !top.Flowing {
				t.Errorf("the highest layer: %+v", top)
			}
			for i, l := range layers {
				if int(l.Spatial)*rec.temporal+int(l.Temporal) != i || i > 0 && l.Temporal > 0 && (l.Bitrate < layers[i-1].Bitrate || l.FrameRate < layers[i-1].FrameRate) {
					t.Errorf("layers: %+v", layers)
				}
			}
		})
	}
}

// checkReplay holds what was forwarded against what the descriptors say.
func checkReplay(t *testing.T, rs []recorded, target Target, forwarded []bool) {
	t.Helper()
	sent, came := map[uint16]bool{}, map[uint16]bool{}
	reached := false
	for i, f := range truths(t, rs) {
		if !f.known {
			continue
		}
		came[f.frame] = true
		if !forwarded[i] {
			continue
		}
		sent[f.frame] = true
		if int8(f.spatial) > target.Spatial || int8(f.temporal) > target.Temporal {
			t.Errorf("target %+v: S%dT%d is forwarded", target, f.spatial, f.temporal)
		}
		reached = reached || int8(f.spatial) == target.Spatial && int8(f.temporal) == target.Temporal
		for _, r := range f.references {
			if !sent[r] && came[r] {
				t.Errorf("target %+v: frame %d is forwarded without frame %d", target, f.frame, r)
			}
		}
	}
	if !reached && len(sent) > 0 {
		t.Errorf("target %+v is never reached", target)
	}
}
