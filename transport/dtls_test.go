package transport

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"go.uber.org/goleak"
)

// dtlsClient is a peer: pion's DTLS client, and wires to a Handshake that can
// be cut.
type dtlsClient struct {
	*mailbox
	cert *Certificate
	conn *dtls.Conn
	h    *Handshake

	mu     sync.Mutex
	toThem func(datagram []byte) bool // whether the client's datagram arrives
	toUs   func(datagram []byte) bool // whether the Handshake's does
	fromUs [][]byte                   // what the client sent
}

func (c *dtlsClient) ReadFrom(b []byte) (int, net.Addr, error) {
	datagram, err := c.get()
	return copy(b, datagram), peerAddr{}, err
}

func (c *dtlsClient) WriteTo(b []byte, _ net.Addr) (int, error) {
	c.mu.Lock()
	arrives := c.toThem == nil || c.toThem(b)
	c.fromUs = append(c.fromUs, bytes.Clone(b))
	c.mu.Unlock()
	if arrives {
		c.h.Handle(b)
	}
	return len(b), nil
}

// receive is the Handshake's Send.
func (c *dtlsClient) receive(b []byte) {
	c.mu.Lock()
	arrives := c.toUs == nil || c.toUs(b)
	c.mu.Unlock()
	if arrives {
		c.put(bytes.Clone(b))
	}
}

type outcome struct {
	keys *Keys
	err  error
}

var testCertificate = sync.OnceValue(func() *Certificate {
	c, err := NewCertificate()
	if err != nil {
		panic(err)
	}
	return c
})

// newDTLSClient makes a client and the Handshake that expects it. change may
// alter the config.
func newDTLSClient(t testing.TB, change func(*HandshakeConfig)) (*dtlsClient, chan outcome) {
	t.Helper()
	c := &dtlsClient{mailbox: newMailbox(64), cert: testCertificate()}
	sum := sha256.Sum256(c.cert.tls.Certificate[0])
	done := make(chan outcome, 2)
	cfg := HandshakeConfig{
		Certificate:     testCertificate(),
		PeerHash:        "sha-256",
		PeerFingerprint: sum[:],
		Send:            c.receive,
		Done:            func(k *Keys, err error) { done <- outcome{k, err} },
	}
	if change != nil {
		change(&cfg)
	}
	h, err := NewHandshake(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.h = h
	return c, done
}

func (c *dtlsClient) shake(options ...dtls.ClientOption) error {
	conn, err := dtls.ClientWithOptions(c, peerAddr{}, append([]dtls.ClientOption{
		dtls.WithCertificates(c.cert.tls),
		dtls.WithInsecureSkipVerify(true),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM),
		dtls.WithFlightInterval(50 * time.Millisecond),
		dtls.WithLoggerFactory(silence),
	}, options...)...)
	if err != nil {
		return err
	}
	c.conn = conn
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return conn.HandshakeContext(ctx)
}

// checkKeys holds the keys against those that the client exports.
func (c *dtlsClient) checkKeys(t *testing.T, k *Keys) {
	t.Helper()
	state, _ := c.conn.ConnectionState()
	m, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, exportLen(k.Profile))
	if err != nil {
		t.Fatal(err)
	}
	n, s := k.Profile.keyLen(), k.Profile.saltLen()
	if !bytes.Equal(k.RemoteKey, m[:n]) || !bytes.Equal(k.LocalKey, m[n:2*n]) ||
		!bytes.Equal(k.RemoteSalt, m[2*n:2*n+s]) || !bytes.Equal(k.LocalSalt, m[2*n+s:]) {
		t.Fatal("client and server have different SRTP keys")
	}
}

func wait(t testing.TB, done chan outcome) outcome {
	t.Helper()
	select {
	case o := <-done:
		return o
	case <-time.After(10 * time.Second):
		t.Fatal("the handshake neither succeeds nor fails")
		return outcome{}
	}
}

