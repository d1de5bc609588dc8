package transport

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

var (
	start   = time.Unix(1_800_000_000, 0).UTC()
	wifi    = Path{Remote: netip.MustParseAddrPort("192.0.2.9:4000"), Local: netip.MustParseAddr("198.51.100.1")}
	mobile  = Path{Remote: netip.MustParseAddrPort("[2001:db8::9]:5000"), Local: netip.MustParseAddr("2001:db8::1")}
	overTCP = Path{Remote: netip.MustParseAddrPort("192.0.2.9:6000"), Local: netip.MustParseAddr("198.51.100.1"), TCP: 7}
)

// answer is a message that the agent sent.
type answer struct {
	to  Path
	msg *stun.Message
}

// peer is the controlling side of an agent in tests; its messages are made and
// read by pion/stun alone.
type peer struct {
	t     testing.TB
	agent Agent
	sent  []answer
}

func newPeer(t testing.TB) *peer {
	p := &peer{t: t, agent: NewAgent(start, rand.New(rand.NewSource(1)), 5)}
	p.agent.SetRemote("them", "their-password-their-password")
	return p
}

func (p *peer) send(to Path, b []byte) {
	m := &stun.Message{Raw: bytes.Clone(b)}
	if err := m.Decode(); err != nil {
		p.t.Fatalf("the agent sent what pion does not read: %v", err)
	}
	if err := stun.Fingerprint.Check(m); err != nil {
		p.t.Errorf("the agent's fingerprint: %v", err)
	}
	p.sent = append(p.sent, answer{to, m})
}

// check is a binding request with the credentials in use.
func (p *peer) check(attributes ...stun.Setter) *stun.Message {
	return p.checkWith(p.agent.Local.Ufrag+":"+p.agent.Remote.Ufrag, p.agent.Local.Pwd, attributes...)
}

