//go:build !linux || !(amd64 || arm64)

package transport

import "net/netip"

var socketVariants = map[string]func(netip.AddrPort) (socket, error){"portable": listenPortable}

var knowsLocal = map[string]bool{}
