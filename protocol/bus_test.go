package protocol

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

const (
	someRoom        RoomID        = "0123456789abcdef01234567"
	someParticipant ParticipantID = "00000000-0000-4000-8000-000000000001"
)

var fullPreference = Preference{Stream: 1, Track: "cam", Width: 640, Height: 360, FrameRate: 29.97, MaxBitrate: 500_000, Priority: 20, Paused: true,
	Pin: &PinnedLayer{Spatial: 1, Temporal: 2}, Slideshow: 2000, SlideshowBelow: 1}

// commandSamples has every command, each with every field set.
var commandSamples = []CommandBody{
	Negotiate{Participant: someParticipant, Transport: "main", SDP: "v=0\r\n", Codecs: []string{"VP8"}},
	OfferTransport{Participant: someParticipant, Codecs: []string{"VP8"}, Kinds: []Kind{Video}, Invite: Invite{
		Transport: "main", Add: []InvitedSection{{Stream: 1, Track: "cam", Label: "{x}"}}, Stop: []string{"v1-0"}, Restart: true}},
	AcceptAnswer{someParticipant, InviteAnswer{Transport: "main", SDP: "v=0\r\n"}},
	TargetLink{someParticipant, LinkTarget{Transport: "main", Bitrate: 3_000_000}},
	DropTransport{Participant: someParticipant, Transport: "main"},
	PublishStream{Participant: someParticipant, Stream: MaxStreamID, Data: true, Tracks: []PublishTrack{
		{Track: Track{ID: "cam", Kind: Video, Source: Camera, Muted: true, Codec: "VP8"}, Transport: "main", MID: "0"}}},
	UnpublishStream{Stream: 1},
	SubscribeStream{Participant: someParticipant, SubscribeTo: SubscribeTo{Stream: 1, Transport: "main", Tracks: []TrackID{"cam"}, Data: true}},
	UnsubscribeStream{Participant: someParticipant, Stream: 1},
	PreferTrack{someParticipant, fullPreference},
	ConfigureRoom{DefaultRoomSettings},
	MuteTrack{Stream: 1, Track: "cam", Muted: true},
	LimitTrack{Stream: 1, Track: "cam", MaxBitrate: 300_000},
	DropParticipant{Participant: someParticipant},
	DropRoom{},
	ListRoom{},
	ReadCounters{Participant: someParticipant},
}

var eventSamples = []EventBody{
	Done{},
	Failed{Error{Code: CodeLimit, Message: "Full."}},
	Negotiated{SDP: "v=0\r\n"},
	Offered{Invitation{SDP: "v=0\r\n", MIDs: []string{"v1-0"}}},
	TransportChanged{someParticipant, TransportState{Transport: "main", State: TransportClosed, Reason: "No consent."}},
	SlotsChanged{someParticipant, Slots{Transport: "main", Slots: []Slot{{MID: "1", Stream: 1, Track: "cam"}, {MID: "2"}}}},
	SlotsMissing{someParticipant, SlotsWanted{Transport: "main", Audio: 4, Video: 8}},
	SubscriptionChanged{someParticipant, Subscription{Stream: 1, Track: "cam", State: SubscriptionUnsupported, Codec: "AV1", Reason: "No AV1.", Cause: PausedByBandwidth}},
	LayersNeeded{someParticipant, LayersWanted{Stream: 1, Track: "cam", Layers: []WantedLayer{{RID: "q", Wanted: true}, {RID: "h", Spatial: 1}}}},
	TrackStarted{Stream: 1, Track: "cam", Codec: "VP8"},
	SpeakersChanged{Speakers{[]Speaker{{Stream: 1, Track: "mic", Level: -31}}}},
	Listing{
		Transports:    []ListedTransport{{someParticipant, "main", TransportConnected}},
		Streams:       []PublishStream{{Participant: someParticipant, Stream: 1, Tracks: []PublishTrack{}, Data: true}},
		Subscriptions: []ListedSubscription{{someParticipant, SubscribeTo{Stream: 1, Transport: "main"}}},
	},
	Counters{Transports: json.RawMessage(`[{"packets":1}]`)},
}

