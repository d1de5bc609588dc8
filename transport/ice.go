package transport

import (
	"crypto/subtle"
	"encoding/binary"
	"io"
	"strings"
	"time"

	"github.com/pion/stun/v3"
)

// The times of an agent.
const (
	// InterruptedAfter is how long a connected peer may be silent.
	InterruptedAfter = 5 * time.Second
	// ExpiredAfter is how long until it is given up; also for the first check.
	ExpiredAfter = 30 * time.Second
	// askAfter and askAgainAfter are when a silent peer is asked for a sign of
	// life: the checks by which browsers keep a pair alive are 2 to 6 seconds apart.
	askAfter      = 3500 * time.Millisecond
	askAgainAfter = 4250 * time.Millisecond
	// aggressive is the time within which nominations of several pairs count as
	// one choice: see Agent.nominate.
	aggressive = 500 * time.Millisecond
)

// maxPairs bounds the paths that an agent remembers.
const maxPairs = 16

// The lengths of our credentials in characters of 6 bits each: RFC 8445,
// section 5.3 asks for 24 and 128 bits of randomness. The first character
// of the ufrag is not random.
const (
	ufragLen = 8
	pwdLen   = 24
)

// iceChars are the characters of credentials (RFC 8839, section 5.4).
const iceChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// MaxShards is how many shards a ufrag can name.
const MaxShards = len(iceChars)

// ShardOf is the number of the shard that a ufrag of ours names.
func ShardOf(ufrag string) (shard byte, ok bool) {
	if ufrag == "" {
		return 0, false
	}
	i := strings.IndexByte(iceChars, ufrag[0])
	return byte(i), i >= 0
}

// Credentials are a ufrag and password (RFC 8445, section 5.3).
type Credentials struct {
	Ufrag string `json:"ufrag"`
	Pwd   string `json:"pwd"`
}

// newCredentials takes 6 bits of randomness a character. It panics if rand
// fails, which crypto/rand.Reader never does.
func newCredentials(rand io.Reader, shard byte) Credentials {
	random := make([]byte, ufragLen+pwdLen)
	if _, err := io.ReadFull(rand, random); err != nil {
		panic("transport: no randomness for ICE credentials: " + err.Error())
	}
	for i, b := range random {
		random[i] = iceChars[b%64]
	}
	random[0] = iceChars[int(shard)%MaxShards]
	return Credentials{Ufrag: string(random[:ufragLen]), Pwd: string(random[ufragLen:])}
}

// ConnState is the state of an Agent.
type ConnState uint8

// The states of an agent. There is a way from each to ConnConnected; the last is
// one that the owner ends.
const (
	// ConnNew is before the first authenticated check.
	ConnNew ConnState = iota
	// ConnChecking is before the peer has nominated a pair.
	ConnChecking
	// ConnConnected is with a pair for media.
	ConnConnected
	// ConnInterrupted is without a sign of life for InterruptedAfter.
	ConnInterrupted
	// ConnExpired is without a sign of life for ExpiredAfter.
	ConnExpired
)

var connStateNames = [...]string{"new", "checking", "connected", "interrupted", "expired"}

// String is the name of the state.
func (s ConnState) String() string {
	if int(s) < len(connStateNames) {
		return connStateNames[s]
	}
	return "unknown"
}

// Agent is the ICE-lite agent of one transport (RFC 8445): it is always
// controlled, answers checks, and takes the pair that the peer nominates. It is a plain
// value, told the time and serialisable; one goroutine at a time uses it.
//
// Only a check with the right credentials has an effect: it validates the path
// it came by, proves that the peer lives, and if it nominates, moves the media there.
type Agent struct {
	// Local are our credentials, Remote the peer's (empty until SetRemote).
	Local  Credentials `json:"local"`
	Remote Credentials `json:"remote"`
	// Previous are the credentials before a restart, valid until the first
	// check with the new.
	Previous *Generation `json:"previous,omitempty"`
	// Born is when the agent was made, Seen the last sign of life (zero: none).
	Born time.Time `json:"born"`
	Seen time.Time `json:"seen"`
	// Pairs are the paths by which authenticated checks came, MaxPairs at most.
	Pairs []Pair `json:"pairs,omitempty"`
	// SelectedPath is for media; zero before the first nomination.
	SelectedPath Path `json:"selected"`
	// Nominated says that there was a nomination since the last restart.
	Nominated bool `json:"nominated"`
	// Stage counts the things that were due since the last sign of life; see stages.
	Stage int `json:"stage"`
	// TieBreaker is for our own checks (RFC 8445, section 5.2); their
	// transaction ids are IDSeed and a count.
	TieBreaker uint64  `json:"tieBreaker"`
	IDSeed     [8]byte `json:"idSeed"`
	Asked      uint32  `json:"asked"`
	// AskedBy is the path of our last check.
	AskedBy Path `json:"askedBy"`
}

