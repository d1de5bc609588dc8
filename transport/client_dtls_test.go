package transport

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// dtlsPair is a ClientHandshake and a Handshake; loss is the share of datagrams
// that do not arrive.
type dtlsPair struct {
	client       *ClientHandshake
	server       *Handshake
	fromC, fromS chan outcome
	mu           sync.Mutex
	rng          *rand.Rand
	loss         float64
	certificate  *Certificate
	serverCert   *Certificate
}

func (p *dtlsPair) arrives() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rng.Float64() >= p.loss
}

func fingerprintOfTest(c *Certificate) []byte {
	h, _ := fingerprintHash("sha-256")
	sum := h.New()
	sum.Write(c.tls.Certificate[0])
	return sum.Sum(nil)
}

func newDTLSPair(t *testing.T, loss float64, expected *Certificate) *dtlsPair {
	t.Helper()
	p := &dtlsPair{fromC: make(chan outcome, 1), fromS: make(chan outcome, 1), rng: rand.New(rand.NewPCG(1, 1)), loss: loss}
	var err error
	if p.certificate, err = NewCertificate(); err != nil {
		t.Fatal(err)
	}
	if p.serverCert, err = NewCertificate(); err != nil {
		t.Fatal(err)
	}
	if expected == nil {
		expected = p.serverCert
	}
	p.server, err = NewHandshake(HandshakeConfig{
		Certificate: p.serverCert, PeerHash: "sha-256", PeerFingerprint: fingerprintOfTest(p.certificate),
		Send: func(b []byte) {
			if p.arrives() {
				p.client.Handle(b)
			}
		},
		Done: func(k *Keys, err error) { p.fromS <- outcome{k, err} },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.client, err = NewClientHandshake(HandshakeConfig{
		Certificate: p.certificate, PeerHash: "sha-256", PeerFingerprint: fingerprintOfTest(expected),
		Send: func(b []byte) {
			if p.arrives() {
				p.server.Handle(b)
			}
		},
		Done:    func(k *Keys, err error) { p.fromC <- outcome{k, err} },
		Timeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.client.Close()
		p.server.Close()
	})
	return p
}

func TestClientHandshake(t *testing.T) {
	for _, loss := range []float64{0, 0.2} {
		p := newDTLSPair(t, loss, nil)
		p.client.Start()
		client, server := wait(t, p.fromC), wait(t, p.fromS)
		if client.err != nil || server.err != nil {
			t.Fatalf("loss %v: client %v, server %v", loss, client.err, server.err)
		}
		k, s := client.keys, server.keys
		if k.Profile != ProfileAEADAES128GCM || !bytes.Equal(k.LocalKey, s.RemoteKey) || !bytes.Equal(k.RemoteKey, s.LocalKey) ||
			!bytes.Equal(k.LocalSalt, s.RemoteSalt) || !bytes.Equal(k.RemoteSalt, s.LocalSalt) || bytes.Equal(k.LocalKey, k.RemoteKey) {
			t.Errorf("loss %v: the keys are not those of the other side", loss)
		}
		out, err := NewOutbound(*k)
		if err != nil {
			t.Fatal(err)
		}
		in, err := NewInbound(*s)
		if err != nil {
			t.Fatal(err)
		}
		header := []byte{0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7}
		packet := make([]byte, 100)
		n := out.SealRTP(packet, header, nil, []byte("hello"), 0)
		if plain, err := in.OpenRTP(packet[:n]); err != nil || !bytes.Equal(plain[12:], []byte("hello")) {
			t.Errorf("loss %v: the server opens %q, %v", loss, plain, err)
		}
	}
}

func TestClientHandshakeChecksTheFingerprint(t *testing.T) {
	other, err := NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	p := newDTLSPair(t, 0, other)
	p.client.Start()
	if o := wait(t, p.fromC); !errors.Is(o.err, ErrFingerprint) || o.keys != nil {
		t.Errorf("a server with another certificate: %v, %v", o.keys, o.err)
	}
}

func TestClientHandshakeClosed(t *testing.T) {
	p := newDTLSPair(t, 1, nil) // nobody hears anybody
	p.client.Start()
	p.client.Close()
	select {
	case o := <-p.fromC:
		t.Errorf("after Close: %+v", o)
	case <-time.After(50 * time.Millisecond):
	}
}
