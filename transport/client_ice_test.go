package transport

import (
	"encoding/json"
	"errors"
	"math/rand"
	randv2 "math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/tertulia-rtc/tertulia/simnet"
)

var (
	clientAddr = netip.MustParseAddrPort("192.0.2.9:4000")
	serverAddr = netip.MustParseAddrPort("198.51.100.1:7882")
	deadAddr   = netip.MustParseAddrPort("203.0.113.1:7882")
)

const (
	liveCandidate = "1 1 udp 2130706431 198.51.100.1 7882 typ host"
	deadCandidate = "2 1 udp 2130706687 203.0.113.1 7882 typ host"
)

// icePair is a ClientAgent and a lite Agent with links between them.
type icePair struct {
	t        testing.TB
	now      time.Time
	client   ClientAgent
	server   Agent
	up, down *simnet.Link
	// toClient and toServer count what was sent; asked has the checks of the client.
	toServer int
	asked    []*stun.Message
}

func newICEPair(t testing.TB, link simnet.Config, seed uint64, lite bool, candidates ...string) *icePair {
	p := &icePair{
		t: t, now: start, client: NewClientAgent(rand.New(rand.NewSource(int64(seed)))),
		server: NewAgent(start, rand.New(rand.NewSource(int64(seed)+1)), 0),
		up:     simnet.NewLink(link, randv2.New(randv2.NewPCG(seed, 1))), down: simnet.NewLink(link, randv2.New(randv2.NewPCG(seed, 2))),
	}
	p.server.SetRemote(p.client.Local.Ufrag, p.client.Local.Pwd)
	p.client.SetRemote(p.now, p.server.Local, lite, candidates)
	return p
}

func (p *icePair) fromClient(to Path, b []byte) {
	p.toServer++
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if err := m.Decode(); err != nil {
		p.t.Fatalf("the client sent what pion does not read: %v", err)
	}
	if m.Type == stun.BindingRequest {
		p.asked = append(p.asked, m)
	}
	if to.Remote == serverAddr {
		p.up.Send(p.now, b)
	}
}

func (p *icePair) fromServer(_ Path, b []byte) { p.down.Send(p.now, b) }

// run lets time pass until the condition holds, or the limit is reached.
func (p *icePair) run(limit time.Duration, until func() bool) (took time.Duration, ok bool) {
	begin := p.now
	for !until() {
		next := begin.Add(limit)
		for _, at := range []time.Time{p.client.Timer(), p.server.Timer(), p.up.Next(), p.down.Next()} {
			if !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if !next.Before(begin.Add(limit)) {
			p.now = begin.Add(limit)
			return limit, until()
		}
		if next.After(p.now) {
			p.now = next
		}
		for _, b := range p.up.Receive(p.now) {
			if _, err := p.server.HandleSTUN(p.now, b, Path{Remote: clientAddr}, p.fromServer); err != nil {
				p.t.Fatalf("the server: %v", err)
			}
		}
		for _, b := range p.down.Receive(p.now) {
			if _, err := p.client.HandleSTUN(p.now, b, Path{Remote: serverAddr}, p.fromClient); err != nil {
				p.t.Fatalf("the client: %v", err)
			}
		}
		p.client.Advance(p.now, p.fromClient)
		p.server.Advance(p.now, p.fromServer)
	}
	return p.now.Sub(begin), true
}

func (p *icePair) connected() bool {
	path, ok := p.client.Selected()
	return ok && path.Remote == serverAddr && p.client.State(p.now) == ConnConnected && p.server.State(p.now) == ConnConnected
}

func TestClientAgentConnects(t *testing.T) {
	p := newICEPair(t, simnet.Config{Latency: 10 * time.Millisecond}, 1, true, liveCandidate)
	took, ok := p.run(time.Second, p.connected)
	if !ok || took != 20*time.Millisecond {
		t.Errorf("connected: %v after %v; a lite peer should need one round trip, 20 ms", ok, took)
	}
	if len(p.asked) != 1 || !p.asked[0].Contains(stun.AttrUseCandidate) {
		t.Errorf("%d checks; want one that nominates at once", len(p.asked))
	}
	var again ClientAgent
	text, err := json.Marshal(p.client)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, p.client) {
		t.Errorf("the agent does not survive JSON: %v\n%+v\n%+v", err, again, p.client)
	}
}