func (p *peer) checkWith(username, pwd string, attributes ...stun.Setter) *stun.Message {
	p.t.Helper()
	setters := []stun.Setter{stun.BindingRequest, stun.TransactionID, stun.NewUsername(username)}
	setters = append(setters, attributes...)
	setters = append(setters, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	return stun.MustBuild(setters...)
}

// handle gives the agent a message and returns what it sent.
func (p *peer) handle(now time.Time, m *stun.Message, from Path) (changed bool, sent []answer, err error) {
	p.sent = nil
	changed, err = p.agent.HandleSTUN(now, m.Raw, from, p.send)
	return changed, p.sent, err
}

type attribute struct {
	kind  stun.AttrType
	value []byte
}

func (a attribute) AddTo(m *stun.Message) error {
	m.Add(a.kind, a.value)
	return nil
}

var (
	useCandidate = attribute{stun.AttrUseCandidate, nil}
	controlling  = attribute{stun.AttrICEControlling, make([]byte, 8)}
	controlled   = attribute{stun.AttrICEControlled, bytes.Repeat([]byte{255}, 8)}
)

func withPriority(v uint32) attribute {
	return attribute{stun.AttrPriority, binary.BigEndian.AppendUint32(nil, v)}
}

// expectSuccess checks an answer as a peer does.
func (p *peer) expectSuccess(a answer, to *stun.Message, path Path) {
	p.t.Helper()
	var mapped stun.XORMappedAddress
	switch {
	case a.msg.Type != stun.BindingSuccess || a.to != path || a.msg.TransactionID != to.TransactionID:
		p.t.Fatalf("answer %v to %v", a.msg, a.to)
	case mapped.GetFrom(a.msg) != nil || !mapped.IP.Equal(net.IP(path.Remote.Addr().AsSlice())) || mapped.Port != int(path.Remote.Port()):
		p.t.Errorf("mapped address %v, want %v", mapped, path.Remote)
	}
	if err := stun.NewShortTermIntegrity(p.agent.Local.Pwd).Check(a.msg); err != nil {
		p.t.Errorf("integrity of the answer: %v", err)
	}
}

func (p *peer) expectSelected(path Path) {
	p.t.Helper()
	if got, ok := p.agent.Selected(); got != path || ok != path.IsValid() {
		p.t.Errorf("selected is %v, want %v", got, path)
	}
}

func (p *peer) expectState(now time.Time, want ConnState) {
	p.t.Helper()
	if got := p.agent.State(now); got != want {
		p.t.Errorf("state after %v is %v, want %v", now.Sub(start), got, want)
	}
}

func TestFirstCheckIsAnsweredThenReturned(t *testing.T) {
	for _, path := range []Path{wifi, mobile, overTCP} {
		p := newPeer(t)
		p.expectState(start, ConnNew)
		m := p.check(controlling, withPriority(1))
		changed, sent, err := p.handle(start, m, path)
		if err != nil || !changed || len(sent) != 2 {
			t.Fatalf("changed %v, %d messages, error %v", changed, len(sent), err)
		}
		p.expectSuccess(sent[0], m, path)
		ours := sent[1].msg
		var username stun.Username
		_ = username.GetFrom(ours)
		if ours.Type != stun.BindingRequest || sent[1].to != path || username.String() != "them:"+p.agent.Local.Ufrag ||
			!ours.Contains(stun.AttrPriority) || !ours.Contains(stun.AttrICEControlled) || ours.Contains(stun.AttrUseCandidate) {
			t.Errorf("our own check is %v to %v", ours, sent[1].to)
		}
		if err := stun.NewShortTermIntegrity(p.agent.Remote.Pwd).Check(ours); err != nil {
			t.Errorf("integrity of our check: %v", err)
		}
		p.expectState(start, ConnChecking)
		p.expectSelected(Path{}) // no media before the nomination
		if !p.agent.Validated(path) {
			t.Error("the path is not validated")
		}
		// The second check on the path gets an answer only.
		if _, sent, _ := p.handle(start, p.check(controlling), path); len(sent) != 1 {
			t.Errorf("%d messages after the second check", len(sent))
		}
		changed, _, _ = p.handle(start, p.check(controlling, useCandidate), path)
		if !changed {
			t.Error("the nomination changed nothing")
		}
		p.expectSelected(path)
		p.expectState(start, ConnConnected)
		if changed, _, _ = p.handle(start, p.check(controlling, useCandidate), path); changed {
			t.Error("a repeated nomination changed something")
		}
	}
}

// "A packet from an address without an authenticated check moves nothing."
func TestForgedMessagesMoveNothing(t *testing.T) {
	p := newPeer(t)
	_, _, _ = p.handle(start, p.check(controlling, useCandidate), wifi)
	names := p.agent.Local.Ufrag + ":them"
	pwd := p.agent.Local.Pwd
	edit := func(m *stun.Message, change func(raw []byte) []byte) *stun.Message {
		m.Raw = change(m.Raw)
		return m
	}
	tests := []struct {
		name string
		m    *stun.Message
		want error
	}{
		{"wrong password", p.checkWith(names, "wrong", useCandidate), ErrUnauthenticated},
		{"their password", p.checkWith(names, p.agent.Remote.Pwd, useCandidate), ErrUnauthenticated},
		{"wrong ufrag of ours", p.checkWith("xxxx:them", pwd, useCandidate), ErrUnauthenticated},
		{"wrong ufrag of theirs", p.checkWith(p.agent.Local.Ufrag+":else", pwd, useCandidate), ErrUnauthenticated},
		{"empty ufrags", p.checkWith(":", pwd, useCandidate), ErrUnauthenticated},
		{"no colon", p.checkWith(p.agent.Local.Ufrag, pwd, useCandidate), ErrBadCheck},
		{"no integrity", stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.NewUsername(names), useCandidate, stun.Fingerprint), ErrUnauthenticated},
		{"no username", stun.MustBuild(stun.BindingRequest, stun.TransactionID, useCandidate, stun.NewShortTermIntegrity(pwd), stun.Fingerprint), ErrBadCheck},
		{"another method", stun.MustBuild(stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.TransactionID, stun.NewUsername(names), stun.NewShortTermIntegrity(pwd)), ErrBadCheck},
		{"changed", edit(p.check(useCandidate), func(raw []byte) []byte { raw[30] ^= 1; return raw }), ErrBadCheck},
		{"bytes after it", edit(p.check(useCandidate), func(raw []byte) []byte { return append(raw, 0, 0, 0, 0) }), ErrBadCheck},
		{"cut", edit(p.check(useCandidate), func(raw []byte) []byte { return raw[:len(raw)-4] }), ErrBadCheck},
		{"empty", &stun.Message{}, ErrBadCheck},
		{"short priority", p.check(attribute{stun.AttrPriority, []byte{1}}, useCandidate), ErrBadCheck},
		{"success never asked for", stun.MustBuild(stun.BindingSuccess, stun.TransactionID, stun.NewShortTermIntegrity(p.agent.Remote.Pwd), stun.Fingerprint), nil},
		{"indication", stun.MustBuild(stun.NewType(stun.MethodBinding, stun.ClassIndication), stun.TransactionID, stun.Fingerprint), nil},
	}
	before := p.agent
	before.Pairs = slices.Clone(before.Pairs)
	for _, tt := range tests {
		changed, sent, err := p.handle(start.Add(time.Second), tt.m, mobile)
		if changed || len(sent) > 0 || !errors.Is(err, tt.want) {
			t.Errorf("%s: changed %v, %d messages sent, error %v, want %v", tt.name, changed, len(sent), err, tt.want)
		}
	}
	if !reflect.DeepEqual(p.agent, before) {
		t.Errorf("the agent is now %+v, was %+v", p.agent, before)
	}
}

