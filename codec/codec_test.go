package codec

import "testing"

func TestParseH264Format(t *testing.T) {
	for _, test := range []struct {
		fmtp string
		want H264Format
		bad  bool
	}{
		// What Chromium, Firefox, Safari and GStreamer write.
		{fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", want: H264Format{H264ConstrainedBaseline, 31, 1, true}},
		{fmtp: "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f", want: H264Format{H264Baseline, 31, 0, true}},
		{fmtp: "profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1", want: H264Format{H264ConstrainedBaseline, 31, 1, true}},
		{fmtp: "level-asymmetry-allowed=1; packetization-mode=1; profile-level-id=640C1F", want: H264Format{H264ConstrainedHigh, 31, 1, true}},
		{fmtp: "packetization-mode=1;profile-level-id=4d0032", want: H264Format{H264Main, 50, 1, false}},
		{fmtp: "PROFILE-LEVEL-ID=64001f", want: H264Format{H264High, 31, 0, false}},
		{fmtp: "profile-level-id=f4001f", want: H264Format{H264High444, 31, 0, false}},
		// Constrained Baseline under the names of other profiles, table 5.
		{fmtp: "profile-level-id=4d801f", want: H264Format{Profile: H264ConstrainedBaseline, Level: 31}},
		{fmtp: "profile-level-id=58c01f", want: H264Format{Profile: H264ConstrainedBaseline, Level: 31}},
		{fmtp: "profile-level-id=58801f", want: H264Format{Profile: H264Baseline, Level: 31}},
		{fmtp: "profile-level-id=58001f", want: H264Format{Profile: H264Extended, Level: 31}},
		// "If the profile-level-id parameter is not present … the Baseline
		// profile without additional constraints at Level 1 MUST be inferred."
		{fmtp: "", want: H264Format{Profile: H264Baseline, Level: 10}},
		// Level 1b: level_idc 11 with constraint_set3_flag, or 9.
		{fmtp: "profile-level-id=42f00b", want: H264Format{Profile: H264ConstrainedBaseline, Level: H264Level1b}},
		{fmtp: "profile-level-id=42e00b", want: H264Format{Profile: H264ConstrainedBaseline, Level: 11}},
		{fmtp: "profile-level-id=640009", want: H264Format{Profile: H264High, Level: H264Level1b}},

		{fmtp: "profile-level-id=42e0", bad: true},
		{fmtp: "profile-level-id=42e01g", bad: true},
		{fmtp: "profile-level-id=0042e01f", bad: true},
		{fmtp: "profile-level-id=ff001f", bad: true},
		{fmtp: "profile-level-id=42011f", bad: true}, // a reserved bit
		{fmtp: "packetization-mode=2;profile-level-id=42e01f", bad: true},
	} {
		got, ok := ParseH264Format(test.fmtp)
		if ok == test.bad || got != test.want {
			t.Errorf("ParseH264Format(%q) = %+v, %v; want %+v, %v", test.fmtp, got, ok, test.want, !test.bad)
		}
	}
}

func TestMatchAndDecodes(t *testing.T) {
	video := func(name, fmtp string) Codec { return Codec{Name: name, ClockRate: 90000, Fmtp: fmtp} }
	h264 := func(profile, mode string) Codec {
		return video("H264", "level-asymmetry-allowed=1;packetization-mode="+mode+";profile-level-id="+profile)
	}
	for _, test := range []struct {
		name             string
		receiver, stream Codec
		match, decodes   bool
	}{
		{"names without regard to case", video("vp8", ""), video("VP8", ""), true, true},
		{"other names", video("VP8", ""), video("VP9", ""), false, false},
		{"other clock", Codec{Name: "opus", ClockRate: 48000, Channels: 2}, Codec{Name: "opus", ClockRate: 24000, Channels: 2}, false, false},
		{"channels: one is the default", Codec{Name: "PCMU", ClockRate: 8000}, Codec{Name: "PCMU", ClockRate: 8000, Channels: 1}, true, true},
		{"opus: wishes do not count", Codec{"opus", 48000, 2, "minptime=10;useinbandfec=1"}, Codec{"opus", 48000, 2, "stereo=1"}, true, true},
		{"VP9: profile 0 is the default", video("VP9", ""), video("VP9", "profile-id=0"), true, true},
		{"VP9: profile 2 is another format", video("VP9", "profile-id=0"), video("VP9", "profile-id=2"), false, false},
		{"AV1: tier and level do not count", video("AV1", ""), video("AV1", "level-idx=5;profile=0;tier=0"), true, true},
		{"AV1: profile counts", video("AV1", "profile=0"), video("AV1", "profile=1"), false, false},
		{"H264: another level", h264("42e01f", "1"), h264("42e034", "1"), true, true},
		{"H264: the same profile by other bits", h264("42e01f", "1"), h264("4d801f", "1"), true, true},
		{"H264: mode 0 into mode 1", h264("42e01f", "1"), h264("42e01f", "0"), false, true},
		{"H264: mode 1 into mode 0", h264("42e01f", "0"), h264("42e01f", "1"), false, false},
		{"H264: constrained baseline into high", h264("64001f", "1"), h264("42e01f", "1"), false, true},
		{"H264: high into constrained baseline", h264("42e01f", "1"), h264("64001f", "1"), false, false},
		{"H264: main into constrained high", h264("640c1f", "1"), h264("4d001f", "1"), false, true},
		{"H264: unknown profile", h264("ffffff", "1"), h264("42e01f", "1"), false, false},
		{"H264: baseline may use what main lacks", h264("4d001f", "1"), h264("42001f", "1"), false, false},
	} {
		if got := Match(test.receiver, test.stream); got != test.match {
			t.Errorf("%s: Match = %v", test.name, got)
		}
		if got := Match(test.stream, test.receiver); got != test.match {
			t.Errorf("%s: Match the other way = %v", test.name, got)
		}
		if got := Decodes(test.receiver, test.stream); got != test.decodes {
			t.Errorf("%s: Decodes = %v", test.name, got)
		}
	}
}

func TestKnown(t *testing.T) {
	for _, test := range []struct {
		codec Codec
		want  bool
	}{
		{Codec{"opus", 48000, 2, ""}, true},
		{Codec{"OPUS", 48000, 2, ""}, true},
		{Codec{"opus", 48000, 1, ""}, false}, // RFC 7587: "the number of channels MUST be 2"
		{Codec{"red", 48000, 2, "111/111"}, true},
		{Codec{"red", 90000, 0, ""}, false},
		{Codec{"G722", 8000, 1, ""}, true},
		{Codec{"G722", 16000, 1, ""}, false},
		{Codec{"VP9", 90000, 0, "profile-id=1"}, false},
		{Codec{"VP9", 90000, 0, "profile-id=2"}, true},
		{Codec{"VP9", 90000, 0, "profile-id=x"}, false},
		{Codec{"AV1", 90000, 0, "profile=3"}, false},
		{Codec{"H264", 90000, 0, "packetization-mode=2"}, false},
		{Codec{"H265", 90000, 0, ""}, false},
		{Codec{"rtx", 90000, 0, "apt=96"}, false},
		{Codec{"telephone-event", 8000, 1, ""}, false},
	} {
		if got := Known(test.codec); got != test.want {
			t.Errorf("Known(%+v) = %v", test.codec, got)
		}
	}
}
