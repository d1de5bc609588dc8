package licode

import (
	"slices"
	"testing"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// The roles of Licode's default configuration, told as it tells them.
func TestRolesAreToldInLicodesWords(t *testing.T) {
	service := store.Service{Roles: map[string][]protocol.Permission{
		"singer": {protocol.PublishAudio, protocol.Record},
		"viewer": {},
	}}
	for _, c := range []struct {
		service store.Service
		role    string
		want    string
	}{
		{store.Service{}, "presenter", `{"publish":true,"subscribe":true,"record":true,"stats":true,"controlhandlers":true}`},
		{store.Service{}, "viewer", `{"subscribe":true}`},
		{store.Service{}, "viewerWithData", `{"publish":{"audio":false,"video":false,"screen":false,"data":true},"subscribe":true}`},
		{store.Service{}, "king", `{}`},
		{store.Service{}, "", `{}`},
		{service, "singer", `{"publish":{"audio":true,"video":false,"screen":false,"data":false},"record":true}`},
		{service, "viewer", `{}`}, // the service's own goes before the built-in one
	} {
		permissions := permissionsOf(c.service, c.role)
		if permissions == nil {
			t.Errorf("%s: permissions that are nil would be those of the role", c.role)
		}
		if text, err := encode(rightsOf(permissions)); err != nil || string(text) != c.want {
			t.Errorf("%s: %s %v, want %s", c.role, text, err, c.want)
		}
	}
}

func TestViewersPublishNothing(t *testing.T) {
	if permissions := permissionsOf(store.Service{}, "viewer"); slices.Contains(permissions, protocol.PublishData) {
		t.Error(permissions)
	}
}