// RFC 8489, section 14.5: what follows MESSAGE-INTEGRITY is ignored. Anyone on
// the way can add it.
func TestAttributesAfterIntegrityAreIgnored(t *testing.T) {
	p := newPeer(t)
	m := stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.NewUsername(p.agent.Local.Ufrag+":them"),
		stun.NewShortTermIntegrity(p.agent.Local.Pwd), useCandidate, stun.Fingerprint)
	if _, sent, err := p.handle(start, m, wifi); err != nil || len(sent) == 0 {
		t.Fatalf("%d messages, error %v", len(sent), err)
	}
	p.expectSelected(Path{})
}

// RFC 8445, section 7.3.1.1, and RFC 8489, section 6.3.1.
func TestErrorResponses(t *testing.T) {
	for _, tt := range []struct {
		name      string
		attribute attribute
		code      stun.ErrorCode
	}{
		{"role conflict", controlled, stun.CodeRoleConflict},
		{"unknown attribute", attribute{0x7123, []byte{1, 2, 3, 4}}, stun.CodeUnknownAttribute},
	} {
		p := newPeer(t)
		m := p.check(tt.attribute, useCandidate)
		changed, sent, err := p.handle(start, m, wifi)
		if changed || err != nil || len(sent) != 1 {
			t.Fatalf("%s: changed %v, %d messages, error %v", tt.name, changed, len(sent), err)
		}
		var code stun.ErrorCodeAttribute
		if err := code.GetFrom(sent[0].msg); err != nil || code.Code != tt.code || sent[0].msg.TransactionID != m.TransactionID {
			t.Errorf("%s: answer %v, code %v", tt.name, sent[0].msg, code)
		}
		if err := stun.NewShortTermIntegrity(p.agent.Local.Pwd).Check(sent[0].msg); err != nil {
			t.Errorf("%s: integrity: %v", tt.name, err)
		}
		p.expectState(start, ConnNew)
	}
}

func TestNomination(t *testing.T) {
	const high, low = 2_000_000, 1_000
	type event struct {
		after    time.Duration
		path     Path
		priority uint32
		nominate bool
		want     Path
	}
	rebound := wifi
	rebound.Remote = netip.AddrPortFrom(wifi.Remote.Addr(), 4001)
	elsewhere := rebound
	elsewhere.Local = netip.MustParseAddr("198.51.100.2")
	tests := []struct {
		name   string
		events []event
	}{
		{"a NAT rebinds", []event{{0, wifi, high, true, wifi}, {time.Second, rebound, high, true, rebound}}},
		{"a NAT rebinds at once", []event{{0, wifi, high, true, wifi}, {time.Millisecond, rebound, high, true, rebound}}},
		{"UDP to TCP and back", []event{{0, wifi, high, true, wifi}, {3 * time.Second, overTCP, low, true, overTCP}, {4 * time.Second, wifi, high, true, wifi}}},
		{"only nomination moves", []event{{0, wifi, low, true, wifi}, {time.Second, mobile, high, false, wifi}, {time.Minute, mobile, high, false, wifi}}},
		{"a NAT rebinds and the peer does not nominate again, then back", []event{
			{0, wifi, high, true, wifi}, {2 * time.Second, rebound, high, false, rebound},
			{4 * time.Second, wifi, high, false, rebound}, {6 * time.Second, wifi, high, false, wifi},
			{6 * time.Second, rebound, high, false, wifi}, {8 * time.Second, wifi, high, false, wifi}, {9 * time.Second, rebound, high, false, wifi},
		}},
		{"the same candidate by TCP does not stand in", []event{{0, wifi, high, true, wifi}, {2 * time.Second, overTCP, high, false, wifi}}},
		{"the same candidate to another address does not stand in", []event{{0, wifi, high, true, wifi}, {2 * time.Second, elsewhere, high, false, wifi}}},
		{"each pair nominated, the best first", []event{{0, wifi, high, true, wifi}, {20 * time.Millisecond, overTCP, low, true, wifi}}},
		{"each pair nominated, the best last", []event{{0, overTCP, low, true, overTCP}, {20 * time.Millisecond, wifi, high, true, wifi}}},
		{"a worse pair nominated again", []event{{0, wifi, high, true, wifi}, {100 * time.Millisecond, overTCP, low, true, wifi}, {600 * time.Millisecond, overTCP, low, true, overTCP}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPeer(t)
			for _, e := range tt.events {
				attributes := []stun.Setter{controlling, withPriority(e.priority)}
				if e.nominate {
					attributes = append(attributes, useCandidate)
				}
				before, _ := p.agent.Selected()
				changed, _, err := p.handle(start.Add(e.after), p.check(attributes...), e.path)
				if err != nil {
					t.Fatal(err)
				}
				p.expectSelected(e.want)
				if before != e.want && !changed {
					t.Error("a move was not reported")
				}
			}
		})
	}
}

