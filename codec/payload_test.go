package codec

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/pion/rtp/codecs"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseVP8(t *testing.T) {
	for _, test := range []struct {
		name, payload string
		want          VP8Descriptor
		bad           bool
	}{
		{name: "no extensions, begins a keyframe", payload: "10d0a8009d012a", want: VP8Descriptor{Size: 1, Start: true, Keyframe: true}},
		{name: "interframe", payload: "1031a800", want: VP8Descriptor{Size: 1, Start: true}},
		{name: "continuation", payload: "00d0a800", want: VP8Descriptor{Size: 1}},
		{name: "a later partition has no frame header", payload: "11d0a800", want: VP8Descriptor{Size: 1, Start: true, Partition: 1}},
		{name: "7-bit picture id", payload: "908011d0", want: VP8Descriptor{Size: 3, Start: true, HasPictureID: true, PictureID: 0x11, Keyframe: true}},
		{name: "15-bit picture id", payload: "90809234d0", want: VP8Descriptor{Size: 4, Start: true, HasPictureID: true, LongID: true, PictureID: 0x1234, Keyframe: true}},
		{
			name: "everything, as Chromium sends with temporal layers", payload: "b0f0c567890a630131",
			want: VP8Descriptor{Size: 6, Start: true, NonReference: true, HasPictureID: true, LongID: true, PictureID: 0x4567, HasTL0PicIdx: true, TL0PicIdx: 0x89, HasTID: true, TID: 0, HasKeyIdx: true, KeyIdx: 10},
		},
		{
			name: "layer sync", payload: "9020a001",
			want: VP8Descriptor{Size: 3, Start: true, HasTID: true, TID: 2, LayerSync: true},
		},
		{name: "empty", payload: "", bad: true},
		{name: "X without its byte", payload: "90", bad: true},
		{name: "no picture id", payload: "9080", bad: true},
		{name: "half a picture id", payload: "908092", bad: true},
		{name: "no TL0PICIDX", payload: "904000"[:4], bad: true},
		{name: "no TID", payload: "9020", bad: true},
	} {
		payload := unhex(t, test.payload)
		got, ok := ParseVP8(payload)
		if ok == test.bad {
			t.Errorf("%s: ok = %v", test.name, ok)
		} else if ok && got != test.want {
			t.Errorf("%s:\n got %+v\nwant %+v", test.name, got, test.want)
		}
		if ok && !bytes.Equal(got.AppendVP8(nil, payload, got.PictureID, got.TL0PicIdx), payload[:got.Size]) {
			t.Errorf("%s: rewriting with the same ids changes the descriptor", test.name)
		}
	}
}

func TestAppendVP8(t *testing.T) {
	for _, test := range []struct {
		name, payload string
		pictureID     uint16
		tl0           uint8
		want          string
	}{
		{"15 bits", "90e09234562001", 0x7fff, 0xfe, "90e0fffffe20"},
		{"15 bits wrap", "90e09234562001", 0x8001, 1, "90e080010120"},
		{"7 bits stay while they fit", "908011d0", 0x7f, 0, "90807f"},
		{"7 bits grow", "908011d0", 0x80, 0, "90808080"},
		{"TL0PICIDX alone", "904007d0", 5, 8, "904008"},
		{"nothing to rewrite", "10d0", 5, 8, "10"},
	} {
		payload := unhex(t, test.payload)
		d, ok := ParseVP8(payload)
		if !ok {
			t.Fatal(test.name)
		}
		got := d.AppendVP8([]byte{0xaa}, payload, test.pictureID, test.tl0)
		if want := append([]byte{0xaa}, unhex(t, test.want)...); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", test.name, got, want)
		}
		if len(got)-1 > MaxVP8Descriptor {
			t.Errorf("%s: %d bytes", test.name, len(got)-1)
		}
	}
}

func TestVP8Size(t *testing.T) {
	width, height, ok := VP8Size(unhex(t, "10d0a8009d012a8002e001"))
	if !ok || width != 640 || height != 480 {
		t.Errorf("VP8Size = %d, %d, %v", width, height, ok)
	}
	for _, payload := range []string{"", "10d0a800", "10d0a8009d012a8002e0", "1031a8009d012a8002e001", "10d0a8009d012b8002e001"} {
		if _, _, ok := VP8Size(unhex(t, payload)); ok {
			t.Errorf("VP8Size(%s) is ok", payload)
		}
	}
}

