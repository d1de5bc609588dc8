package sdp

// Candidate is an ICE candidate as the value of an a=candidate line: what
// comes after "candidate:" (RFC 8839 section 5.1).
type Candidate = string

// Local is our end of a transport, and how we wish to negotiate.
type Local struct {
	Ufrag, Pwd  string
	Fingerprint string      // SHA-256 of our certificate, "AB:CD:…"
	Candidates  []Candidate // complete: end-of-candidates is said after them
	// Codecs is the order of the room, best first; formats that it does not
	// name follow in the order of codec.Preferred. Payload types are answered
	// in this order, so that publishers use the first that they have.
	Codecs []string
	CNAME  string // of all that we send: one clock
	// NewSSRC draws an SSRC; it is asked again when one is taken.
	NewSSRC   func() uint32
	SessionID uint64 // of our o= lines, the same for the life of the transport
	// Simulcast accepts the layers that an offer proposes. Without it, the
	// answer leaves them out, and browsers send one encoding.
	Simulcast bool
	// Client says that we are a client: with a full ICE agent, active in DTLS
	// where the peer lets us choose. See ClientOffer.
	Client bool
}
