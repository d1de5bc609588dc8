//go:build amd64 || arm64

package transport

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Transport-wide feedback as it comes: an RTCP packet of type 205 with format 15, with
// padding or without. SRTCP leaves these two bytes in the clear (RFC 3711 section 3.4).
const (
	feedbackMask  = 0xdfff
	feedbackStart = 0x8fcd
)

// deferFeedback gives the sockets of one port a second one each, to which the kernel
// takes transport-wide feedback and nothing else. Nobody is woken for what
// comes there: each subscriber sends ten to twenty such packets a second, which can wait for
// a round that has more to do. Where the kernel refuses, feedback comes with the rest.
func deferFeedback(sockets []socket) {
	var second []*kernelSocket
	for _, s := range sockets {
		first, ok := s.(*kernelSocket)
		if !ok || first.share() != nil {
			break
		}
		// Blocking, so that the poller does not watch it.
		f, err := bindKernelSocket(first.local, true, 0)
		if err != nil {
			break
		}
		second = append(second, f)
	}
	// The kernel numbers the sockets of a port in the order of their binding.
	if len(second) < len(sockets) || sockets[0].(*kernelSocket).steer(feedbackFilter(len(sockets))) != nil {
		for _, f := range second {
			_ = f.file.Close()
		}
		return
	}
	for i, f := range second {
		sockets[i].(*kernelSocket).feedback = f
	}
}

// steer sets the program by which the kernel chooses among the sockets of the port.
func (s *kernelSocket) steer(program []unix.SockFilter) (err error) {
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: unsafe.SliceData(program)}
	if failed := s.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &filter)
	}); failed != nil {
		return failed
	}
	return err
}

// feedbackFilter is a program that chooses one of 2n sockets: one of the first n by the
// peer's port, as the kernel would by a hash of its own; and for feedback the
// one n further on. What is too short to be looked at goes to the first.
func feedbackFilter(n int) []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_ABS
		alu    = unix.BPF_ALU | unix.BPF_K
		equals = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		// ipHeader is an offset that means the start of the IP header; others mean
		// that of the payload.
		ipHeader = 0xfff00000 // SKF_NET_OFF
	)
	return []unix.SockFilter{
		{Code: load | unix.BPF_B, K: ipHeader},
		{Code: alu | unix.BPF_AND, K: 0xf0},
		{Code: equals, K: 0x40, Jf: 2},
		{Code: load | unix.BPF_H, K: ipHeader + 20}, // the port behind an IPv4 header
		{Code: unix.BPF_JMP | unix.BPF_JA, K: 1},
		{Code: load | unix.BPF_H, K: ipHeader + 40}, // … and behind an IPv6 header
		{Code: alu | unix.BPF_MUL, K: 0x9e3779b1},   // some systems give out even ports only
		{Code: alu | unix.BPF_RSH, K: 16},
		{Code: alu | unix.BPF_MOD, K: uint32(n)},
		{Code: unix.BPF_MISC | unix.BPF_TAX},
		{Code: load | unix.BPF_H, K: 0},
		{Code: alu | unix.BPF_AND, K: feedbackMask},
		{Code: equals, K: feedbackStart, Jf: 3},
		{Code: unix.BPF_MISC | unix.BPF_TXA},
		{Code: alu | unix.BPF_ADD, K: uint32(n)},
		{Code: unix.BPF_RET | unix.BPF_A},
		{Code: unix.BPF_MISC | unix.BPF_TXA},
		{Code: unix.BPF_RET | unix.BPF_A},
	}
}

func (s *kernelSocket) readFeedback(b *Batch) error {
	f := s.feedback
	if f == nil {
		return nil
	}
	f.batch, f.err = b, nil
	if err := f.raw.Control(f.tryRead); err != nil {
		return err
	}
	return f.err
}

func (s *kernelSocket) defersFeedback() bool { return s.feedback != nil }
