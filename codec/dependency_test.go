package codec

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// bitsOf packs fields written as "value:width", in hex digits; others are skipped.
func bitsOf(t testing.TB, fields string) []byte {
	t.Helper()
	w := bitWriter{}
	for f := range strings.FieldsSeq(fields) {
		if strings.Trim(f, "01") != "" {
			t.Fatalf("%q is no binary number", f)
		}
		for _, c := range f {
			w.put(uint32(c-'0'), 1)
		}
	}
	return w.bytes
}

// l1t2 is a structure of one spatial and two temporal layers: template 5 is the
// keyframe, 6 temporal layer 0, 7 temporal layer 1.
const l1t2 = `000101 00001` + // template_id_offset 5, two decode targets
	` 00 01 11` + // same layer, next temporal layer, no more
	` 1010 1010 0001` + // SS SS -D
	` 0 1 0001 0 1 0000 0` + // none, 2, 1
	` 10` + // one chain of at most two, ns(3); ns(1) has no bits
	` 0000 0010 0001` + // chain differences
	` 1 0000001001111111 0000000101100111` // 640×360

func TestParseDependency(t *testing.T) {
	var s DependencyStructure
	if d, ok := ParseDependency(unhex(t, "c6002a"), &s); !ok || d.Known || !d.Start || !d.End || d.FrameNumber != 42 || d.TemplateID != 6 {
		t.Errorf("before the structure: %+v, %v", d, ok)
	}
	key := bitsOf(t, "1 0 000101 0000000000101010 10000 "+l1t2)
	d, ok := ParseDependency(key, &s)
	if !ok || !d.Known || !d.HasStructure || d.HasActive || d.Active != 3 || d.DiffCount != 0 || d.Temporal != 0 {
		t.Fatalf("keyframe: %+v, %v", d, ok)
	}
	if s.Templates != 3 || s.Targets != 2 || s.Chains != 1 || s.Spatial != 1 || s.Width[0] != 640 || s.Height[0] != 360 {
		t.Errorf("structure: %+v", s)
	}
	if s.TargetTemporal != [MaxDecodeTargets]uint8{0, 1} {
		t.Errorf("layers of targets: %v", s.TargetTemporal)
	}
	for _, test := range []struct {
		name, bits string
		want       Dependency
	}{
		{"template", "0 1 000111 0000000000101011", Dependency{
			End: true, TemplateID: 7, FrameNumber: 43, Known: true, Temporal: 1,
			Indications: 0b0100, Diffs: [MaxReferences]uint16{1}, DiffCount: 1, ChainDiffs: [MaxDecodeTargets]uint8{1},
		}},
		{"active decode targets", "1 1 000110 0000000000101100 01000 01", Dependency{
			Start: true, End: true, TemplateID: 6, FrameNumber: 44, Known: true, HasActive: true, Active: 1,
			Indications: 0b1010, Diffs: [MaxReferences]uint16{2}, DiffCount: 1, ChainDiffs: [MaxDecodeTargets]uint8{2},
		}},
		{"custom everything", "1 1 000110 0000000000101101 00111 1110 01 0010 10 00010000 11 100000000000 00 00010001", Dependency{
			Start: true, End: true, TemplateID: 6, FrameNumber: 45, Known: true, Custom: true,
			Indications: 0b1011, Diffs: [MaxReferences]uint16{3, 17, 2049}, DiffCount: 3, ChainDiffs: [MaxDecodeTargets]uint8{17},
		}},
		{"template that was never announced", "1 1 001000 0000000000101110", Dependency{
			Start: true, End: true, TemplateID: 8, FrameNumber: 46,
		}},
	} {
		b := bitsOf(t, test.bits)
		if got, ok := ParseDependency(b, &s); !ok || got != test.want {
			t.Errorf("%s: %x\n got %+v, %v\nwant %+v", test.name, b, got, ok, test.want)
		}
	}
	if d.Indications.Of(0) != Switch || d.Indications.Present() != 3 || d.Indications.Switch() != 3 {
		t.Errorf("indications of the keyframe: %b", d.Indications)
	}
	if i := Indications(0b00_01_10_11); i.Present() != 0b0111 || i.Discardable() != 0b0100 || i.Switch() != 0b0010 || i.Of(0) != Required {
		t.Errorf("indications: present %b, discardable %b, switch %b", i.Present(), i.Discardable(), i.Switch())
	}
	// What is cut short, or beyond a bound, leaves the structure as it was.
	before := s
	for n := range key {
		if _, ok := ParseDependency(key[:n], &s); ok && n != 3 {
			t.Errorf("%d of %d bytes are ok", n, len(key))
		}
	}
	for name, bits := range map[string]string{
		"endless templates":       "1 0 000101 0000000000101010 10000 000101 00001" + strings.Repeat(" 00", 70) + " 11",
		"endless spatial layers":  "1 0 000101 0000000000101010 10000 000101 00001" + strings.Repeat(" 10", 9) + " 11" + strings.Repeat(" 0000", 200),
		"endless temporal layers": "1 0 000101 0000000000101010 10000 000101 00001" + strings.Repeat(" 01", 9) + " 11" + strings.Repeat(" 0000", 200),
		"endless references":      "1 1 000110 0000000000101101 00010" + strings.Repeat(" 01 0010", 17) + " 00",
		"own template missing":    "1 0 010101 0000000000101010 10000 " + l1t2,
	} {
		if _, ok := ParseDependency(bitsOf(t, bits), &s); ok {
			t.Errorf("%s: ok", name)
		}
	}
	if !reflect.DeepEqual(before, s) {
		t.Error("a descriptor that makes no sense changed the structure")
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again DependencyStructure
	if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(s, again) {
		t.Errorf("through JSON: %v", err)
	}
}

func TestAppendDependency(t *testing.T) {
	var s DependencyStructure
	const head, next = "1 0 000101 0000000000101010 ", "1 0 000101 0000000000101100 " // frame numbers 42, 44
	key := bitsOf(t, head+"10000 "+l1t2)
	if _, ok := ParseDependency(key, &s); !ok {
		t.Fatal("no structure")
	}
	offset := DependencyEdit{FrameOffset: 2}
	active := DependencyEdit{FrameOffset: 2, SetActive: true, Active: 1}
	attach := DependencyEdit{FrameOffset: 2, Attach: true}
	both := DependencyEdit{FrameOffset: 2, SetActive: true, Active: 1, Attach: true}
	const custom = " 1110 01 0010 10 00010000 00 00010001"
	for _, test := range []struct {
		name, in string
		edit     DependencyEdit
		want     string
	}{
		{"number of a short one", head, offset, next},
		{"number of a long one", head + "10000 " + l1t2, offset, next + "10000 " + l1t2},
		{"targets in a short one", head, active, next + "01000 01"},
		{"targets replaced", head + "01000 11", active, next + "01000 01"},
		{"targets with a structure", head + "10000 " + l1t2, active, next + "11000 " + l1t2 + " 01"},
		{"targets replaced with a structure", head + "11000 " + l1t2 + " 10", active, next + "11000 " + l1t2 + " 01"},
		{"targets among custom fields", head + "00111 " + custom, active, next + "01111 01" + custom},
		{"targets replaced among custom fields", head + "01111 10" + custom, active, next + "01111 01" + custom},
		{"structure to a short one", head, attach, next + "10000 " + l1t2},
		{"structure to a long one", head + "01111 10" + custom, attach, next + "11111 " + l1t2 + " 10" + custom},
		{"structure where there is one", head + "11111 " + l1t2 + " 10" + custom, attach, next + "11111 " + l1t2 + " 10" + custom},
		{"both to a short one", head, both, next + "11000 " + l1t2 + " 01"},
		{"both among custom fields", head + "00111 " + custom, both, next + "11111 " + l1t2 + " 01" + custom},
	} {
		in, want := bitsOf(t, test.in), bitsOf(t, test.want)
		got := AppendDependency([]byte{0xaa}, in, &s, test.edit)
		if !bytes.Equal(got, append([]byte{0xaa}, want...)) {
			t.Errorf("%s:\n got %x\nwant aa%x", test.name, got, want)
		}
		if n := testing.AllocsPerRun(10, func() { got = AppendDependency(got[:0], in, &s, test.edit) }); n != 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
	// A structure that is not the one that is known.
	other := strings.Replace(l1t2, "000101 00001", "000100 00001", 1)
	in := bitsOf(t, head+"10000 "+other)
	if got, want := AppendDependency(nil, in, &s, active), bitsOf(t, next+"11000 "+other+" 01"); !bytes.Equal(got, want) {
		t.Errorf("another structure:\n got %x\nwant %x", got, want)
	}
	// Where nothing is known but the number, nothing else is changed.
	for _, in := range []string{"85002a", "85002a60", "85002a80"} {
		want := unhex(t, in)
		want[2] += 2
		if got := AppendDependency(nil, unhex(t, in), &DependencyStructure{}, both); !bytes.Equal(got, want) {
			t.Errorf("without a structure: %s becomes %x", in, got)
		}
	}
	if got := AppendDependency(nil, []byte{1, 2}, &s, both); !bytes.Equal(got, []byte{1, 2}) {
		t.Errorf("what is no descriptor becomes %x", got)
	}
}

// FuzzDependency: reading and rewriting any bytes ends, within bounds, and what
// was rewritten reads as before but for what was changed.
func FuzzDependency(f *testing.F) {
	key := bitsOf(f, "1 0 000101 0000000000101010 10000 "+l1t2)
	f.Add(key, unhex(f, "c6002a"), uint16(1), uint32(1), true, true)
	f.Add(key, bitsOf(f, "1 1 000110 0000000000101101 01111 10 1110 01 0010 10 00010000 00 00010001"), uint16(9), uint32(2), true, false)
	f.Add([]byte{}, key, uint16(9), uint32(2), false, true)
	f.Fuzz(func(t *testing.T, first, b []byte, offset uint16, active uint32, setActive, attach bool) {
		var s DependencyStructure
		ParseDependency(first, &s)
		before := s
		before.Raw = bytes.Clone(s.Raw)
		d, ok := ParseDependency(b, &s)
		if !ok && s.Templates != 0 && !reflect.DeepEqual(before, s) {
			t.Fatal("the structure has changed")
		}
		e := DependencyEdit{FrameOffset: offset, SetActive: setActive, Active: active, Attach: attach}
		out := AppendDependency(nil, b, &s, e)
		if !bytes.Equal(out, AppendDependency(nil, b, &s, e)) {
			t.Fatal("the same edit gives other bytes")
		}
		if len(out) > len(b)+len(s.Raw)+8 {
			t.Fatalf("%d bytes became %d", len(b), len(out))
		}
		if !ok || !d.Known || len(out) > 255 {
			return
		}
		receiver := s
		receiver.Raw = bytes.Clone(s.Raw)
		got, ok := ParseDependency(out, &receiver)
		want := d
		want.FrameNumber += offset
		if attach {
			want.HasStructure = true
			if !want.HasActive {
				want.Active = uint32(uint64(1)<<s.Targets - 1)
			}
		}
		if setActive {
			want.HasActive, want.Active = true, active&uint32(uint64(1)<<s.Targets-1)
		}
		if !ok || got != want {
			t.Fatalf("%x became %x:\n got %+v, %v\nwant %+v", b, out, got, ok, want)
		}
	})
}

func TestH264Size(t *testing.T) {
	for _, test := range []struct {
		name, payload string
		width, height int
		bad           bool
	}{
		// As x264 writes them: baseline, high, cropped, interlaced.
		{name: "640×480", payload: "6742c016d900a03db011000003000100000300020f162e48", width: 640, height: 480},
		{name: "1280×720", payload: "6742c01fd9005005bb011000000300100000030020f1832480", width: 1280, height: 720},
		{name: "1920×1080, high", payload: "67640028acd940780227e5c044000003000400000300083c60c658", width: 1920, height: 1080},
		{name: "322×182, high", payload: "6764000cacd941519e226c044000000300400000030083c50a6580", width: 322, height: 182},
		{name: "720×576, interlaced", payload: "67640016acd940b424d808800000030080000003010f8a14cb", width: 720, height: 576},
		{name: "after another NAL unit in a STAP-A", payload: "78" + "0002" + "0910" + "0018" + "6742c016d900a03db011000003000100000300020f162e48", width: 640, height: 480},
		{name: "no parameter set", payload: "41e0", bad: true},
		{name: "empty", bad: true},
		{name: "cut short", payload: "6742c01e", bad: true},
		{name: "STAP-A cut short", payload: "7800186742c016", bad: true},
		{name: "nothing but zeros", payload: "6700000000000000000000000000000000", bad: true},
	} {
		w, h, ok := H264Size(unhex(t, test.payload))
		if ok == test.bad || w != test.width || h != test.height {
			t.Errorf("%s: %d×%d, %v", test.name, w, h, ok)
		}
	}
	payload := unhex(t, "6742c016d900a03db011000003000100000300020f162e48")
	if n := testing.AllocsPerRun(10, func() { H264Size(payload) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzH264Size(f *testing.F) {
	f.Add(unhex(f, "6742c01ed900a03db016a0"))
	f.Add(unhex(f, "780002091000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, h, ok := H264Size(b); ok && (w <= 0 || h <= 0 || w > 1<<16 || h > 1<<17) {
			t.Errorf("%d×%d", w, h)
		}
	})
}

func TestVP9Structure(t *testing.T) {
	payload := unhex(t, "8a"+"0a"+"38"+"0140"+"00b4"+"0280"+"0168"+"02"+"14"+"02"+"50"[:2])
	d, ok := ParseVP9(payload)
	if !ok {
		t.Fatalf("%x does not parse", payload)
	}
	s, ok := d.Structure(payload)
	if !ok || s.SpatialLayers != 2 || s.Width[0] != 320 || s.Height[1] != 360 || s.GroupSize != 2 {
		t.Fatalf("%+v, %v", s, ok)
	}
	if g := s.Group[0]; !g.SwitchUp || g.Temporal != 0 || g.References[0] != 2 {
		t.Errorf("first picture of the group: %+v", g)
	}
	if g := s.Group[1]; !g.SwitchUp || g.Temporal != 2 || g.References[0] != 0 {
		t.Errorf("second picture of the group: %+v", g)
	}
	if _, ok := (&VP9Descriptor{}).Structure(payload); ok {
		t.Error("a structure where there is none")
	}
}

func FuzzVP9Structure(f *testing.F) {
	f.Add(unhex(f, "8a0a38014000b4028001680214020250"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, ok := ParseVP9(b)
		s, has := d.Structure(b)
		if ok && d.HasStructure && !has {
			t.Errorf("%x parses, its structure does not", b)
		}
		if has && ok && s.SpatialLayers != d.SpatialLayers {
			t.Errorf("%d and %d spatial layers", s.SpatialLayers, d.SpatialLayers)
		}
	})
}

func BenchmarkParseDependency(b *testing.B) {
	var s DependencyStructure
	key := bitsOf(b, "1 0 000101 0000000000101010 10000 "+l1t2)
	ParseDependency(key, &s)
	short := []byte{0xc6, 0, 42}
	b.Run("short", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ParseDependency(short, &s)
		}
	})
	b.Run("structure", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ParseDependency(key, &s)
		}
	})
}