func TestSilence(t *testing.T) {
	p := newPeer(t)
	_, _, _ = p.handle(start, p.check(controlling, useCandidate), wifi)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	asked := 0
	var changes []time.Duration
	for timer := p.agent.Timer(); !timer.IsZero(); timer = p.agent.Timer() {
		p.sent = nil
		if p.agent.Advance(timer.Add(-1), p.send) || len(p.sent) > 0 {
			t.Errorf("something happened before %v", timer.Sub(start))
		}
		if p.agent.Advance(timer, p.send) {
			changes = append(changes, timer.Sub(start))
		}
		asked += len(p.sent)
		for _, a := range p.sent {
			if a.to != wifi || a.msg.Type != stun.BindingRequest || a.msg.Contains(stun.AttrUseCandidate) {
				t.Errorf("asked by %v to %v", a.msg, a.to)
			}
		}
	}
	if asked != 2 || !slices.Equal(changes, []time.Duration{InterruptedAfter, ExpiredAfter}) {
		t.Errorf("asked %d times, state changed at %v", asked, changes)
	}
	p.expectState(at(InterruptedAfter-1), ConnConnected)
	p.expectState(at(InterruptedAfter), ConnInterrupted)
	p.expectState(at(ExpiredAfter), ConnExpired)
	// A check brings it back.
	if changed, _, _ := p.handle(at(20*time.Second), p.check(controlling), wifi); !changed {
		t.Error("the return was not reported")
	}
	p.expectState(at(20*time.Second), ConnConnected)
	if !p.agent.Timer().Equal(at(20 * time.Second).Add(askAfter)) {
		t.Errorf("the timer is at %v", p.agent.Timer().Sub(start))
	}
	if !p.agent.Heard(at(40*time.Second)) || p.agent.State(at(40*time.Second)) != ConnConnected {
		t.Error("media is not a sign of life")
	}
}

// The answer to our question is a sign of life; only the right one is.
func TestAnswerToOurCheck(t *testing.T) {
	p := newPeer(t)
	_, _, _ = p.handle(start, p.check(controlling, useCandidate), wifi)
	p.sent = nil
	now := start.Add(askAfter)
	p.agent.Advance(now, p.send)
	question := p.sent[0].msg
	success := func(id [12]byte, pwd string) *stun.Message {
		m := new(stun.Message)
		m.TransactionID = id
		return stun.MustBuild(m, stun.BindingSuccess, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	}
	late := start.Add(6 * time.Second)
	pwd := p.agent.Remote.Pwd
	if _, _, err := p.handle(late, success(question.TransactionID, "wrong"), wifi); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("wrong password: %v", err)
	}
	_, _, _ = p.handle(late, success(question.TransactionID, pwd), mobile)
	_, _, _ = p.handle(late, success([12]byte{1}, pwd), wifi)
	p.expectState(late, ConnInterrupted)
	if changed, _, err := p.handle(late, success(question.TransactionID, pwd), wifi); err != nil || !changed {
		t.Errorf("the right answer: changed %v, error %v", changed, err)
	}
	p.expectState(late, ConnConnected)
	p.expectSelected(wifi)
}