// RFC 8445, section 8.1.1: the controlling agent nominates a pair that it has
// found to work, with another check.
func TestClientAgentNominatesRegularly(t *testing.T) {
	p := newICEPair(t, simnet.Config{Latency: 10 * time.Millisecond}, 1, false, liveCandidate)
	took, ok := p.run(time.Second, p.connected)
	if !ok || took != 40*time.Millisecond {
		t.Errorf("connected: %v after %v; want two round trips, 40 ms", ok, took)
	}
	if len(p.asked) != 2 || p.asked[0].Contains(stun.AttrUseCandidate) || !p.asked[1].Contains(stun.AttrUseCandidate) {
		t.Errorf("%d checks; want one without and then one with USE-CANDIDATE", len(p.asked))
	}
}

func TestClientAgentOverLossyLinks(t *testing.T) {
	for _, lite := range []bool{true, false} {
		for seed := range uint64(200) {
			p := newICEPair(t, simnet.Config{Latency: 30 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.3, Duplicate: 0.05}, seed, lite, liveCandidate)
			if took, ok := p.run(20*time.Second, p.connected); !ok {
				t.Fatalf("seed %d, lite %v: not connected after %v: client %v, server %v", seed, lite, took, p.client.State(p.now), p.server.State(p.now))
			}
		}
	}
}

func TestClientAgentPassesOverDeadCandidates(t *testing.T) {
	p := newICEPair(t, simnet.Config{Latency: 5 * time.Millisecond}, 1, true, liveCandidate, deadCandidate,
		"3 1 tcp 1671430143 198.51.100.1 7882 typ host tcptype passive", "4 1 udp 1 host.local 7882 typ host", "nonsense")
	if len(p.client.Pairs) != 2 || p.client.Pairs[0].Path.Remote != deadAddr {
		t.Fatalf("pairs are %+v; want the two with UDP and an address, the preferred first", p.client.Pairs)
	}
	took, ok := p.run(time.Second, p.connected)
	if !ok || took != checkPacing+10*time.Millisecond {
		t.Errorf("connected: %v after %v; want the pace of checks and a round trip", ok, took)
	}
}

// A server that begins to listen late is found in the end.
func TestClientAgentGoesOnAfterAllHaveFailed(t *testing.T) {
	p := newICEPair(t, simnet.Config{Loss: 1}, 1, true, liveCandidate)
	p.run(8*time.Second, p.connected)
	if p.client.State(p.now) != ConnChecking {
		t.Fatalf("state is %v", p.client.State(p.now))
	}
	p.up.Set(simnet.Config{})
	p.down.Set(simnet.Config{})
	if took, ok := p.run(5*time.Second, p.connected); !ok {
		t.Errorf("not connected %v after the links work", took)
	}
}

// RFC 7675: consent expires 30 seconds after the last answer.
func TestClientAgentConsent(t *testing.T) {
	p := newICEPair(t, simnet.Config{Latency: time.Millisecond}, 1, true, liveCandidate)
	p.run(time.Second, p.connected)
	before := p.toServer
	p.run(25*time.Second, func() bool { return false })
	if n := p.toServer - before; n < 9 || n > 11 || !p.connected() {
		t.Errorf("%d checks in 25 s, connected: %v; want one every 2.5 s", n, p.connected())
	}
	p.up.Set(simnet.Config{Loss: 1})
	if took, ok := p.run(time.Minute, func() bool { return p.client.State(p.now) == ConnInterrupted }); !ok || took < 2500*time.Millisecond {
		t.Errorf("interrupted: %v after %v", ok, took)
	}
	took, ok := p.run(time.Minute, func() bool { return p.client.State(p.now) == ConnExpired })
	if !ok || p.now.Sub(p.client.Seen) < ExpiredAfter || p.now.Sub(p.client.Seen) > ExpiredAfter+consentInterval {
		t.Errorf("expired: %v after %v, %v after the last answer", ok, took, p.now.Sub(p.client.Seen))
	}
}