func TestParseVP9(t *testing.T) {
	for _, test := range []struct {
		name, payload string
		want          VP9Descriptor
		keyframe, bad bool
	}{
		{
			name: "non-flexible keyframe with its structure", payload: "aa8ac1000018028001e001040149834200",
			want: VP9Descriptor{
				Size: 13, HasPictureID: true, LongID: true, PictureID: 0x0ac1, HasLayers: true, HasTL0PicIdx: true,
				Begin: true, HasStructure: true, SpatialLayers: 1, Width: 640, Height: 480, pictAt: 1, tl0At: 4, structureAt: 5,
			}, keyframe: true,
		},
		{name: "size stated", payload: "0a10028001e0", want: VP9Descriptor{Size: 6, Begin: true, HasStructure: true, SpatialLayers: 1, Width: 640, Height: 480, structureAt: 1}, keyframe: true},
		{name: "predicted", payload: "c80100", want: VP9Descriptor{Size: 2, HasPictureID: true, PictureID: 1, Predicted: true, Begin: true, pictAt: 1}},
		{name: "flexible with two references", payload: "7c000302", want: VP9Descriptor{Size: 4, HasLayers: true, Flexible: true, Predicted: true, Begin: true, End: true, References: [3]uint8{1, 1}}},
		{name: "upper spatial layer of a key picture", payload: "280307", want: VP9Descriptor{Size: 3, HasLayers: true, SID: 1, InterLayer: true, HasTL0PicIdx: true, TL0PicIdx: 7, Begin: true, tl0At: 2}},
		{name: "empty", payload: "", bad: true},
		{name: "half a picture id", payload: "8080", bad: true},
		{name: "references without end", payload: "50ffff", bad: true},
		{name: "half a structure", payload: "0a30028001e0", bad: true},
		{name: "picture group without its pictures", payload: "0a08ff", bad: true},
	} {
		payload := unhex(t, test.payload)
		got, ok := ParseVP9(payload)
		if ok == test.bad {
			t.Errorf("%s: ok = %v", test.name, ok)
		} else if ok && (got != test.want || got.Keyframe() != test.keyframe) {
			t.Errorf("%s:\n got %+v\nwant %+v", test.name, got, test.want)
		}
	}
}