func TestHandshake(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []dtls.ClientOption
		want    Profile
	}{
		{"both profiles", nil, ProfileAEADAES128GCM},
		{"the old profile", []dtls.ClientOption{dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80)}, ProfileAES128CMHMACSHA1},
		{"small datagrams", []dtls.ClientOption{dtls.WithMTU(200)}, ProfileAEADAES128GCM},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			client, done := newDTLSClient(t, nil)
			if err := client.shake(c.options...); err != nil {
				t.Fatal(err)
			}
			defer client.conn.Close()
			o := wait(t, done)
			if o.err != nil {
				t.Fatal(o.err)
			}
			if o.keys.Profile != c.want {
				t.Fatalf("%v, want %v", o.keys.Profile, c.want)
			}
			client.checkKeys(t, o.keys)
		})
	}
}

// TestHandshakeLeavesNoGoroutine counts what stays after the handshake on our
// side: nothing.
func TestHandshakeLeavesNoGoroutine(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	client, done := newDTLSClient(t, nil)
	if err := client.shake(); err != nil {
		t.Fatal(err)
	}
	if o := wait(t, done); o.err != nil {
		t.Fatal(o.err)
	}
	client.mu.Lock()
	client.toThem = func([]byte) bool { return false } // its close_notify
	client.mu.Unlock()
	client.conn.Close()
	// The Handshake is not closed.
}

func TestHandshakeFingerprints(t *testing.T) {
	der := testCertificate().tls.Certificate[0]
	sum384 := sha512.Sum384(der)
	sum512 := sha512.Sum512(der)
	for _, c := range []struct {
		hash string
		sum  []byte
		want error
	}{
		{"SHA-384", sum384[:], nil},
		{"sha-512", sum512[:], nil},
		{"sha-256", make([]byte, 32), ErrFingerprint},
	} {
		t.Run(c.hash, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			client, done := newDTLSClient(t, func(cfg *HandshakeConfig) { cfg.PeerHash, cfg.PeerFingerprint = c.hash, c.sum })
			err := client.shake()
			defer client.conn.Close()
			if o := wait(t, done); !errors.Is(o.err, c.want) || (o.keys == nil) != (c.want != nil) {
				t.Fatalf("keys %v, error %v, want %v", o.keys, o.err, c.want)
			}
			if (err == nil) != (c.want == nil) {
				t.Fatalf("the client sees %v", err)
			}
		})
	}
	for _, cfg := range []HandshakeConfig{
		{PeerHash: "md5", PeerFingerprint: make([]byte, 16)},
		{PeerHash: "", PeerFingerprint: nil},
		{PeerHash: "sha-256", PeerFingerprint: make([]byte, 20)},
	} {
		if _, err := NewHandshake(cfg); err == nil {
			t.Errorf("a fingerprint by %q of %d bytes was taken", cfg.PeerHash, len(cfg.PeerFingerprint))
		}
	}
}

// TestHandshakeRSAClient: older peers have RSA certificates.
func TestHandshakeRSAClient(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "peer"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	client, done := newDTLSClient(t, func(cfg *HandshakeConfig) {
		sum := sha256.Sum256(der)
		cfg.PeerFingerprint = sum[:]
	})
	client.cert = &Certificate{tls: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
	if err := client.shake(); err != nil {
		t.Fatal(err)
	}
	defer client.conn.Close()
	if o := wait(t, done); o.err != nil {
		t.Fatal(o.err)
	}
}

func TestHandshakeWithoutCertificateOrProfile(t *testing.T) {
	for name, change := range map[string]func(*dtlsClient) []dtls.ClientOption{
		"no SRTP profile in common": func(*dtlsClient) []dtls.ClientOption {
			return []dtls.ClientOption{dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_256_GCM)}
		},
		"no extended master secret": func(*dtlsClient) []dtls.ClientOption {
			return []dtls.ClientOption{dtls.WithExtendedMasterSecret(dtls.DisableExtendedMasterSecret)}
		},
		"another cipher suite": func(*dtlsClient) []dtls.ClientOption {
			return []dtls.ClientOption{dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			client, done := newDTLSClient(t, nil)
			if err := client.shake(change(client)...); err == nil {
				t.Error("the client is content")
			}
			defer client.conn.Close()
			if o := wait(t, done); o.err == nil {
				t.Error("the server is content")
			}
		})
	}
}

