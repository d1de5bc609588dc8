//go:build !linux || !(amd64 || arm64)

package transport

import "net/netip"

func listenNative(addr netip.AddrPort, _ bool) (socket, error) { return listenPortable(addr) }

func shareNative(addr netip.AddrPort, n int) ([]socket, error) { return sharePortable(addr, n) }

// kernelBatch is for systems that read in batches.
type kernelBatch struct{}

func (*kernelBatch) init([]byte, int) {}