// Generation is the pair of credentials between two restarts.
type Generation struct {
	Local  Credentials `json:"local"`
	Remote Credentials `json:"remote"`
}

// Pair is a path by which an authenticated check came.
type Pair struct {
	Path Path `json:"path"`
	// Priority is the one that the peer's checks give (RFC 8445, section 7.1.1).
	Priority uint32 `json:"priority"`
	// Checked is when the last check came, Nominated when the last with USE-CANDIDATE.
	Checked   time.Time `json:"checked"`
	Nominated time.Time `json:"nominated"`
	// Asked says that it had a check of ours.
	Asked bool `json:"asked"`
}

// NewAgent makes an agent with fresh credentials. The first character of the
// ufrag names the shard, 0 to MaxShards-1, for [ShardOf]. It panics if rand
// fails, which crypto/rand.Reader never does.
func NewAgent(now time.Time, rand io.Reader, shard byte) Agent {
	a := Agent{Born: now, Local: newCredentials(rand, shard)}
	var random [16]byte
	if _, err := io.ReadFull(rand, random[:]); err != nil {
		panic("transport: no randomness for an ICE agent: " + err.Error())
	}
	a.TieBreaker = binary.BigEndian.Uint64(random[:])
	copy(a.IDSeed[:], random[8:])
	return a
}

// SetRemote tells the peer's credentials, as its session description has them.
func (a *Agent) SetRemote(ufrag, pwd string) {
	a.Remote = Credentials{Ufrag: ufrag, Pwd: pwd}
}

// Restart makes fresh credentials (RFC 8445, section 9), after which SetRemote
// tells the peer's. The old ones stay valid, and media goes on, until the
// first check with the new.
func (a *Agent) Restart(rand io.Reader) {
	if a.Previous == nil {
		a.Previous = &Generation{Local: a.Local, Remote: a.Remote}
	}
	shard, _ := ShardOf(a.Local.Ufrag)
	a.Local = newCredentials(rand, shard)
	a.Remote = Credentials{}
	a.Nominated = false
	for i := range a.Pairs {
		a.Pairs[i].Asked = false
	}
}

// Ufrags are the local ufrags under which checks may come: the current one
// and, for a while after a restart, the one before.
func (a *Agent) Ufrags() []string {
	ufrags := []string{a.Local.Ufrag}
	if a.Previous != nil {
		ufrags = append(ufrags, a.Previous.Local.Ufrag)
	}
	return ufrags
}

// HandleSTUN takes a STUN message that came by a path. What it has to say it
// gives to send; b is valid during the call. It reports whether
// the selected path, the state or the ufrags have changed. The errors,
// [ErrBadCheck] and [ErrUnauthenticated], are for counting: such a message
// gets no answer, so that nobody can be made to answer a stranger.
func (a *Agent) HandleSTUN(now time.Time, msg []byte, from Path, send func(to Path, b []byte)) (changed bool, err error) {
	m, err := decodeSTUN(msg)
	if err != nil {
		return false, err
	}
	defer stunMessages.Put(m)
	before := a.outside(now)
	switch m.Type {
	case stun.BindingRequest:
		err = a.handleCheck(now, m, from, send)
	case stun.BindingSuccess:
		err = a.handleSuccess(now, m, from)
	case stun.BindingError, stun.NewType(stun.MethodBinding, stun.ClassIndication):
		// An error to a check of ours changes nothing, and an indication only
		// keeps a NAT's mapping.
	default:
		err = ErrBadCheck
	}
	return a.outside(now) != before, err
}

// outside is what others see of an agent.
type outside struct {
	selected   Path
	state      ConnState
	restarting bool
}

func (a *Agent) outside(now time.Time) outside {
	return outside{selected: a.SelectedPath, state: a.State(now), restarting: a.Previous != nil}
}

