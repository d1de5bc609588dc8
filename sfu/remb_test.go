package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// A publisher that knows only REMB, and sends as much as it is told, fills its link
// and does not flood it.
func TestREMBFollowsTheLink(t *testing.T) {
	old := vp8
	old.TransportCC, old.REMB = false, true
	section := sends("1", sdp.Video, old)
	section.Extensions = []sdp.Extension{{URI: sdp.MidURI, ID: 4}, {URI: sdp.AbsSendTimeURI, ID: 2}}
	w := newWorld(t)
	link := simnet.Config{Latency: 20 * time.Millisecond, Rate: 1_000_000, Queue: 60_000}
	pub := w.join("ana", link, section)
	pub.statesTime = true
	pub.publish(1, videoTrack("1"))
	v := pub.video("1", 100)
	told := func() float64 {
		for i := len(pub.rtcp) - 1; i >= 0; i-- {
			if p, ok := pub.rtcp[i].(*rtcp.ReceiverEstimatedMaximumBitrate); ok {
				return float64(p.Bitrate)
			}
		}
		return 300_000
	}
	run := func(d time.Duration) (least, most float64) {
		least = 1e12
		for end := w.now.Add(d); w.now.Before(end); {
			w.run(100 * time.Millisecond)
			rate := told()
			v.size = max(int(rate/30/8/4)-60, 50)
			least, most = min(least, rate), max(most, rate)
		}
		return least, most
	}
	run(15 * time.Second)
	if least, most := run(15 * time.Second); least < 500_000 || most > 1_300_000 {
		t.Errorf("on 1 Mb/s it is told %.0f to %.0f", least, most)
	}
	link.Rate = 400_000
	pub.up.Set(link)
	run(10 * time.Second)
	if least, most := run(10 * time.Second); least < 150_000 || most > 600_000 {
		t.Errorf("on 400 kb/s it is told %.0f to %.0f", least, most)
	}
	link.Rate = 3_000_000
	pub.up.Set(link)
	run(20 * time.Second)
	if _, most := run(10 * time.Second); most < 900_000 {
		t.Errorf("back on 3 Mb/s it is told %.0f", most)
	}
}
