package transport

import (
	"crypto/subtle"
	"encoding/binary"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v3"
)

// The times of a ClientAgent.
const (
	// checkPacing is between the first checks of two candidates (RFC 8445,
	// section 14.2: Ta).
	checkPacing = 50 * time.Millisecond
	// checkRetry is when an unanswered check is sent again; it doubles each
	// time, up to checkRetryMost. RFC 8445 begins with half a second; browsers
	// with a twentieth, since a call waits for it.
	checkRetry     = 50 * time.Millisecond
	checkRetryMost = 800 * time.Millisecond
	// maxCheckTries is how often one check is sent (RFC 8489, section 6.2.1: Rc).
	maxCheckTries = 8
	// consentInterval is between two checks of the selected pair (RFC 7675 says
	// five seconds at most; browsers take half of it).
	consentInterval = 2500 * time.Millisecond
	// consentAnswers is to how many of the last checks an answer counts.
	consentAnswers = 4
)

// ClientAgent is the ICE agent of a client (RFC 8445): a full agent with one
// host candidate, which checks the candidates of its peer and nominates the
// first pair that works. It is a plain value that is told the time, like
// [Agent]; one goroutine at a time uses it.
//
// It is always the controlling side. A peer that claims that role too has to
// give way, since our tie-breaker is the greatest there is.
type ClientAgent struct {
	// Local are our credentials, Remote the peer's (empty until SetRemote).
	Local  Credentials `json:"local"`
	Remote Credentials `json:"remote"`
	// Lite says that the peer only answers: then each check nominates (as
	// browsers do it), and the first answer is enough.
	Lite bool `json:"lite"`
	// Born is when the remote side was told, Seen when it last answered.
	Born time.Time `json:"born"`
	Seen time.Time `json:"seen"`
	// Pairs are the peer's candidates, the preferred first.
	Pairs []ClientPair `json:"pairs,omitempty"`
	// SelectedPath is for media; zero before a nomination was answered.
	SelectedPath Path `json:"selected"`
	// ConsentAt is when the selected pair is checked next.
	ConsentAt time.Time `json:"consentAt"`
	// Transaction ids of our checks are IDSeed and a count.
	IDSeed [8]byte `json:"idSeed"`
	Asked  uint32  `json:"asked"`
}

// ClientPair is a candidate of the peer, and how far its checks are.
type ClientPair struct {
	Path Path `json:"path"`
	// Priority is the one of the peer's candidate.
	Priority uint32 `json:"priority"`
	// Next is when a check is due; zero for never.
	Next time.Time `json:"next"`
	// Tries is how often the check in progress was sent, ID its number.
	Tries int    `json:"tries"`
	ID    uint32 `json:"id"`
	// Works says that a check was answered, Nominating that the one in progress
	// has USE-CANDIDATE.
	Works      bool `json:"works"`
	Nominating bool `json:"nominating"`
}

// NewClientAgent makes an agent with fresh credentials. It panics if rand
// fails, which crypto/rand.Reader never does.
func NewClientAgent(rand io.Reader) ClientAgent {
	var a ClientAgent
	var random [9]byte
	if _, err := io.ReadFull(rand, random[:]); err != nil {
		panic("transport: no randomness for an ICE agent: " + err.Error())
	}
	a.Local = newCredentials(rand, random[8])
	copy(a.IDSeed[:], random[:])
	return a
}

// SetRemote tells the peer's credentials and candidates as its session
// description has them; checks begin with the next Advance. What is no UDP
// candidate with an address (names are not resolved) is passed over.
func (a *ClientAgent) SetRemote(now time.Time, remote Credentials, lite bool, candidates []string) {
	a.Remote, a.Lite, a.Born = remote, lite, now
	for _, text := range candidates {
		c, ok := ParseCandidate(text)
		if ok && c.Protocol == "udp" && len(a.Pairs) < maxPairs && a.pair(Path{Remote: c.Addr}) == nil {
			a.Pairs = append(a.Pairs, ClientPair{Path: Path{Remote: c.Addr}, Priority: c.Priority})
		}
	}
	slices.SortStableFunc(a.Pairs, func(x, y ClientPair) int { return int(int64(y.Priority) - int64(x.Priority)) })
	for i := range a.Pairs {
		a.Pairs[i].Next = now.Add(time.Duration(i) * checkPacing)
	}
}