func (a *Agent) handleCheck(now time.Time, m *stun.Message, from Path, send func(to Path, b []byte)) error {
	c, err := parseCheck(m)
	if err != nil {
		return err
	}
	generation := a.generationOf(c)
	if generation == nil || stun.NewShortTermIntegrity(generation.Local.Pwd).Check(m) != nil {
		return ErrUnauthenticated
	}
	answer := func(kind stun.MessageType, fill func(r *stun.Message)) {
		r := newSTUN(kind, m.TransactionID)
		fill(r)
		seal(r, generation.Local.Pwd, from, send)
	}
	switch {
	case len(c.unknown) > 0: // RFC 8489, section 6.3.1
		answer(stun.BindingError, func(r *stun.Message) {
			_ = stun.CodeUnknownAttribute.AddTo(r)
			var list []byte
			for _, t := range c.unknown[:min(len(c.unknown), 4)] { // an answer is not longer than the question
				list = binary.BigEndian.AppendUint16(list, t.Value())
			}
			r.Add(stun.AttrUnknownAttributes, list)
		})
		return nil
	case c.controlled: // RFC 8445, section 7.3.1.1; a lite agent does not switch
		answer(stun.BindingError, func(r *stun.Message) { _ = stun.CodeRoleConflict.AddTo(r) })
		return nil
	}
	current := generation != a.Previous
	if current {
		a.Previous = nil
	}
	a.alive(now)
	p := a.pair(from)
	last := p.Checked
	p.Priority = c.priority
	p.Checked = now
	answer(stun.BindingSuccess, func(r *stun.Message) { addMapped(r, from.Remote) })
	// A lite agent need not check, but some controlling agents nominate a pair
	// on the next tick of a slow timer unless a check came from the other side,
	// after the answer to theirs.
	if !p.Asked && !a.Nominated && current && a.Remote.Pwd != "" {
		p.Asked = true
		a.ask(from, send)
	}
	switch {
	case c.useCandidate:
		a.nominate(now, p, current)
	case a.rebound(p, last):
		p.Nominated = now
		a.SelectedPath = p.Path
	}
	return nil
}

// rebound reports whether a pair is the selected one as it looks after the
// peer's NAT gave it another address: checked with the same priority, hence
// from the same candidate of the peer (RFC 8445, section 7.1.1), at the same
// address of ours. Such a peer need not nominate again, since nothing has
// changed for it. Of a pair known before, one check may have been late; it
// takes two without one by the selected path between them. last is when the check
// before came (zero: none).
func (a *Agent) rebound(p *Pair, last time.Time) bool {
	for i := range a.Pairs {
		s := &a.Pairs[i]
		if s.Path == a.SelectedPath && s.Path != p.Path {
			return s.Priority == p.Priority && s.Path.Local == p.Path.Local &&
				(s.Path.TCP == 0) == (p.Path.TCP == 0) && (last.IsZero() || s.Checked.Before(last))
		}
	}
	return false
}

// generationOf finds the credentials that a check names, nil if there are none
// such. The peer's part is compared once the peer has told it.
func (a *Agent) generationOf(c check) *Generation {
	current := &Generation{Local: a.Local, Remote: a.Remote}
	for _, g := range [...]*Generation{current, a.Previous} {
		if g != nil && g.Local.Ufrag != "" && g.Local.Ufrag == c.local && (g.Remote.Ufrag == "" || g.Remote.Ufrag == c.remote) {
			return g
		}
	}
	return nil
}

// pair finds the pair of a path, or makes one in place of the one that was
// checked longest ago.
func (a *Agent) pair(path Path) *Pair {
	for i := range a.Pairs {
		if a.Pairs[i].Path == path {
			return &a.Pairs[i]
		}
	}
	if len(a.Pairs) < maxPairs {
		a.Pairs = append(a.Pairs, Pair{Path: path})
		return &a.Pairs[len(a.Pairs)-1]
	}
	var oldest *Pair
	for i := range a.Pairs {
		p := &a.Pairs[i]
		if p.Path != a.SelectedPath && (oldest == nil || p.Checked.Before(oldest.Checked)) {
			oldest = p
		}
	}
	*oldest = Pair{Path: path}
	return oldest
}

// nominate moves the media to a pair that the peer has nominated.
//
// The last nomination counts: libwebrtc moves by nominating another pair, be
// it better or worse. Peers that nominate each pair they check (RFC 5245,
// section 8.1.1.2) mean the one of highest priority; so of nominations
// within half a second of each other that one counts.
//
// current says that the credentials are not those before a restart, after
// which the first nomination counts in any case.
func (a *Agent) nominate(now time.Time, p *Pair, current bool) {
	p.Nominated = now
	if a.Nominated && p.Path != a.SelectedPath {
		for i := range a.Pairs {
			s := &a.Pairs[i]
			if s.Path == a.SelectedPath && s.Priority > p.Priority && now.Sub(s.Nominated) < aggressive {
				return
			}
		}
	}
	a.Nominated = a.Nominated || current
	a.SelectedPath = p.Path
}

// alive notes a sign of life.
func (a *Agent) alive(now time.Time) {
	a.Seen = now
	a.Stage = 0
}

