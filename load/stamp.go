package load

import "encoding/binary"

// stamp is in each packet of ours, behind the heads of its codec.
type stamp struct {
	sender  uint32  // number of the sender within the run
	counter uint32  // of its packets
	sent    instant // when it was sent
}

const (
	stampSize  = 20
	stampMagic = 0x7e27a11a
)

func (s *stamp) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, stampMagic)
	b = binary.BigEndian.AppendUint32(b, s.sender)
	b = binary.BigEndian.AppendUint32(b, s.counter)
	return binary.BigEndian.AppendUint64(b, uint64(s.sent))
}

func readStamp(b []byte) (s stamp, ok bool) {
	if len(b) < stampSize || binary.BigEndian.Uint32(b) != stampMagic {
		return s, false
	}
	return stamp{
		sender: binary.BigEndian.Uint32(b[4:]), counter: binary.BigEndian.Uint32(b[8:]), sent: instant(binary.BigEndian.Uint64(b[12:])),
	}, true
}