// ParseCandidate reads the value of a candidate attribute (RFC 8839, section
// 5.1), with or without "candidate:" before it. It is not ok for what is no
// candidate of component 1 at an IP address.
func ParseCandidate(s string) (c Candidate, ok bool) {
	words := strings.Fields(strings.TrimPrefix(s, "candidate:"))
	if len(words) < 8 || words[6] != "typ" || words[1] != "1" {
		return c, false
	}
	priority, err := strconv.ParseUint(words[3], 10, 32)
	addr, addrErr := netip.ParseAddr(words[4])
	port, portErr := strconv.ParseUint(words[5], 10, 16)
	if err != nil || addrErr != nil || portErr != nil || port == 0 {
		return c, false
	}
	c = Candidate{
		Foundation: words[0], Component: 1, Protocol: strings.ToLower(words[2]), Priority: uint32(priority),
		Addr: netip.AddrPortFrom(addr.Unmap(), uint16(port)), Type: words[7],
	}
	for i := 8; i+1 < len(words); i += 2 {
		if words[i] == "tcptype" {
			c.TCPType = words[i+1]
		}
	}
	return c, true
}

func (a *ClientAgent) pair(path Path) *ClientPair {
	for i := range a.Pairs {
		if a.Pairs[i].Path == path {
			return &a.Pairs[i]
		}
	}
	return nil
}

// Selected is the path for media, if there is one.
func (a *ClientAgent) Selected() (Path, bool) { return a.SelectedPath, a.SelectedPath.IsValid() }

// State is the agent's state at a time: ConnExpired when the peer did not
// answer for ExpiredAfter.
func (a *ClientAgent) State(now time.Time) ConnState {
	if a.Born.IsZero() {
		return ConnNew
	}
	since := a.Seen
	if since.IsZero() {
		since = a.Born
	}
	switch silence := now.Sub(since); {
	case silence >= ExpiredAfter:
		return ConnExpired
	case !a.SelectedPath.IsValid():
		return ConnChecking
	case silence >= InterruptedAfter:
		return ConnInterrupted
	}
	return ConnConnected
}

// Timer is when Advance is due; zero for never.
func (a *ClientAgent) Timer() time.Time {
	if a.SelectedPath.IsValid() {
		return a.ConsentAt
	}
	var first time.Time
	for i := range a.Pairs {
		if next := a.Pairs[i].Next; !next.IsZero() && (first.IsZero() || next.Before(first)) {
			first = next
		}
	}
	return first
}

// Advance sends the checks that are due. b is valid during the call of send.
func (a *ClientAgent) Advance(now time.Time, send func(to Path, b []byte)) {
	if a.SelectedPath.IsValid() {
		if !now.Before(a.ConsentAt) {
			a.ConsentAt = now.Add(consentInterval)
			if p := a.pair(a.SelectedPath); p != nil {
				a.Asked++
				p.ID = a.Asked
				a.check(p, a.Lite, send)
			}
		}
		return
	}
	left := false
	for i := range a.Pairs {
		p := &a.Pairs[i]
		if p.Next.IsZero() {
			continue
		}
		left = true
		if now.Before(p.Next) {
			continue
		}
		if p.Tries == maxCheckTries {
			p.Next, p.Tries = time.Time{}, 0
			continue
		}
		if p.Tries == 0 {
			a.Asked++
			p.ID = a.Asked
			p.Nominating = p.Works || a.Lite
		}
		p.Tries++
		p.Next = now.Add(min(checkRetry<<(p.Tries-1), checkRetryMost))
		a.check(p, p.Nominating, send)
	}
	if !left && a.State(now) == ConnChecking { // all have failed: once more, the peer may only be late
		for i := range a.Pairs {
			a.Pairs[i].Next = now.Add(checkRetryMost + time.Duration(i)*checkPacing)
		}
	}
}

// check sends the check of a pair that its ID names.
func (a *ClientAgent) check(p *ClientPair, nominate bool, send func(to Path, b []byte)) {
	m := newSTUN(stun.BindingRequest, a.transaction(p.ID))
	m.Add(stun.AttrUsername, []byte(a.Remote.Ufrag+":"+a.Local.Ufrag))
	addUint32(m, stun.AttrPriority, priority(typePreferencePrflx, 65535))
	addUint64(m, stun.AttrICEControlling, tieBreaker)
	if nominate {
		m.Add(stun.AttrUseCandidate, nil)
	}
	seal(m, a.Remote.Pwd, p.Path, send)
}