func TestAppendVP9(t *testing.T) {
	payload := unhex(t, "e8923420550011")
	d, ok := ParseVP9(payload)
	if !ok || !d.LongID || d.TL0PicIdx != 0x55 {
		t.Fatalf("%+v, %v", d, ok)
	}
	if got, want := d.AppendVP9(nil, payload, 0x0102, 0x66), unhex(t, "e881022066"); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	payload = unhex(t, "88120011")
	if d, ok = ParseVP9(payload); !ok {
		t.Fatal("short id")
	}
	if got, want := d.AppendVP9(nil, payload, 0x0181, 0), unhex(t, "8801"); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestKeyframe(t *testing.T) {
	for _, test := range []struct {
		codec, name, payload string
		want                 bool
	}{
		{VP8, "keyframe", "9080800050d0009d012a", true},
		{"vp8", "interframe", "90808001b1", false},
		{VP9, "keyframe", "8a8001188002800168", false}, // cut short
		{H264, "SPS alone", "6742c01f", true},
		{H264, "IDR alone", "6588843f", true},
		{H264, "PPS alone", "68ce3c80", false},
		{H264, "slice", "419a2440", false},
		{H264, "STAP-A of SPS and PPS", "78000f6742c01f95a014016e400000030040000468ce3c80", true},
		{H264, "STAP-A of SEI, then SPS", "780002060567000467420016", false}, // the second size is not one
		{H264, "STAP-A of AUD, then IDR", "78000209300003658884", true},
		{H264, "STAP-A of slices", "780003419a240003419a24", false},
		{H264, "STAP-A cut short", "78000f06", false},
		{H264, "STAP-A of nothing", "780000", false},
		{H264, "FU-A, first of an IDR", "7c8588843f", true},
		{H264, "FU-A, amid an IDR", "7c0588843f", false},
		{H264, "FU-A, last of an IDR", "7c4588843f", false},
		{H264, "FU-A, first of a slice", "5c819a", false},
		{H264, "one byte", "67", false},
		{AV1, "N bit", "180a0b000000", true},
		{AV1, "W 1, sequence header", "100a0b00", true},
		{AV1, "W 2, sequence header first", "200c0a0b000000423cbfffe6", true},
		{AV1, "W 2, frame first", "2002320000", false},
		{AV1, "continuation", "900a0b00", false},
		{AV1, "a length that never ends", "20ffffffffffffffffff", false},
		{AV1, "empty", "", false},
		{Opus, "audio has none", "78", false},
		{"H265", "not known", "40010c01", false},
	} {
		if got := Keyframe(test.codec, unhex(t, test.payload)); got != test.want {
			t.Errorf("%s, %s: %v", test.codec, test.name, got)
		}
	}
}

func TestREDPrimary(t *testing.T) {
	for _, test := range []struct {
		name, payload string
		payloadType   uint8
		offset        int
		bad           bool
	}{
		{name: "primary alone", payload: "6ffcfffe", payloadType: 111, offset: 1},
		{name: "one redundant block of two bytes", payload: "ef0f0002" + "6f" + "aabb" + "ccdd", payloadType: 111, offset: 7},
		{name: "two redundant blocks", payload: "ef1e0001" + "ef0f0002" + "6f" + "11" + "2222" + "333333", payloadType: 111, offset: 12},
		{name: "an empty redundant block", payload: "ef0f0000" + "6f" + "cc", payloadType: 111, offset: 5},
		{name: "an empty primary", payload: "6f", payloadType: 111, offset: 1},
		{name: "empty", payload: "", bad: true},
		{name: "half a header", payload: "ef0f00", bad: true},
		{name: "no primary", payload: "ef0f0000", bad: true},
		{name: "redundancy longer than the packet", payload: "ef0f03ff" + "6f" + "aabb", bad: true},
		{name: "too many blocks", payload: string(bytes.Repeat([]byte("ef0f0000"), 40)) + "6f", bad: true},
	} {
		payloadType, offset, ok := REDPrimary(unhex(t, test.payload))
		if ok == test.bad || ok && (payloadType != test.payloadType || offset != test.offset) {
			t.Errorf("%s: %d, %d, %v", test.name, payloadType, offset, ok)
		}
	}
}

func TestOpusDTX(t *testing.T) {
	for payload, want := range map[string]bool{"": false, "78": true, "f8ff": true, "f8fffe": false} {
		if OpusDTX(unhex(t, payload)) != want {
			t.Errorf("OpusDTX(%q) is not %v", payload, want)
		}
	}
}

// Where pion/rtp parses the same descriptors, it is the oracle: whatever it
// reads, we read alike.
func FuzzVP8(f *testing.F) {
	for _, s := range []string{"10d0a8009d012a8002e001", "b0f0c567890a630131", "908011d0", "9020a001", "90e09234562001"} {
		f.Add(unhex(f, s), uint16(0x80), uint8(3))
	}
	f.Fuzz(func(t *testing.T, payload []byte, pictureID uint16, tl0 uint8) {
		d, ok := ParseVP8(payload)
		VP8Size(payload)
		if !ok {
			return
		}
		if d.Size > len(payload) || d.Size > MaxVP8Descriptor {
			t.Fatalf("size %d of %d", d.Size, len(payload))
		}
		var p codecs.VP8Packet
		if rest, err := p.Unmarshal(payload); err == nil && len(rest) > 0 {
			same := len(rest) == len(payload)-d.Size && (p.S == 1) == d.Start && p.PID == d.Partition && (p.N == 1) == d.NonReference &&
				(!d.HasPictureID || p.PictureID == d.PictureID) && (!d.HasTL0PicIdx || p.TL0PICIDX == d.TL0PicIdx) &&
				(!d.HasTID || p.TID == d.TID && (p.Y == 1) == d.LayerSync) && (!d.HasKeyIdx || p.KEYIDX == d.KeyIdx)
			if !same {
				t.Fatalf("%x: ours %+v, theirs %+v", payload, d, p)
			}
		}
		prefix := d.AppendVP8(nil, payload, pictureID, tl0)
		again, ok := ParseVP8(append(prefix, payload[d.Size:]...))
		if !ok || again.Size != len(prefix) || again.Keyframe != d.Keyframe || again.TID != d.TID || again.KeyIdx != d.KeyIdx {
			t.Fatalf("%x, rewritten %x: %+v, was %+v", payload, prefix, again, d)
		}
		if d.HasPictureID && again.PictureID != pictureID&0x7fff || d.HasTL0PicIdx && again.TL0PicIdx != tl0 {
			t.Fatalf("%x, rewritten %x: %+v", payload, prefix, again)
		}
	})
}

func FuzzVP9(f *testing.F) {
	for _, s := range []string{"0a10028001e0", "e8923420550011", "7c000302", "8a8001188002800168"} {
		f.Add(unhex(f, s), uint16(0x80), uint8(3))
	}
	f.Fuzz(func(t *testing.T, payload []byte, pictureID uint16, tl0 uint8) {
		d, ok := ParseVP9(payload)
		if !ok {
			return
		}
		if d.Size > len(payload) {
			t.Fatalf("size %d of %d", d.Size, len(payload))
		}
		var p codecs.VP9Packet
		if rest, err := p.Unmarshal(payload); err == nil && len(rest) > 0 {
			same := len(rest) == len(payload)-d.Size && p.P == d.Predicted && p.B == d.Begin && p.E == d.End &&
				(!d.HasPictureID || p.PictureID == d.PictureID) && (!d.HasTL0PicIdx || p.TL0PICIDX == d.TL0PicIdx) &&
				(!d.HasLayers || p.TID == d.TID && p.SID == d.SID && p.U == d.SwitchUp && p.D == d.InterLayer)
			if !same {
				t.Fatalf("%x: ours %+v, theirs %+v", payload, d, p)
			}
		}
		prefix := d.AppendVP9(nil, payload, pictureID, tl0)
		again, ok := ParseVP9(append(prefix, payload[d.Size:]...))
		if !ok || again.Size != d.Size || again.Keyframe() != d.Keyframe() {
			t.Fatalf("%x, rewritten %x: %+v, was %+v", payload, prefix, again, d)
		}
	})
}

func FuzzKeyframe(f *testing.F) {
	for _, s := range []string{"78000f6742c01f95a014016e400000030040000468ce3c80", "7c8588843f", "200c0a0b000000423cbfffe6", "180a0b000000"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, name := range Preferred {
			Keyframe(name, payload)
		}
		// pion's AV1 packet: its N bit is ours.
		var p codecs.AV1Packet //nolint:staticcheck // the oracle for the header alone
		if _, err := p.Unmarshal(payload); err == nil && p.N && !p.Z && !AV1Keyframe(payload) {
			t.Fatalf("%x: N is not seen", payload)
		}
	})
}

