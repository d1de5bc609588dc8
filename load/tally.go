package load

import (
	"reflect"

	"github.com/tertulia-rtc/tertulia/transport"
)

// addCounts adds every counter, or takes it away.
func addCounts(sum, more *counts, sign int64) {
	a, b := reflect.ValueOf(sum).Elem(), reflect.ValueOf(more).Elem()
	for i := range a.NumField() {
		a.Field(i).SetUint(a.Field(i).Uint() + uint64(sign)*b.Field(i).Uint())
	}
}

// socketCounts are those of the sockets of all loops.
type socketCounts transport.SocketsStats

func (s *socketCounts) add(o transport.SocketsStats) {
	s.Reads += o.Reads
	s.Received += o.Received
	s.Overflowed += o.Overflowed
	s.Calls += o.Calls
	s.Sent += o.Sent
	s.Unsent += o.Unsent
}

func (s socketCounts) minus(o socketCounts) socketCounts {
	return socketCounts{
		Reads: s.Reads - o.Reads, Received: s.Received - o.Received, Overflowed: s.Overflowed - o.Overflowed,
		Calls: s.Calls - o.Calls, Sent: s.Sent - o.Sent, Unsent: s.Unsent - o.Unsent,
	}
}