// Heard tells that an authentic SRTP or SRTCP packet came by the selected path: a sign
// of life too. It is enough to tell so once a second. It reports whether the
// state has changed.
func (a *Agent) Heard(now time.Time) (changed bool) {
	if a.Seen.IsZero() {
		return false
	}
	before := a.State(now)
	a.alive(now)
	return a.State(now) != before
}

// Forget drops a path that leads nowhere any more, a closed TCP connection's.
// If it was the selected one there is none until the next nomination.
func (a *Agent) Forget(path Path) {
	for i := range a.Pairs {
		if a.Pairs[i].Path == path {
			a.Pairs = append(a.Pairs[:i], a.Pairs[i+1:]...)
			break
		}
	}
	if a.SelectedPath == path {
		a.SelectedPath = Path{}
		a.Nominated = false
	}
}

// Selected is the path for media, if there is one.
func (a *Agent) Selected() (Path, bool) {
	return a.SelectedPath, a.SelectedPath.IsValid()
}

// Validated reports whether authenticated checks came by a path, so that what
// else comes by it may be looked at: a DTLS handshake begins before the
// nomination. The agent remembers the last 16 paths.
func (a *Agent) Validated(path Path) bool {
	for i := range a.Pairs {
		if a.Pairs[i].Path == path {
			return true
		}
	}
	return false
}

// State is the agent's state at a time.
func (a *Agent) State(now time.Time) ConnState {
	silence := now.Sub(a.since())
	switch {
	case silence >= ExpiredAfter:
		return ConnExpired
	case a.Seen.IsZero():
		return ConnNew
	case !a.SelectedPath.IsValid():
		return ConnChecking
	case silence >= InterruptedAfter:
		return ConnInterrupted
	}
	return ConnConnected
}

// since is where silence is counted from.
func (a *Agent) since() time.Time {
	if a.Seen.IsZero() {
		return a.Born
	}
	return a.Seen
}

// stages are what becomes due after a silence: two questions, and two changes of
// the state.
var stages = [...]struct {
	silence time.Duration
	ask     bool
}{{askAfter, true}, {askAgainAfter, true}, {InterruptedAfter, false}, {ExpiredAfter, false}}

// Timer is when Advance is due; zero for never.
func (a *Agent) Timer() time.Time {
	if a.Stage >= len(stages) {
		return time.Time{}
	}
	return a.since().Add(stages[a.Stage].silence)
}

// Advance does what is due: it asks a peer that has been silent for a while for a sign
// of life, by a check of ours. It reports whether the state has changed.
func (a *Agent) Advance(now time.Time, send func(to Path, b []byte)) (changed bool) {
	silence := now.Sub(a.since())
	for a.Stage < len(stages) && silence >= stages[a.Stage].silence {
		switch {
		case !stages[a.Stage].ask:
			// Without a selected path there is nothing to interrupt.
			changed = changed || a.SelectedPath.IsValid() || stages[a.Stage].silence == ExpiredAfter
		case a.SelectedPath.IsValid() && silence < InterruptedAfter:
			a.ask(a.SelectedPath, send)
		}
		a.Stage++
	}
	return changed
}

// ask sends a check of ours, without USE-CANDIDATE, which is not ours to say.
func (a *Agent) ask(path Path, send func(to Path, b []byte)) {
	if a.Remote.Pwd == "" {
		return // the peer's description has not come
	}
	a.Asked++
	a.AskedBy = path
	m := newSTUN(stun.BindingRequest, a.transaction())
	m.Add(stun.AttrUsername, []byte(a.Remote.Ufrag+":"+a.Local.Ufrag))
	preference := priority(typePreferencePrflx, 65535)
	if path.TCP != 0 {
		preference = priority(typePreferenceHostTCP, tcpLocalPreference(0))
	}
	addUint32(m, stun.AttrPriority, preference)
	addUint64(m, stun.AttrICEControlled, a.TieBreaker)
	seal(m, a.Remote.Pwd, path, send)
}

// transaction is the id of our last check.
func (a *Agent) transaction() (id [stun.TransactionIDSize]byte) {
	copy(id[:], a.IDSeed[:])
	binary.BigEndian.PutUint32(id[8:], a.Asked)
	return id
}

// handleSuccess takes the answer to a check of ours: a sign of life, if it is
// to the last one and comes by the path that was asked (RFC 8445, section
// 7.2.5.2.1).
func (a *Agent) handleSuccess(now time.Time, m *stun.Message, from Path) error {
	id := a.transaction()
	if a.Asked == 0 || from != a.AskedBy || subtle.ConstantTimeCompare(id[:], m.TransactionID[:]) != 1 {
		return nil // late, or not ours
	}
	if stun.NewShortTermIntegrity(a.Remote.Pwd).Check(m) != nil {
		return ErrUnauthenticated
	}
	a.alive(now)
	return nil
}
