package sdp

import (
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

// A state outlives its offer by hours, and one string cut out of the offer would
// keep all of it alive.
func TestNoPartOfAnOfferIsKept(t *testing.T) {
	for _, name := range []string{"chromium-call", "firefox-call"} {
		offer := strings.Clone(fixture(t, name))
		next, _ := mustAnswer(t, nil, offer, testLocal())
		eachString(reflect.ValueOf(next), name, func(where, s string) {
			begin := uintptr(unsafe.Pointer(unsafe.StringData(offer)))
			if at := uintptr(unsafe.Pointer(unsafe.StringData(s))); len(s) > 0 && at >= begin && at < begin+uintptr(len(offer)) {
				t.Errorf("%s is a part of the offer: %q", where, s)
			}
		})
	}
}

func TestSectionsShareWhatIsAlike(t *testing.T) {
	next, _ := mustAnswer(t, nil, withAllSlots(t, "chromium-call"), testLocal())
	lists := map[*Codec]bool{}
	for i := range next.Sections {
		if codecs := next.Sections[i].Codecs; len(codecs) > 0 {
			lists[&codecs[0]] = true
		}
	}
	if len(lists) > 4 { // audio and video, each as sent and as received
		t.Errorf("%d sections have %d lists of codecs", len(next.Sections), len(lists))
	}
}

// eachString visits every string inside a value.
func eachString(v reflect.Value, where string, visit func(where, s string)) {
	switch v.Kind() {
	case reflect.Pointer:
		eachString(v.Elem(), where, visit)
	case reflect.Struct:
		for i := range v.NumField() {
			eachString(v.Field(i), where+"."+v.Type().Field(i).Name, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachString(v.Index(i), where, visit)
		}
	case reflect.String:
		visit(where, v.String())
	}
}
