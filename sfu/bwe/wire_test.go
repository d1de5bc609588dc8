package bwe

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// What another implementation writes is read as it was meant, with every kind of
// chunk.
func TestFeedbackOfAnotherImplementation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		cc := rtcp.TransportLayerCC{Header: rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback}, BaseSequenceNumber: uint16(rng.Uint32()),
			ReferenceTime: rng.Uint32() >> 8, FbPktCount: uint8(rng.Uint32())}
		var want []uint16
		for range 1 + rng.IntN(6) {
			if rng.IntN(2) == 0 {
				symbol, run := uint16(rng.IntN(3)), uint16(1+rng.IntN(30))
				cc.PacketChunks = append(cc.PacketChunks, &rtcp.RunLengthChunk{Type: rtcp.TypeTCCRunLengthChunk, PacketStatusSymbol: symbol, RunLength: run})
				for range run {
					want = append(want, symbol)
				}
				continue
			}
			chunk := &rtcp.StatusVectorChunk{Type: rtcp.TypeTCCStatusVectorChunk, SymbolSize: rtcp.TypeTCCSymbolSizeOneBit}
			n, symbols := 14, 2
			if rng.IntN(2) == 0 {
				chunk.SymbolSize, n, symbols = rtcp.TypeTCCSymbolSizeTwoBit, 7, 3
			}
			for range n {
				s := uint16(rng.IntN(symbols))
				chunk.SymbolList = append(chunk.SymbolList, s)
				want = append(want, s)
			}
			cc.PacketChunks = append(cc.PacketChunks, chunk)
		}
		var deltas []time.Duration
		for _, s := range want {
			delta := time.Duration(rng.IntN(256)) * deltaTick
			switch s {
			case symbolLost:
				deltas = append(deltas, 0)
				continue
			case symbolLarge:
				delta = time.Duration(rng.IntN(65536)-32768) * deltaTick
			}
			cc.RecvDeltas = append(cc.RecvDeltas, &rtcp.RecvDelta{Type: s, Delta: delta.Microseconds()})
			deltas = append(deltas, delta)
		}
		cc.PacketStatusCount = uint16(len(want))
		cc.Header.Padding = cc.Len()%4 != 0
		cc.Header.Length = (cc.Len()+3)/4 - 1
		b, err := cc.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		s, ok := openFeedback(b[12:])
		if !ok {
			t.Fatalf("refused: %v", cc)
		}
		if s.base != cc.BaseSequenceNumber || s.reference != cc.ReferenceTime || s.count != cc.FbPktCount || s.left != len(want) {
			t.Fatalf("header %+v of %v", s, cc)
		}
		for i := range want {
			came, delta := s.next()
			if came != (want[i] != symbolLost) || delta != deltas[i] {
				t.Fatalf("status %d: %v %v, want %d %v", i, came, delta, want[i], deltas[i])
			}
		}
		if _, ok := openFeedback(b[12 : len(b)-4]); ok && len(cc.RecvDeltas) > 4 {
			t.Fatal("a feedback that was cut short is accepted")
		}
	}
}
