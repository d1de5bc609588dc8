//go:build !linux || !(amd64 || arm64)

package transport

import (
	"errors"
	"net/netip"
	"time"
)

// manySockets is not there on this system.
type manySockets struct{}

var errManySockets = errors.New("many sockets at once are read on Linux (amd64, arm64) only")

func (*manySockets) init(*SocketsStats) error { return errManySockets }
func (*manySockets) open(local netip.AddrPort) (int, netip.AddrPort, error) {
	return 0, local, errManySockets
}
func (*manySockets) shut(int) {}
func (*manySockets) close()   {}

// Wait is for systems that have it.
func (*Sockets) Wait(time.Time) ([]int, error) { return nil, errManySockets }

// Wake does nothing.
func (*Sockets) Wake() {}

// Read reads nothing.
func (*Sockets) Read(int) int { return 0 }

// Datagram is never called.
func (*Sockets) Datagram(int) ([]byte, netip.AddrPort, int64) { return nil, netip.AddrPort{}, 0 }

// Reserve has no room.
func (*Sockets) Reserve(int) []byte { return nil }

// Commit does nothing.
func (*Sockets) Commit(int) {}

// Send sends nothing.
func (*Sockets) Send(int, netip.AddrPort) {}
