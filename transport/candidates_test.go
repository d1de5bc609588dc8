package transport

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/pion/webrtc/v4"
)

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestCandidatesFor(t *testing.T) {
	machine := addrs("127.0.0.1", "::1", "192.168.1.5", "fe80::1", "2001:db8::5", "198.51.100.7", "fd00::7", "224.0.0.1", "192.168.1.5")
	ap := netip.MustParseAddrPort
	tests := []struct {
		name     string
		udp, tcp netip.AddrPort
		public   []netip.Addr
		want     []string
	}{
		{"all interfaces", ap("[::]:7882"), ap("[::]:7882"), nil, []string{
			"1 1 udp 2130706431 2001:db8::5 7882 typ host",
			"2 1 udp 2130706175 198.51.100.7 7882 typ host",
			"3 1 udp 2130705919 192.168.1.5 7882 typ host",
			"4 1 udp 2130705663 fd00::7 7882 typ host",
			"5 1 udp 2130705407 127.0.0.1 7882 typ host",
			"6 1 udp 2130705151 ::1 7882 typ host",
			"7 1 tcp 1520435199 2001:db8::5 7882 typ host tcptype passive",
			"8 1 tcp 1520434943 198.51.100.7 7882 typ host tcptype passive",
			"9 1 tcp 1520434687 192.168.1.5 7882 typ host tcptype passive",
			"10 1 tcp 1520434431 fd00::7 7882 typ host tcptype passive",
			"11 1 tcp 1520434175 127.0.0.1 7882 typ host tcptype passive",
			"12 1 tcp 1520433919 ::1 7882 typ host tcptype passive",
		}},
		{"IPv4 only, no TCP", ap("0.0.0.0:1"), netip.AddrPort{}, nil, []string{
			"1 1 udp 2130706431 198.51.100.7 1 typ host",
			"2 1 udp 2130706175 192.168.1.5 1 typ host",
			"3 1 udp 2130705919 127.0.0.1 1 typ host",
		}},
		{"one host", ap("192.0.2.1:2"), ap("192.0.2.1:3"), nil, []string{
			"1 1 udp 2130706431 192.0.2.1 2 typ host",
			"2 1 tcp 1520435199 192.0.2.1 3 typ host tcptype passive",
		}},
		{"public addresses", ap("10.0.0.1:2"), netip.AddrPort{}, addrs("203.0.113.2", "203.0.113.1"), []string{
			"1 1 udp 2130706431 203.0.113.2 2 typ host",
			"2 1 udp 2130706175 203.0.113.1 2 typ host",
		}},
		{"nothing", netip.AddrPort{}, netip.AddrPort{}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range candidatesFor(tt.udp, tt.tcp, machine, tt.public) {
				got = append(got, c.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

func TestCandidatesAreBounded(t *testing.T) {
	var machine []netip.Addr
	a := netip.MustParseAddr("10.0.0.0")
	for range 500 {
		a = a.Next()
		machine = append(machine, a)
	}
	if n := len(candidatesFor(netip.MustParseAddrPort("[::]:1"), netip.AddrPort{}, machine, nil)); n != maxCandidateAddrs {
		t.Errorf("%d candidates", n)
	}
}

func TestLocalCandidates(t *testing.T) {
	got, err := LocalCandidates(netip.MustParseAddrPort("[::]:7882"), netip.MustParseAddrPort("127.0.0.1:7882"), nil)
	if err != nil {
		t.Fatal(err)
	}
	loopback := false
	for _, c := range got {
		loopback = loopback || c.Protocol == "udp" && c.Addr.Addr().IsLoopback()
		if c.Addr.Addr().Is6() && c.Addr.Addr().IsLinkLocalUnicast() {
			t.Errorf("link-local address: %v", c)
		}
	}
	if !loopback {
		t.Error("loopback is missing")
	}
	if c := got[len(got)-1]; c.Protocol != "tcp" || c.Addr.String() != "127.0.0.1:7882" {
		t.Errorf("the last candidate is %v", c)
	}
	if _, err := LocalCandidates(netip.AddrPort{}, netip.AddrPort{}, nil); err == nil {
		t.Error("no address, and no error")
	}
}

// Another implementation reads the lines.
func TestCandidateIsUnderstood(t *testing.T) {
	offerer, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer offerer.Close()
	if _, err := offerer.CreateDataChannel("x", nil); err != nil {
		t.Fatal(err)
	}
	offer, err := offerer.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	answerer, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer answerer.Close()
	if err := answerer.SetRemoteDescription(offer); err != nil {
		t.Fatal(err)
	}
	for _, c := range candidatesFor(netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddrPort("[::1]:9"), nil, nil) {
		if err := answerer.AddICECandidate(webrtc.ICECandidateInit{Candidate: "candidate:" + c.String()}); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}