func TestEveryCommandThroughItsEncoding(t *testing.T) {
	seen := map[string]bool{}
	for _, body := range commandSamples {
		requireFull(t, body)
		seen[body.commandType()] = true
		c, got, err := DecodeCommand(EncodeCommand(someRoom, 3, 4, body))
		if err != nil {
			t.Errorf("%T: %v", body, err)
			continue
		}
		if c.Room != someRoom || c.Epoch != 3 || c.Request != 4 || c.Type != body.commandType() {
			t.Errorf("%T: the envelope came out as %+v", body, c)
		}
		if !reflect.DeepEqual(got, body) {
			t.Errorf("%T came out as %+v, went in as %+v", body, got, body)
		}
	}
	for typ := range commandBodies {
		if !seen[typ] {
			t.Errorf("command %q has no sample in this test", typ)
		}
	}
}

func TestEveryEventThroughItsEncoding(t *testing.T) {
	seen := map[string]bool{}
	for _, body := range eventSamples {
		requireFull(t, body)
		seen[body.eventType()] = true
		e, got, err := DecodeEvent(EncodeEvent("w1", someRoom, 3, 4, body))
		if err != nil {
			t.Errorf("%T: %v", body, err)
			continue
		}
		if e.Worker != "w1" || e.Room != someRoom || e.Epoch != 3 || e.Re != 4 || e.Type != body.eventType() {
			t.Errorf("%T: the envelope came out as %+v", body, e)
		}
		if !reflect.DeepEqual(got, body) {
			t.Errorf("%T came out as %+v, went in as %+v", body, got, body)
		}
	}
	for typ := range eventBodies {
		if !seen[typ] {
			t.Errorf("event %q has no sample in this test", typ)
		}
	}
}

// requireFull keeps the samples honest: a field that is zero proves nothing.
func requireFull(t *testing.T, body any) {
	t.Helper()
	v := reflect.ValueOf(body)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the sample of %T leaves %s zero", body, v.Type().Field(i).Name)
		}
	}
}

func TestNoTracksAreNotAllTracks(t *testing.T) {
	for _, tracks := range [][]TrackID{nil, {}, {"cam"}} {
		_, body, err := DecodeCommand(EncodeCommand(someRoom, 1, 1, SubscribeStream{SubscribeTo: SubscribeTo{Stream: 1, Tracks: tracks}}))
		if err != nil {
			t.Fatal(err)
		}
		if got := body.(SubscribeStream).Tracks; !reflect.DeepEqual(got, tracks) {
			t.Errorf("%#v came out as %#v", tracks, got)
		}
	}
}

func TestDecodingNonsense(t *testing.T) {
	for _, s := range []string{``, `{`, `[]`, `{"type":"fly"}`, `{"type":"mute","body":[]}`, `{"type":"slots","body":{"participant":1}}`, `{"epoch":-1,"type":"done"}`} {
		if _, _, err := DecodeCommand([]byte(s)); err == nil {
			t.Errorf("%q was taken for a command", s)
		}
		if _, _, err := DecodeEvent([]byte(s)); err == nil {
			t.Errorf("%q was taken for an event", s)
		}
	}
	if _, body, err := DecodeCommand([]byte(`{"type":"drop-room"}`)); err != nil || body != (DropRoom{}) {
		t.Errorf("a command without body came out as %v, %v", body, err)
	}
}

func FuzzDecodeCommand(f *testing.F) {
	for _, body := range commandSamples {
		f.Add(EncodeCommand(someRoom, 1, 2, body))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, body, err := DecodeCommand(b)
		if err != nil {
			return
		}
		once := EncodeCommand(c.Room, c.Epoch, c.Request, body)
		_, again, err := DecodeCommand(once)
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice := EncodeCommand(c.Room, c.Epoch, c.Request, again); !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s", once, twice)
		}
	})
}

func FuzzDecodeEvent(f *testing.F) {
	for _, body := range eventSamples {
		f.Add(EncodeEvent("w1", someRoom, 1, 2, body))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, body, err := DecodeEvent(b)
		if err != nil {
			return
		}
		once := EncodeEvent(e.Worker, e.Room, e.Epoch, e.Re, body)
		_, again, err := DecodeEvent(once)
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice := EncodeEvent(e.Worker, e.Room, e.Epoch, e.Re, again); !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s", once, twice)
		}
	})
}