// TestHandshakeRepeatsLastFlight loses the server's Finished: the client asks
// again after the library's connection is gone, and gets it.
func TestHandshakeRepeatsLastFlight(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	client, done := newDTLSClient(t, nil)
	lost := 0
	client.toUs = func(b []byte) bool {
		if b[0] == recordChangeCipherSpec && lost < 3 {
			lost++
			return false
		}
		return true
	}
	if err := client.shake(); err != nil {
		t.Fatal(err)
	}
	defer client.conn.Close()
	o := wait(t, done)
	if o.err != nil {
		t.Fatal(o.err)
	}
	if lost != 3 {
		t.Fatalf("the last flight came %d times, want 3 lost", lost)
	}
	client.checkKeys(t, o.keys)
	// Asked for without end, it is repeated only so often.
	sent := 0
	client.h.cfg.Send = func([]byte) { sent++ }
	hello := client.fromUs[0]
	for range 1000 {
		client.h.Handle(hello)
	}
	if sent > 2 {
		t.Fatalf("1000 handshake records at once were answered with %d datagrams", sent)
	}
	now := time.Now()
	for range 1000 {
		now = now.Add(time.Second)
		client.h.repeatFlight(now)
	}
	if sent > maxRepeats {
		t.Fatalf("the last flight was repeated %d times", sent)
	}
}

func TestHandshakeOverALossyPath(t *testing.T) {
	for seed := range 4 {
		client, done := newDTLSClient(t, nil)
		var n atomic.Int64
		drop := func([]byte) bool { return (n.Add(1)+int64(seed))%3 != 0 }
		client.toUs, client.toThem = drop, drop
		if err := client.shake(); err != nil {
			t.Fatal(err)
		}
		if o := wait(t, done); o.err != nil {
			t.Fatal(o.err)
		}
		client.conn.Close()
	}
}

func TestHandshakeEndsInTime(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	client, done := newDTLSClient(t, func(cfg *HandshakeConfig) { cfg.Timeout = 300 * time.Millisecond })
	client.toUs = func([]byte) bool { return false }
	go client.shake()
	if o := wait(t, done); !errors.Is(o.err, context.DeadlineExceeded) {
		t.Fatalf("error %v", o.err)
	}
	client.Close()
	client.conn.Close()
}

// TestHandshakeClosed closes in each phase: no goroutine stays, Done is not
// called.
func TestHandshakeClosed(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	client, _ := newDTLSClient(t, nil)
	client.h.Close()
	client.h.Close()
	client.h.Handle([]byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1})

	client, done := newDTLSClient(t, nil)
	client.toUs = func([]byte) bool { return false }
	ended := make(chan struct{})
	go func() { defer close(ended); client.shake() }()
	for {
		client.h.mu.Lock()
		phase := client.h.phase
		client.h.mu.Unlock()
		if phase == phaseShaking {
			break
		}
		time.Sleep(time.Millisecond)
	}
	client.h.Close()
	time.Sleep(50 * time.Millisecond)
	if len(done) != 0 {
		t.Error("Done was called after Close")
	}
	client.Close()
	<-ended
	client.conn.Close()
}

func TestHandshakeIgnoresGarbage(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	client, done := newDTLSClient(t, nil)
	garbage := [][]byte{nil, {22}, make([]byte, 13), bytes.Repeat([]byte{0xff}, 1500),
		{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 0},            // a fatal alert
		{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1},         // longer than it is
		{23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4},      // data
		{23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0},                  // empty data
		{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 2, 0, 0},         // not a ClientHello
		append([]byte{20, 0xfe, 0xfd}, make([]byte, recordOverhead)...)} // change cipher spec
	before := runtime.NumGoroutine()
	for _, b := range garbage {
		client.h.Handle(b)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Fatalf("garbage costs %d goroutines", n-before)
	}
	left := false
	client.h.cfg.Left = func() { left = true }
	client.toThem = func([]byte) bool {
		for _, b := range garbage {
			client.h.Handle(b)
		}
		return true
	}
	// A fatal alert in clear text may end an unfinished handshake.
	garbage = append(garbage[:4], garbage[5:]...)
	if err := client.shake(); err != nil {
		t.Fatal(err)
	}
	if o := wait(t, done); o.err != nil {
		t.Fatal(o.err)
	}
	garbage = append(garbage, []byte{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 0})
	for _, b := range garbage {
		client.h.Handle(b)
	}
	if left {
		t.Fatal("an alert that is not authentic was believed")
	}
	client.conn.Close() // this one sends close_notify
	if !left {
		t.Fatal("close_notify was not understood")
	}
}