// tieBreaker of every ClientAgent (RFC 8445, section 5.2): who is against it
// gives way.
const tieBreaker = 1<<64 - 1

func (a *ClientAgent) transaction(number uint32) (id [stun.TransactionIDSize]byte) {
	copy(id[:], a.IDSeed[:])
	binary.BigEndian.PutUint32(id[8:], number)
	return id
}

// HandleSTUN takes a STUN message that came by a path, and may answer it
// through send. It reports whether the selected path or the state has changed;
// the errors are those of [Agent.HandleSTUN].
func (a *ClientAgent) HandleSTUN(now time.Time, msg []byte, from Path, send func(to Path, b []byte)) (changed bool, err error) {
	m, err := decodeSTUN(msg)
	if err != nil {
		return false, err
	}
	defer stunMessages.Put(m)
	path, state := a.SelectedPath, a.State(now)
	switch m.Type {
	case stun.BindingRequest:
		err = a.handleCheck(now, m, from, send)
	case stun.BindingSuccess:
		err = a.handleSuccess(now, m, from, send)
	case stun.BindingError, stun.NewType(stun.MethodBinding, stun.ClassIndication):
	default:
		err = ErrBadCheck
	}
	return a.SelectedPath != path || a.State(now) != state, err
}

// handleCheck answers a check of the peer, and lets our own for the same pair
// come at once (RFC 8445, section 7.3.1.4).
func (a *ClientAgent) handleCheck(now time.Time, m *stun.Message, from Path, send func(to Path, b []byte)) error {
	c, err := parseCheck(m)
	if err != nil {
		return err
	}
	if c.local != a.Local.Ufrag || a.Remote.Ufrag != "" && c.remote != a.Remote.Ufrag ||
		stun.NewShortTermIntegrity(a.Local.Pwd).Check(m) != nil {
		return ErrUnauthenticated
	}
	if _, conflict := m.Attributes.Get(stun.AttrICEControlling); conflict { // section 7.3.1.1
		r := newSTUN(stun.BindingError, m.TransactionID)
		_ = stun.CodeRoleConflict.AddTo(r)
		seal(r, a.Local.Pwd, from, send)
		return nil
	}
	r := newSTUN(stun.BindingSuccess, m.TransactionID)
	addMapped(r, from.Remote)
	seal(r, a.Local.Pwd, from, send)
	if a.SelectedPath.IsValid() || a.Remote.Ufrag == "" {
		return nil
	}
	p := a.pair(from)
	if p == nil {
		if len(a.Pairs) == maxPairs {
			return nil
		}
		a.Pairs = append(a.Pairs, ClientPair{Path: from, Priority: c.priority})
		p = &a.Pairs[len(a.Pairs)-1]
	}
	if p.Tries == 0 {
		p.Next = now
		a.Advance(now, send)
	}
	return nil
}

// handleSuccess takes the answer to a check of ours, if it comes by the path
// that was asked (RFC 8445, section 7.2.5.2.1).
func (a *ClientAgent) handleSuccess(now time.Time, m *stun.Message, from Path, send func(to Path, b []byte)) error {
	p := a.pair(from)
	if p == nil || p.ID == 0 {
		return nil
	}
	number := binary.BigEndian.Uint32(m.TransactionID[8:])
	if subtle.ConstantTimeCompare(a.IDSeed[:], m.TransactionID[:8]) != 1 || number > p.ID {
		return nil
	}
	if selected := a.SelectedPath.IsValid(); number != p.ID && (!selected || p.ID-number >= consentAnswers) {
		return nil // late, or not ours
	}
	if stun.NewShortTermIntegrity(a.Remote.Pwd).Check(m) != nil {
		return ErrUnauthenticated
	}
	a.Seen = now
	switch {
	case a.SelectedPath.IsValid():
	case p.Nominating:
		p.Works = true
		a.SelectedPath = p.Path
		a.ConsentAt = now.Add(consentInterval)
	default: // regular nomination, RFC 8445 section 8.1.1: the first that works
		p.Works, p.Tries, p.Next = true, 0, now
		a.Advance(now, send)
	}
	return nil
}
