package transport

import (
	"net/netip"
	"strconv"
)

// MaxDatagram is the size in bytes of the largest datagram or TCP frame that
// is taken from a peer. WebRTC peers keep to 1,500 and less; what is longer
// is dropped and counted.
const MaxDatagram = 2048

// Path is where a datagram came from, and where answers to it go: the
// addresses are as seen from here. It is comparable, so it serves as a map
// key, and it is the zero Path for "nowhere".
type Path struct {
	// Remote is the address of the peer, never an IPv4 address in IPv6 form.
	Remote netip.AddrPort `json:"remote"`
	// Local is our address that the peer sent to; answers leave from it. It is
	// the zero Addr where the system does not tell, and then the system
	// chooses the source of answers.
	Local netip.Addr `json:"local"`
	// TCP is the number of the ICE-TCP connection, unique in the process; zero
	// for UDP.
	TCP uint32 `json:"tcp,omitempty"`
}

// IsValid reports whether p leads anywhere.
func (p Path) IsValid() bool { return p.Remote.IsValid() }

// String is for people who read logs, such as "udp 192.0.2.7:5004 (at 192.0.2.1)".
func (p Path) String() string {
	if !p.IsValid() {
		return "nowhere"
	}
	s := "udp "
	if p.TCP != 0 {
		s = "tcp#" + strconv.FormatUint(uint64(p.TCP), 10) + " "
	}
	s += p.Remote.String()
	if p.Local.IsValid() {
		s += " (at " + p.Local.String() + ")"
	}
	return s
}