// TestRecords sends application data both ways over a connection that the
// library has let go, and sees the peer told of the end.
func TestRecords(t *testing.T) {
	client, done := newDTLSClient(t, nil)
	if err := client.shake(); err != nil {
		t.Fatal(err)
	}
	if o := wait(t, done); o.err != nil {
		t.Fatal(o.err)
	}
	r := client.h.records
	buf := make([]byte, 2000)
	for i := range 100 {
		text := bytes.Repeat([]byte{byte(i)}, 1+i*10)
		if err := r.send(recordData, text, client.receive); err != nil {
			t.Fatal(err)
		}
		n, err := client.conn.Read(buf)
		if err != nil || !bytes.Equal(buf[:n], text) {
			t.Fatalf("record %d: %v", i, err)
		}
		client.mu.Lock()
		client.fromUs = nil
		client.toThem = func([]byte) bool { return false }
		client.mu.Unlock()
		if _, err := client.conn.Write(text); err != nil {
			t.Fatal(err)
		}
		record := client.fromUs[0]
		bad := bytes.Clone(record)
		bad[i%len(bad)] ^= 0x10
		if i%len(bad) >= 3 && i%len(bad) < 11 || i%len(bad) >= recordHeaderLen {
			if _, ok := r.open(bad); ok {
				t.Fatal("a changed record was opened")
			}
		}
		if got, ok := r.open(record); !ok || !bytes.Equal(got, text) {
			t.Fatal("a record was not opened")
		}
		if _, ok := r.open(record); ok {
			t.Fatal("a record was opened twice")
		}
	}
	client.h.Close()
	if _, err := client.conn.Read(buf); err == nil {
		t.Fatal("the client was not told of the end")
	}
	client.conn.Close()
}

func FuzzHandle(f *testing.F) {
	f.Add([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2})
	f.Add([]byte{23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 0})
	client, done := newDTLSClient(f, nil)
	if err := client.shake(); err != nil {
		f.Fatal(err)
	}
	if o := wait(f, done); o.err != nil {
		f.Fatal(o.err)
	}
	for _, b := range client.fromUs {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { client.h.Handle(b) })
}

func TestMailboxDeadline(t *testing.T) {
	m := newMailbox(1)
	result := make(chan error)
	get := func() { _, err := m.get(); result <- err }
	expect := func(want error) {
		t.Helper()
		select {
		case err := <-result:
			if !errors.Is(err, want) {
				t.Fatalf("%v, want %v", err, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("a read hangs")
		}
	}
	go get()
	m.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	var timeout net.Error
	err := <-result
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("%v is no timeout", err)
	}
	m.SetReadDeadline(time.Time{})
	go get()
	m.put([]byte{1})
	expect(nil)
	m.SetReadDeadline(time.Now().Add(time.Hour))
	go get()
	m.SetReadDeadline(time.Unix(1, 0))
	expect(err)
	m.SetReadDeadline(time.Time{})
	go get()
	m.Close()
	expect(net.ErrClosed)
}

// BenchmarkHandshake is both sides of a handshake, ours and the library's client.
func BenchmarkHandshake(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		client, done := newDTLSClient(b, nil)
		if err := client.shake(); err != nil {
			b.Fatal(err)
		}
		if o := wait(b, done); o.err != nil {
			b.Fatal(o.err)
		}
		_ = client.conn.Close()
	}
}
