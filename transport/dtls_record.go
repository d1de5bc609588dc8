package transport

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
)

// The record layer of DTLS 1.2 (RFC 6347 section 4.1), as much of it as is
// needed once the handshake is over: application data and alerts, in epoch 1,
// under TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (RFC 5288). With it a
// connection needs no goroutine to stay alive, and 60 bytes until it is used.

// Content types of records.
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordData             = 23
)

const (
	recordHeaderLen = 13
	recordNonceLen  = 8 // explicit, in front of the ciphertext
	recordOverhead  = recordHeaderLen + recordNonceLen + gcmTagLen
	recordEpoch     = 1
)

// recordKeys are the keys of both directions.
type recordKeys struct {
	localKey, remoteKey [16]byte
	localIV, remoteIV   [4]byte
}

// records protects the records of one connection. It may be used from several
// goroutines.
type records struct {
	keys recordKeys

	sealing sync.Mutex
	local   cipher.AEAD // made when first used
	seq     uint64      // of the next record
	buf     []byte      // the record being sent
	nonce   [12]byte
	aad     [recordHeaderLen]byte

	opening  sync.Mutex
	remote   cipher.AEAD // made when first used
	seen     Seen        // sequence numbers received
	anything bool        // seen means something
}

// secrets is what a handshake of the library leaves for the record layer: the
// randoms of both sides and the master secret. The library tells them to those
// who want to decrypt its connections (the key log) and to those who change its
// messages (the hook); it has no other way that does not take a gob of the connection
// and a decoder compiled for it, once for each transport.
type secrets struct {
	server, client [32]byte
	master         [48]byte
	complete       bool
}

// hello takes the random of our ServerHello, and leaves the message as it is.
func (s *secrets) hello(m handshake.MessageServerHello) handshake.Message {
	s.server = m.Random.MarshalFixed()
	return &m
}

// Write takes a line of the key log: the label, the client's random and the master
// secret, in hexadecimal digits.
func (s *secrets) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) == 3 && string(fields[0]) == "CLIENT_RANDOM" &&
		len(fields[1]) == hex.EncodedLen(len(s.client)) && len(fields[2]) == hex.EncodedLen(len(s.master)) {
		_, e1 := hex.Decode(s.client[:], fields[1])
		_, e2 := hex.Decode(s.master[:], fields[2])
		s.complete = e1 == nil && e2 == nil
	}
	return len(line), nil
}

var errRecordState = errors.New("transport: the DTLS connection is not one that can be taken over")

// takeOver makes the record layer that goes on where a finished connection of
// the library is; seq is the number of the next record. The library must not
// send any more.
func takeOver(s *secrets, seq uint64) (*records, error) {
	if !s.complete || seq == 0 { // our Finished was a record
		return nil, errRecordState
	}
	k, err := prf.GenerateEncryptionKeys(s.master[:], s.client[:], s.server[:], 0, 16, 4, sha256.New)
	if err != nil {
		return nil, fmt.Errorf("transport: keys of the DTLS connection: %w", err)
	}
	r := &records{seq: seq}
	copy(r.keys.localKey[:], k.ServerWriteKey)
	copy(r.keys.localIV[:], k.ServerWriteIV)
	copy(r.keys.remoteKey[:], k.ClientWriteKey)
	copy(r.keys.remoteIV[:], k.ClientWriteIV)
	return r, nil
}

// send seals content as one record and passes it to send, which may use it
// during the call only.
func (r *records) send(kind byte, content []byte, send func([]byte)) error {
	r.sealing.Lock()
	defer r.sealing.Unlock()
	if r.local == nil {
		var err error
		if r.local, err = newGCM(r.keys.localKey[:]); err != nil {
			return err
		}
	}
	if r.seq >= 1<<48 {
		return errRecordState
	}
	b := append(r.buf[:0], kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	// Epoch and sequence number make the explicit nonce too: it never repeats.
	binary.BigEndian.PutUint64(b[3:], recordEpoch<<48|r.seq)
	r.seq++
	b = append(b, b[3:11]...)
	binary.BigEndian.PutUint16(b[11:], uint16(recordNonceLen+len(content)+gcmTagLen))
	copy(r.nonce[:], r.keys.localIV[:])
	copy(r.nonce[4:], b[3:11])
	r.setAAD(&r.aad, b, len(content))
	b = r.local.Seal(b, r.nonce[:], content, r.aad[:])
	r.buf = b
	send(b)
	return nil
}

// open decrypts one whole record into memory of its own. It is not ok for
// anything but an authentic record of epoch 1 that was not seen before.
func (r *records) open(record []byte) (content []byte, ok bool) {
	sequence := binary.BigEndian.Uint64(record[3:])
	if sequence>>48 != recordEpoch || len(record) < recordOverhead {
		return nil, false
	}
	sequence &= 1<<48 - 1
	r.opening.Lock()
	defer r.opening.Unlock()
	if r.anything && r.seen.has(sequence) {
		return nil, false
	}
	if r.remote == nil {
		var err error
		if r.remote, err = newGCM(r.keys.remoteKey[:]); err != nil {
			return nil, false
		}
	}
	var nonce [12]byte
	copy(nonce[:], r.keys.remoteIV[:])
	copy(nonce[4:], record[recordHeaderLen:])
	var aad [recordHeaderLen]byte
	sealed := record[recordHeaderLen+recordNonceLen:]
	r.setAAD(&aad, record, len(sealed)-gcmTagLen)
	content, err := r.remote.Open(nil, nonce[:], sealed, aad[:])
	if err != nil {
		return nil, false
	}
	if !r.anything {
		r.anything, r.seen.Highest = true, sequence
	}
	r.seen.mark(sequence)
	return content, true
}

// setAAD fills in what is authenticated besides the content (RFC 5246 section
// 6.2.3.3): sequence number with epoch, type, version, plain length.
func (r *records) setAAD(aad *[recordHeaderLen]byte, header []byte, n int) {
	copy(aad[:8], header[3:11])
	copy(aad[8:11], header[:3])
	binary.BigEndian.PutUint16(aad[11:], uint16(n))
}

// nextRecord cuts the first record off a datagram; nil when there is no whole
// one of DTLS 1.2.
func nextRecord(datagram []byte) (record, rest []byte) {
	if len(datagram) < recordHeaderLen || datagram[1] != 0xfe {
		return nil, nil
	}
	n := recordHeaderLen + int(binary.BigEndian.Uint16(datagram[11:]))
	if len(datagram) < n {
		return nil, nil
	}
	return datagram[:n], datagram[n:]
}
