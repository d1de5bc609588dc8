package transport

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxCandidateAddrs bounds how many addresses are advertised: a machine that
// runs containers may have hundreds, and each costs the peer checks.
const maxCandidateAddrs = 32

// The type preferences of RFC 8445, section 5.1.2.2. TCP has a lower one, as
// RFC 6544, section 4.2 asks, so that it is used only where UDP fails; 90 is
// what libwebrtc gives it.
const (
	typePreferenceHost    = 126
	typePreferenceHostTCP = 90
	typePreferencePrflx   = 110
)

// directionPreferencePassive is for passive host candidates (RFC 6544,
// section 4.2).
const directionPreferencePassive = 4

// Candidate is an address that a peer may send its checks to.
type Candidate struct {
	// Foundation is equal for candidates of one type, address and protocol (RFC
	// 8445, section 5.1.1.3).
	Foundation string
	// Component is always 1: RTP and RTCP share a port.
	Component int
	// Protocol is "udp" or "tcp".
	Protocol string
	Priority uint32
	Addr     netip.AddrPort
	// Type is "host".
	Type string
	// TCPType is "passive" for TCP, else empty.
	TCPType string
}

// String is the value of an SDP candidate attribute (RFC 8839, section 5.1;
// RFC 6544, section 4.5), without "a=candidate:".
func (c Candidate) String() string {
	var s strings.Builder
	s.WriteString(c.Foundation)
	s.WriteByte(' ')
	s.WriteString(strconv.Itoa(c.Component))
	s.WriteByte(' ')
	s.WriteString(c.Protocol)
	s.WriteByte(' ')
	s.WriteString(strconv.FormatUint(uint64(c.Priority), 10))
	s.WriteByte(' ')
	s.WriteString(c.Addr.Addr().String())
	s.WriteByte(' ')
	s.WriteString(strconv.Itoa(int(c.Addr.Port())))
	s.WriteString(" typ ")
	s.WriteString(c.Type)
	if c.TCPType != "" {
		s.WriteString(" tcptype ")
		s.WriteString(c.TCPType)
	}
	return s.String()
}

// LocalCandidates says what to advertise for a UDP socket and a TCP listener,
// given by the addresses they are bound to; the zero AddrPort for none. A
// specific host is advertised alone; in place of all interfaces stand the
// addresses of those that are up, loopback too, IPv6 link-local not. If there
// are publicIPs (a NAT that forwards our ports), they take the place of all
// that. UDP comes before TCP; public addresses before private before loopback.
func LocalCandidates(udp, tcp netip.AddrPort, publicIPs []netip.Addr) ([]Candidate, error) {
	var interfaces []netip.Addr
	if len(publicIPs) == 0 && (isWildcard(udp) || isWildcard(tcp)) {
		var err error
		if interfaces, err = interfaceAddrs(); err != nil {
			return nil, err
		}
	}
	candidates := candidatesFor(udp, tcp, interfaces, publicIPs)
	if len(candidates) == 0 {
		return nil, errors.New("no address to advertise for media: no interface of this machine is usable")
	}
	return candidates, nil
}

func isWildcard(a netip.AddrPort) bool {
	return a.Port() != 0 && (!a.Addr().IsValid() || a.Addr().IsUnspecified())
}

// interfaceAddrs lists the addresses of the interfaces that are up.
func interfaceAddrs() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		list, err := i.Addrs()
		if err != nil {
			continue // the interface has just gone
		}
		for _, a := range list {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				addrs = append(addrs, prefix.Addr().Unmap())
			}
		}
	}
	return addrs, nil
}

// candidatesFor is LocalCandidates for given interface addresses.
func candidatesFor(udp, tcp netip.AddrPort, interfaces, publicIPs []netip.Addr) []Candidate {
	var candidates []Candidate
	add := func(bound netip.AddrPort, candidate func(preference int, addr netip.AddrPort) Candidate) {
		if bound.Port() == 0 {
			return
		}
		for i, addr := range advertised(bound.Addr(), interfaces, publicIPs) {
			c := candidate(i, netip.AddrPortFrom(addr, bound.Port()))
			c.Foundation = strconv.Itoa(len(candidates) + 1)
			c.Component = 1
			c.Type = "host"
			candidates = append(candidates, c)
		}
	}
	add(udp, func(i int, addr netip.AddrPort) Candidate {
		return Candidate{Protocol: "udp", Addr: addr, Priority: priority(typePreferenceHost, 65535-i)}
	})
	add(tcp, func(i int, addr netip.AddrPort) Candidate {
		return Candidate{Protocol: "tcp", TCPType: "passive", Addr: addr,
			Priority: priority(typePreferenceHostTCP, tcpLocalPreference(i))}
	})
	return candidates
}

// priority is the formula of RFC 8445, section 5.1.2.1 for component 1.
func priority(typePreference, localPreference int) uint32 {
	return uint32(typePreference)<<24 | uint32(localPreference)<<8 | (256 - 1)
}

// tcpLocalPreference is the formula of RFC 6544, section 4.2; i counts down
// the addresses from the preferred.
func tcpLocalPreference(i int) int {
	return directionPreferencePassive<<13 | (1<<13 - 1 - i)
}

// advertised lists the addresses for a socket bound to host, the preferred
// first.
func advertised(host netip.Addr, interfaces, publicIPs []netip.Addr) []netip.Addr {
	host = host.Unmap()
	list := interfaces
	switch {
	case len(publicIPs) > 0:
		list = publicIPs
	case host.IsValid() && !host.IsUnspecified():
		return []netip.Addr{host.WithZone("")}
	}
	var addrs []netip.Addr
	for _, a := range list {
		a = a.Unmap().WithZone("")
		unusable := !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Is6() && a.IsLinkLocalUnicast() ||
			a.Is6() && host.Is4() // the socket speaks no IPv6
		if !unusable && !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	if len(publicIPs) == 0 {
		slices.SortStableFunc(addrs, func(a, b netip.Addr) int { return reach(b) - reach(a) })
	}
	return addrs[:min(len(addrs), maxCandidateAddrs)]
}

// reach ranks an address by how far it is known.
func reach(a netip.Addr) int {
	switch {
	case a.IsLoopback():
		return 0
	case a.IsLinkLocalUnicast():
		return 1
	case a.IsPrivate():
		return 2
	}
	return 3
}
