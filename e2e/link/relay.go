package main

import (
	"errors"
	"log"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxClients   = 64      // of one relay; packets of more are dropped
	maxDatagram  = 1 << 16 // bytes, more than any
	kernelBuffer = 4 << 20 // bytes, so that the kernel drops nothing before the link does
)

// relay stands between clients and one server.
type relay struct {
	server   netip.AddrPort
	socket   *net.UDPConn // for the clients
	up, down *direction
	end      chan struct{}

	mu        sync.Mutex
	byAddress map[netip.AddrPort]int
	clients   []*client
}

// client is an address that packets came from, and the socket that the server
// knows it by.
type client struct {
	address  netip.AddrPort
	upstream *net.UDPConn
}

// newRelay starts a relay that neither loses nor delays.
func newRelay(listen, server netip.AddrPort, seed uint64) (*relay, error) {
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(listen))
	if err != nil {
		return nil, err
	}
	r := &relay{server: server, socket: socket, end: make(chan struct{}), byAddress: map[netip.AddrPort]int{}}
	_ = socket.SetReadBuffer(kernelBuffer)
	r.up = newDirection(rand.New(rand.NewPCG(seed, 1)), func(client int, packet []byte) {
		// What the server refuses is lost, as in any network.
		_, _ = r.client(client).upstream.Write(packet)
	})
	r.down = newDirection(rand.New(rand.NewPCG(seed, 2)), func(client int, packet []byte) {
		_, _ = r.socket.WriteToUDPAddrPort(packet, r.client(client).address)
	})
	go r.up.run(r.end)
	go r.down.run(r.end)
	go r.readClients()
	return r, nil
}

func (r *relay) address() net.Addr { return r.socket.LocalAddr() }

func (r *relay) client(i int) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clients[i]
}

func (r *relay) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.clients)
}

func (r *relay) close() {
	close(r.end)
	_ = r.socket.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		_ = c.upstream.Close()
	}
}

func (r *relay) readClients() {
	buffer := make([]byte, maxDatagram)
	for {
		n, from, err := r.socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // a client is gone: ICMP said so
		}
		now := time.Now()
		i, ok := r.known(from)
		if !ok {
			continue
		}
		r.up.send(now, i, buffer[:n])
	}
}

// known gives the number of a client, who may be new.
func (r *relay) known(from netip.AddrPort) (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.byAddress[from]; ok {
		return i, true
	}
	if len(r.clients) == maxClients {
		return 0, false
	}
	upstream, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.server))
	if err != nil {
		log.Printf("no socket for %v: %v", from, err)
		return 0, false
	}
	_ = upstream.SetReadBuffer(kernelBuffer)
	i := len(r.clients)
	r.clients = append(r.clients, &client{address: from, upstream: upstream})
	r.byAddress[from] = i
	go r.readServer(i, upstream)
	return i, true
}

func (r *relay) readServer(i int, upstream *net.UDPConn) {
	buffer := make([]byte, maxDatagram)
	for {
		n, err := upstream.Read(buffer)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // the server is not there, or not yet
		}
		r.down.send(time.Now(), i, buffer[:n])
	}
}