func FuzzREDPrimary(f *testing.F) {
	for _, s := range []string{"6ffcfffe", "ef0f00026faabbccdd", "ef0f03ff6faabb"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, offset, ok := REDPrimary(payload); ok && offset > len(payload) {
			t.Fatalf("%x: offset %d", payload, offset)
		}
	})
}

func FuzzParseH264Format(f *testing.F) {
	f.Add("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
	f.Add("profile-level-id=42f00b; packetization-mode = 0")
	f.Fuzz(func(t *testing.T, fmtp string) {
		c := Codec{Name: H264, ClockRate: 90000, Fmtp: fmtp}
		if _, ok := ParseH264Format(fmtp); ok && (!Match(c, c) || !Decodes(c, c)) {
			t.Fatalf("%q does not match itself", fmtp)
		}
	})
}

func TestPayloadsAllocateNothing(t *testing.T) {
	payload := unhex(t, "b0f0c567890a630131")
	dst := make([]byte, 0, MaxVP8Descriptor)
	if n := testing.AllocsPerRun(100, func() {
		d, _ := ParseVP8(payload)
		dst = d.AppendVP8(dst[:0], payload, 0x1234, 7)
		for _, name := range Preferred {
			Keyframe(name, payload)
		}
		REDPrimary(payload)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