func TestNeverChecked(t *testing.T) {
	p := newPeer(t)
	p.expectState(start.Add(ExpiredAfter-1), ConnNew)
	p.expectState(start.Add(ExpiredAfter), ConnExpired)
	expired := 0
	for timer := p.agent.Timer(); !timer.IsZero(); timer = p.agent.Timer() {
		if p.agent.Advance(timer, p.send) {
			expired++
		}
	}
	if expired != 1 || len(p.sent) > 0 {
		t.Errorf("%d changes, %d messages", expired, len(p.sent))
	}
}

func TestRestart(t *testing.T) {
	p := newPeer(t)
	_, _, _ = p.handle(start, p.check(controlling, useCandidate, withPriority(9)), wifi)
	old := p.agent.Local
	oldCheck := func() *stun.Message { return p.checkWith(old.Ufrag+":them", old.Pwd, controlling, useCandidate) }
	random := rand.New(rand.NewSource(2))
	p.agent.Restart(random)
	p.agent.SetRemote("new!", "their-new-password-their-new-password")
	if p.agent.Local == old || len(p.agent.Ufrags()) != 2 {
		t.Fatalf("credentials %v, ufrags %v", p.agent.Local, p.agent.Ufrags())
	}
	if shard, ok := ShardOf(p.agent.Local.Ufrag); !ok || shard != 5 {
		t.Errorf("shard %d after the restart", shard)
	}
	p.agent.Restart(random) // again, before anything came
	p.agent.SetRemote("new2", "their-new-password-their-new-password")
	p.expectSelected(wifi)
	if _, sent, err := p.handle(start, oldCheck(), wifi); err != nil || len(sent) != 1 {
		t.Fatalf("the old credentials: %d messages, error %v", len(sent), err)
	} else if stun.NewShortTermIntegrity(old.Pwd).Check(sent[0].msg) != nil {
		t.Error("the answer to the old credentials is not sealed with them")
	}
	changed, sent, err := p.handle(start, p.check(controlling, withPriority(1)), mobile)
	if err != nil || !changed || len(sent) != 2 {
		t.Fatalf("the new credentials: changed %v, %d messages, error %v", changed, len(sent), err)
	}
	p.expectSelected(wifi) // until the nomination
	if _, _, err := p.handle(start, oldCheck(), wifi); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("the old credentials after the new: %v", err)
	}
	_, _, _ = p.handle(start, p.check(controlling, withPriority(1), useCandidate), mobile)
	p.expectSelected(mobile) // though worse
}

// Before the peer's description has come, its checks are answered, and it is asked nothing.
func TestCheckBeforeDescription(t *testing.T) {
	p := newPeer(t)
	p.agent.Remote = Credentials{}
	m := p.checkWith(p.agent.Local.Ufrag+":any", p.agent.Local.Pwd, controlling)
	_, sent, err := p.handle(start, m, wifi)
	if err != nil || len(sent) != 1 {
		t.Fatalf("%d messages, error %v", len(sent), err)
	}
	p.expectSuccess(sent[0], m, wifi)
}

func TestPairsAreBounded(t *testing.T) {
	p := newPeer(t)
	_, _, _ = p.handle(start, p.check(controlling, useCandidate), wifi)
	for i := range 100 {
		path := mobile
		path.Remote = netip.AddrPortFrom(path.Remote.Addr(), uint16(1000+i))
		_, _, _ = p.handle(start.Add(time.Duration(i)*time.Millisecond), p.check(controlling), path)
	}
	if len(p.agent.Pairs) != maxPairs || !p.agent.Validated(wifi) {
		t.Errorf("%d pairs; the selected one among them: %v", len(p.agent.Pairs), p.agent.Validated(wifi))
	}
	p.expectSelected(wifi)
	p.agent.Forget(wifi)
	p.expectSelected(Path{})
	if p.agent.Validated(wifi) {
		t.Error("a forgotten path is validated")
	}
}

func TestAgentRoundTrip(t *testing.T) {
	p := newPeer(t)
	_, _, _ = p.handle(start, p.check(controlling, useCandidate), mobile)
	_, _, _ = p.handle(start.Add(time.Second), p.check(controlling), overTCP)
	p.agent.Restart(rand.New(rand.NewSource(3)))
	p.agent.SetRemote("new!", "their-new-password-their-new-password")
	for _, agent := range []Agent{p.agent, NewAgent(start, rand.New(rand.NewSource(4)), 63), {}} {
		text, err := json.Marshal(agent)
		if err != nil {
			t.Fatal(err)
		}
		var back Agent
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, agent) {
			t.Errorf("%s\nis %+v,\nwas %+v", text, back, agent)
		}
	}
}

