package media

import "testing"

// A burst does not cost memory for good, and what is needed again and again is kept.
func TestTheMailboxLetsGoOfBuffers(t *testing.T) {
	var m mailbox
	var taken []datagram
	round := func(n int) {
		datagrams := make([]datagram, n)
		for i := range datagrams {
			datagrams[i].data = make([]byte, 1000)
		}
		m.addDatagrams(datagrams)
		_, taken, _ = m.take(nil, taken, nil)
		m.giveBack(taken)
	}
	round(500)
	for range 3 {
		m.trim()
		round(20)
	}
	if n := len(m.free); n != 20 {
		t.Errorf("%d buffers are kept, 20 are in use", n)
	}
	m.trim()
	m.trim()
	if n := len(m.free); n != 0 {
		t.Errorf("%d buffers are kept, none are in use", n)
	}
}
