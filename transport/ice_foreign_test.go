package transport

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/ice/v4"
)

// loop is the least that an owner of sockets and an agent does: it echoes what
// comes by the selected path.
type loop struct {
	t     *testing.T
	agent Agent
	udp   *UDP
	tcp   *TCP
	// came are the datagrams of all TCP connections.
	came chan packet
	done chan struct{}
}

func startLoop(t *testing.T, addr netip.AddrPort, useTCP bool) *loop {
	t.Helper()
	udp, err := ListenUDP(addr, false)
	if err != nil {
		t.Skip(err)
	}
	l := &loop{t: t, agent: NewAgent(time.Now(), rand.Reader, 0), udp: udp, came: make(chan packet, 100), done: make(chan struct{})}
	if useTCP {
		deliver := func(path Path) func(b []byte) {
			return func(b []byte) {
				l.came <- packet{data: bytes.Clone(b), path: path}
				udp.Wake()
			}
		}
		if l.tcp, err = ListenTCP(addr, func(c *TCPConn, first []byte) {
			deliver(c.Path())(first)
			c.Run(deliver(c.Path()))
		}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.tcp.Close() })
	}
	t.Cleanup(func() {
		udp.Close()
		<-l.done
	})
	return l
}

func (l *loop) run() {
	defer close(l.done)
	b := NewBatch(64)
	w := NewWriter(l.udp)
	for l.udp.Read(b, l.agent.Timer()) == nil {
		for i := range b.Len() {
			data, path := b.Packet(i)
			l.handle(w, data, path)
		}
		for len(l.came) > 0 {
			p := <-l.came
			l.handle(w, p.data, p.path)
		}
		w.Flush()
		l.agent.Advance(time.Now(), l.send)
	}
}

func (l *loop) send(to Path, b []byte) {
	if to.TCP == 0 {
		_ = SendTo(l.udp, to, b)
	} else if c := l.tcp.Conn(to.TCP); c != nil {
		c.Send(b, ClassControl)
	}
}

func (l *loop) handle(w *Writer, data []byte, path Path) {
	if Classify(data) == STUN {
		_, err := l.agent.HandleSTUN(time.Now(), data, path, l.send)
		if err == nil && path.TCP != 0 && l.agent.Validated(path) {
			l.tcp.Conn(path.TCP).Authenticated()
		}
		return
	}
	to, ok := l.agent.Selected()
	if !ok || !l.agent.Validated(path) {
		return
	}
	buffer := w.Reserve(len(data))
	copy(buffer, data)
	if to.TCP == 0 {
		w.Commit(&to, len(data))
	} else if c := l.tcp.Conn(to.TCP); c != nil {
		c.Send(buffer, ClassAudio)
	}
}

// A full ICE agent of another make connects by UDP and by TCP, IPv4 and IPv6.
// pion is one of those that our own check spares 200 ms.
func TestForeignAgentConnects(t *testing.T) {
	tests := []struct {
		name   string
		addr   netip.AddrPort
		useTCP bool
		types  []ice.NetworkType
	}{
		{"UDP IPv4", loopback4, false, []ice.NetworkType{ice.NetworkTypeUDP4}},
		{"UDP IPv6", loopback6, false, []ice.NetworkType{ice.NetworkTypeUDP6}},
		{"UDP, all interfaces", wildcard, false, []ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}},
		{"TCP IPv4", loopback4, true, []ice.NetworkType{ice.NetworkTypeTCP4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := startLoop(t, tt.addr, tt.useTCP)
			udp, tcp := l.udp.LocalAddr(), netip.AddrPort{}
			if tt.useTCP {
				udp, tcp = netip.AddrPort{}, l.tcp.LocalAddr()
			}
			candidates, err := LocalCandidates(udp, tcp, nil)
			if err != nil {
				t.Fatal(err)
			}
			client, err := ice.NewAgentWithOptions(
				ice.WithNetworkTypes(tt.types), ice.WithIncludeLoopback(), ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
				ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
			)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			ufrag, pwd, err := client.GetLocalUserCredentials()
			if err != nil {
				t.Fatal(err)
			}
			l.agent.SetRemote(ufrag, pwd)
			theirs := l.agent.Local
			go l.run()

			gathered, found := make(chan struct{}), 0
			if err := client.OnCandidate(func(c ice.Candidate) {
				if c == nil {
					close(gathered)
					return
				}
				found++
			}); err != nil {
				t.Fatal(err)
			}
			if err := client.GatherCandidates(); err != nil {
				t.Fatal(err)
			}
			<-gathered
			if found == 0 && !tt.useTCP { // it does not take ::1 for one
				t.Skip("the other agent finds no address of its own")
			}
			for _, c := range candidates {
				remote, err := ice.UnmarshalCandidate(c.String())
				if err != nil {
					t.Fatalf("%v: %v", c, err)
				}
				if err := client.AddRemoteCandidate(remote); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			begin := time.Now()
			conn, err := client.Dial(ctx, theirs.Ufrag, theirs.Pwd)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("connected after %v", time.Since(begin))
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			message := pad(500, 22, 254, 253)
			for range 5 {
				if _, err := conn.Write(message); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, 2000)
				n, err := conn.Read(got)
				if err != nil || !bytes.Equal(got[:n], message) {
					t.Fatalf("%d bytes came back, error %v", n, err)
				}
			}
		})
	}
}