func TestShardOf(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for shard := range byte(MaxShards) {
		a := NewAgent(start, random, shard)
		if got, ok := ShardOf(a.Local.Ufrag); !ok || got != shard || len(a.Local.Ufrag) != ufragLen || len(a.Local.Pwd) != pwdLen {
			t.Errorf("%v names shard %d, want %d", a.Local, got, shard)
		}
	}
	for _, bad := range []string{"", "-abc", "\x00"} {
		if _, ok := ShardOf(bad); ok {
			t.Errorf("%q names a shard", bad)
		}
	}
}

func TestUfragOf(t *testing.T) {
	p := newPeer(t)
	if ufrag, ok := UfragOf(p.check(controlling, useCandidate).Raw); !ok || ufrag != p.agent.Local.Ufrag {
		t.Errorf("%q, %v", ufrag, ok)
	}
	for name, m := range map[string]*stun.Message{
		"response":    stun.MustBuild(stun.BindingSuccess, stun.TransactionID, stun.NewUsername("a:b")),
		"no username": stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.Fingerprint),
		"no colon":    stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.NewUsername("ab")),
		"no ufrag":    stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.NewUsername(":b")),
	} {
		if ufrag, ok := UfragOf(m.Raw); ok {
			t.Errorf("%s: %q", name, ufrag)
		}
	}
}

// UfragOf must see what pion/stun sees.
func FuzzUfragOf(f *testing.F) {
	f.Add(stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.NewUsername("abcd:efgh"), stun.Fingerprint).Raw)
	f.Add(stun.MustBuild(stun.BindingRequest, stun.TransactionID, withPriority(3), stun.NewUsername(":")).Raw)
	f.Add(stun.MustBuild(stun.BindingSuccess, stun.TransactionID).Raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := UfragOf(b)
		m := new(stun.Message)
		if stun.Decode(b, m) != nil || m.Type != stun.BindingRequest || int(m.Length)+20 != len(b) {
			return // the lenient of the two may be either
		}
		name, err := m.Get(stun.AttrUsername)
		local, _, found := bytes.Cut(name, []byte{':'})
		want := err == nil && found && len(local) > 0 && len(local) <= maxUfrag
		if ok != want || ok && got != string(local) {
			t.Errorf("UfragOf says %q, %v; pion says %q, %v", got, ok, local, want)
		}
	})
}

// Whatever comes, an agent does not panic, and answers nobody without the password.
func FuzzHandleSTUN(f *testing.F) {
	p := newPeer(f)
	f.Add(p.check(controlling, useCandidate).Raw, false)
	f.Add(p.check(controlled).Raw, false)
	f.Add(p.check(controlling).Raw[:60], true)
	f.Add(stun.MustBuild(stun.BindingSuccess, stun.TransactionID, stun.Fingerprint).Raw, false)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		p := newPeer(t)
		if sealed { // attributes of all kinds that are authentic
			m := &stun.Message{Raw: b}
			if len(b) > 1500 || m.Decode() != nil {
				return
			}
			var attributes []stun.Setter
			for _, a := range m.Attributes {
				if a.Type != stun.AttrFingerprint {
					attributes = append(attributes, attribute{a.Type, a.Value})
				}
			}
			m = p.check(attributes...)
			_, _ = p.agent.HandleSTUN(start, m.Raw, wifi, p.send)
			return
		}
		question := len(b)
		_, err := p.agent.HandleSTUN(start, b, wifi, p.send)
		if err != nil && len(p.sent) > 0 {
			t.Error("an answer to a message that was not taken")
		}
		if len(p.sent) > 0 && len(p.sent[0].msg.Raw) > question+32 {
			t.Errorf("an answer of %d bytes to %d", len(p.sent[0].msg.Raw), question)
		}
	})
}

func BenchmarkHandleCheck(b *testing.B) {
	p := newPeer(b)
	m := p.check(controlling, useCandidate, withPriority(1)).Raw
	drop := func(Path, []byte) {}
	b.ReportAllocs()
	for range b.N {
		if _, err := p.agent.HandleSTUN(start, m, wifi, drop); err != nil {
			b.Fatal(err)
		}
	}
}
