package main

import "testing"

func TestMediaAddresses(t *testing.T) {
	for _, good := range []string{":7882", "192.0.2.1:7882", "[2001:db8::1]:7882", ":7882-7885", "off", ":0"} {
		var a mediaAddress
		if err := a.UnmarshalText([]byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		} else if a.String() != good {
			t.Errorf("%s comes back as %s", good, a)
		}
	}
	for _, bad := range []string{"", "7882", "host:7882", ":70000", ":9-8", ":x", "[::1:5"} {
		var a mediaAddress
		if err := a.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was taken for %s", bad, a)
		}
	}
}
