package protocol

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
)

func TestIDs(t *testing.T) {
	hex := "0123456789abcdef01234567"
	uuid := "01234567-89ab-4def-8123-456789abcdef"
	for id, want := range map[string]bool{hex: true, "": false, hex[1:]: false, hex + "0": false, strings.ToUpper(hex): false, "0123456789abcdefg1234567": false} {
		if RoomID(id).Valid() != want || ServiceID(id).Valid() != want || TokenID(id).Valid() != want {
			t.Errorf("%q is valid: not %v", id, want)
		}
	}
	for id, want := range map[string]bool{uuid: true, "": false, strings.ToUpper(uuid): false, strings.ReplaceAll(uuid, "-", "0"): false, uuid[1:]: false, "{" + uuid[1:35] + "}": false} {
		if ParticipantID(id).Valid() != want {
			t.Errorf("%q is valid: not %v", id, want)
		}
	}
	for id, want := range map[string]bool{"a": true, "A-z_9": true, strings.Repeat("x", 32): true, "": false, strings.Repeat("x", 33): false, "é": false, "a b": false, "a\x00": false} {
		if TrackID(id).Valid() != want || TransportID(id).Valid() != want {
			t.Errorf("%q is valid: not %v", id, want)
		}
	}
	for id, want := range map[StreamID]bool{0: false, 1: true, MaxStreamID: true, MaxStreamID + 1: false} {
		if id.Valid() != want {
			t.Errorf("%d is valid: not %v", id, want)
		}
	}
	if StreamID(float64(MaxStreamID)) != MaxStreamID {
		t.Error("a JavaScript number does not hold MaxStreamID")
	}
}

func TestNewIDs(t *testing.T) {
	if id := NewHexID(); !RoomID(id).Valid() || id == NewHexID() {
		t.Errorf("new id %q", id)
	}
	id, err := NewParticipantID(rand.Reader)
	if err != nil || !id.Valid() || id[14] != '4' || !strings.Contains("89ab", string(id[19])) {
		t.Errorf("new participant id %q, %v (RFC 9562 §5.4)", id, err)
	}
	if _, err := NewParticipantID(bytes.NewReader(nil)); err == nil {
		t.Error("a participant id without randomness")
	}
}