func TestClientAgentTakesAnswersOfItsPeerOnly(t *testing.T) {
	p := newICEPair(t, simnet.Config{}, 1, true, liveCandidate)
	p.client.Advance(p.now, p.fromClient)
	check := p.asked[0]
	answer := func(id [12]byte, pwd string) []byte {
		return stun.MustBuild(stun.NewTransactionIDSetter(id), stun.BindingSuccess, stun.NewShortTermIntegrity(pwd), stun.Fingerprint).Raw
	}
	foreign := check.TransactionID
	foreign[11]++
	for _, c := range []struct {
		name string
		msg  []byte
		from netip.AddrPort
		err  error
	}{
		{"wrong password", answer(check.TransactionID, "another-password-another-pass"), serverAddr, ErrUnauthenticated},
		{"another address", answer(check.TransactionID, p.server.Local.Pwd), deadAddr, nil},
		{"another transaction", answer(foreign, p.server.Local.Pwd), serverAddr, nil},
	} {
		changed, err := p.client.HandleSTUN(p.now, c.msg, Path{Remote: c.from}, p.fromClient)
		if changed || !errors.Is(err, c.err) {
			t.Errorf("%s: changed %v, error %v, want %v", c.name, changed, err, c.err)
		}
		if _, ok := p.client.Selected(); ok {
			t.Fatalf("%s: a pair was selected", c.name)
		}
	}
	if changed, err := p.client.HandleSTUN(p.now, answer(check.TransactionID, p.server.Local.Pwd), Path{Remote: serverAddr}, p.fromClient); !changed || err != nil {
		t.Errorf("the right answer: changed %v, error %v", changed, err)
	}
}

// RFC 8445, section 7.3.1.1: of two agents that both are controlling, the one
// with the lesser tie-breaker is told to switch.
func TestClientAgentStaysControlling(t *testing.T) {
	client := NewClientAgent(rand.New(rand.NewSource(1)))
	client.SetRemote(start, Credentials{Ufrag: "them", Pwd: "their-password-their-password"}, false, []string{liveCandidate})
	ask := func(attributes ...stun.Setter) (answers []*stun.Message) {
		setters := append([]stun.Setter{stun.BindingRequest, stun.TransactionID, stun.NewUsername(client.Local.Ufrag + ":them")}, attributes...)
		m := stun.MustBuild(append(setters, stun.NewShortTermIntegrity(client.Local.Pwd), stun.Fingerprint)...)
		_, err := client.HandleSTUN(start, m.Raw, Path{Remote: serverAddr}, func(_ Path, b []byte) {
			answer := &stun.Message{Raw: append([]byte(nil), b...)}
			if err := answer.Decode(); err != nil {
				t.Fatal(err)
			}
			answers = append(answers, answer)
		})
		if err != nil {
			t.Fatal(err)
		}
		return answers
	}
	answers := ask(withPriority(1), controlling)
	var code stun.ErrorCodeAttribute
	if len(answers) != 1 || code.GetFrom(answers[0]) != nil || code.Code != stun.CodeRoleConflict {
		t.Errorf("answers to a controlling peer: %v; want 487", answers)
	}
	answers = ask(withPriority(1), controlled)
	if len(answers) != 2 || answers[0].Type != stun.BindingSuccess || answers[1].Type != stun.BindingRequest {
		t.Errorf("answers to a controlled peer: %v; want success, and our own check at once", answers)
	}
}

func TestParseCandidate(t *testing.T) {
	for _, c := range LocalCandidatesForTest() {
		if got, ok := ParseCandidate("candidate:" + c.String()); !ok || got != c {
			t.Errorf("%s: %+v, %v", c, got, ok)
		}
	}
	for _, bad := range []string{"", "1 1 udp", "1 2 udp 1 192.0.2.1 1 typ host", "1 1 udp x 192.0.2.1 1 typ host", "1 1 udp 1 192.0.2.1 0 typ host", "1 1 udp 1 a.local 5 typ host"} {
		if c, ok := ParseCandidate(bad); ok {
			t.Errorf("%q was read as %+v", bad, c)
		}
	}
}

// LocalCandidatesForTest are candidates of both kinds and families.
func LocalCandidatesForTest() []Candidate {
	wildcard := netip.AddrPortFrom(netip.IPv6Unspecified(), 7882)
	return candidatesFor(wildcard, wildcard, []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, nil)
}

func FuzzClientAgent(f *testing.F) {
	p := newICEPair(f, simnet.Config{}, 1, true, liveCandidate)
	p.client.Advance(p.now, p.fromClient)
	f.Add(p.asked[0].Raw, liveCandidate)
	f.Fuzz(func(_ *testing.T, msg []byte, candidate string) {
		client := NewClientAgent(rand.New(rand.NewSource(1)))
		client.SetRemote(start, p.server.Local, false, []string{candidate, liveCandidate})
		now := start
		for range 3 {
			_, _ = client.HandleSTUN(now, msg, Path{Remote: serverAddr}, func(Path, []byte) {})
			client.Advance(now, func(Path, []byte) {})
			now = now.Add(time.Second)
		}
	})
}
