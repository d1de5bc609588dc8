package transport

import (
	"errors"
	"fmt"
)

// Profile is an SRTP protection profile by its number in the DTLS use_srtp
// extension (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
type Profile uint16

// The profiles spoken here, in our order of preference reversed: the AEAD is
// offered first because it costs a third of the other per packet.
const (
	ProfileAES128CMHMACSHA1 Profile = 0x0001 // SRTP_AES128_CM_HMAC_SHA1_80, RFC 3711
	ProfileAEADAES128GCM    Profile = 0x0007 // SRTP_AEAD_AES_128_GCM, RFC 7714
)

// String is the profile's name in the registry.
func (p Profile) String() string {
	switch p {
	case ProfileAES128CMHMACSHA1:
		return "SRTP_AES128_CM_HMAC_SHA1_80"
	case ProfileAEADAES128GCM:
		return "SRTP_AEAD_AES_128_GCM"
	}
	return fmt.Sprintf("SRTP profile 0x%04x", uint16(p))
}

// keyLen is the length of a master key in bytes; 0 for an unknown profile.
func (p Profile) keyLen() int {
	switch p {
	case ProfileAES128CMHMACSHA1, ProfileAEADAES128GCM:
		return 16
	}
	return 0
}

// saltLen is the length of a master salt in bytes; 0 for an unknown profile.
func (p Profile) saltLen() int {
	switch p {
	case ProfileAES128CMHMACSHA1:
		return 14
	case ProfileAEADAES128GCM:
		return 12
	}
	return 0
}

// Keys are the SRTP master keys of one transport, as DTLS-SRTP agreed on them.
// They serialise, so that a transport can be handed over; treat them as secret.
type Keys struct {
	Profile Profile `json:"profile"`

	LocalKey   []byte `json:"localKey"`   // protects what we send
	LocalSalt  []byte `json:"localSalt"`  // goes with LocalKey
	RemoteKey  []byte `json:"remoteKey"`  // protects what the peer sends
	RemoteSalt []byte `json:"remoteSalt"` // goes with RemoteKey
}

// ErrKeys says that keys do not fit their profile, or the profile is unknown.
var ErrKeys = errors.New("transport: SRTP keys do not fit a known profile")

// validate reports ErrKeys unless all lengths are those of the profile.
func (k *Keys) validate() error {
	n, s := k.Profile.keyLen(), k.Profile.saltLen()
	if n == 0 || len(k.LocalKey) != n || len(k.RemoteKey) != n ||
		len(k.LocalSalt) != s || len(k.RemoteSalt) != s {
		return ErrKeys
	}
	return nil
}

// keysFromExport cuts the material that a DTLS server exported under
// "EXTRACTOR-dtls_srtp" (RFC 5764 section 4.2): client key, server key, client
// salt, server salt.
func keysFromExport(p Profile, material []byte) (*Keys, error) {
	n, s := p.keyLen(), p.saltLen()
	if n == 0 || len(material) != exportLen(p) {
		return nil, ErrKeys
	}
	return &Keys{
		Profile:    p,
		RemoteKey:  material[:n:n],
		LocalKey:   material[n : 2*n : 2*n],
		RemoteSalt: material[2*n : 2*n+s : 2*n+s],
		LocalSalt:  material[2*n+s:],
	}, nil
}

// exportLen is how many bytes of key material a profile takes.
func exportLen(p Profile) int { return 2 * (p.keyLen() + p.saltLen()) }
