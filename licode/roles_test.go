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

func TestSubRights(t *testing.T) {
	of := func(role string) rights { return rightsOf(permissionsOf(store.Service{}, role)) }
	presenter, viewer, withData, king := of("presenter"), of("viewer"), of("viewerWithData"), of("king")
	for _, c := range []struct {
		who   rights
		parts publishRight
		want  bool
	}{
		{presenter, publishRight{Audio: true, Video: true, Screen: true, Data: true}, true},
		{withData, publishRight{Data: true}, true},
		{withData, publishRight{}, true},
		{withData, publishRight{Audio: true, Data: true}, false},
		{withData, publishRight{Video: true}, false},
		{withData, publishRight{Screen: true}, false},
		{viewer, publishRight{Data: true}, false},
		{viewer, publishRight{}, false},
		{king, publishRight{}, false},
	} {
		if got := c.who.mayPublish(c.parts); got != c.want {
			t.Errorf("%+v, %+v: %v", c.who, c.parts, got)
		}
	}
	for _, right := range []string{"subscribe", "record", "stats", "controlhandlers"} {
		if !presenter.may(right) || king.may(right) || viewer.may(right) != (right == "subscribe") {
			t.Errorf("right %s", right)
		}
	}
	if presenter.may("publish") || presenter.may("__proto__") || slices.Contains(permissionsOf(store.Service{}, "viewer"), protocol.PublishData) {
		t.Error("a right that is none")
	}
}
