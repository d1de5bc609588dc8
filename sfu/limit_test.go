package sfu

import (
	"fmt"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
)

// What a publisher allows of a track holds for all who receive it, now and later, for a
// pinned layer too, and beside what they want themselves.
func TestLimitOfATrack(t *testing.T) {
	w := quality(t, 1)
	w.r.cfg.Trace = nil
	w.films("ana", 1, 3)
	w.run(2 * time.Second)
	limit := func(bitrate uint64) {
		t.Helper()
		check(t, w.r.Limit(w.now, protocol.LimitTrack{Stream: 1, Track: "v", MaxBitrate: bitrate}))
		w.run(3 * time.Second)
	}
	gets := func(v *viewer, want int) {
		t.Helper()
		from := w.now
		w.run(2 * time.Second)
		v.shows(1).checkEncoding(from, w.now, want)
	}
	ben := w.watches("ben", goodLink, 1)
	pinned := w.watches("pia", goodLink, 1)
	pinned.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 1, Pin: &protocol.PinnedLayer{Spatial: 2, Temporal: 2}})
	w.run(5 * time.Second)
	gets(ben, 2)
	gets(pinned, 2)
	limit(800_000)
	later := w.watches("eva", goodLink, 1)
	w.run(3 * time.Second)
	for _, v := range []*viewer{ben, pinned, later} {
		gets(v, 1)
	}
	for _, s := range w.stats(ben.client).Subscribed {
		if s.Track == "v" && (s.Layer == nil || s.Layer.Reason != allocation.MaxBitrate.String()) {
			t.Errorf("%+v", s.Layer)
		}
	}
	// The lesser of two holds.
	wish := protocol.Preference{Stream: 1, Track: "v", Priority: 1, MaxBitrate: 250_000}
	later.wish(wish)
	w.run(3 * time.Second)
	gets(later, 0)
	wish.MaxBitrate = 50_000_000
	later.wish(wish)
	w.run(3 * time.Second)
	gets(later, 1)
	limit(0)
	for _, v := range []*viewer{ben, pinned, later} {
		gets(v, 2)
	}
	for _, l := range []protocol.LimitTrack{{Stream: 2, Track: "v"}, {Stream: 1, Track: "x"}} {
		if err := w.r.Limit(w.now, l); err == nil || err.Code != protocol.CodeNotFound {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

// A publisher that changes its mind all the time does not keep its subscribers busy.
func TestLimitsAreSharedOutInTurn(t *testing.T) {
	w := quality(t, 1)
	w.films("ana", 1, 3)
	for i := range 5 {
		w.watches(fmt.Sprint("viewer ", i), goodLink, 1)
	}
	w.run(3 * time.Second)
	shares := 0
	w.r.cfg.Trace = func(l TraceLine) {
		if l.Share != nil {
			shares++
		}
	}
	w.tick = func() {
		_ = w.r.Limit(w.now, protocol.LimitTrack{Stream: 1, Track: "v", MaxBitrate: uint64(800_000 + w.now.UnixMilli()%2)})
	}
	w.run(2 * time.Second)
	if most := 5 * int(2*second/shareInterval); shares < most/4 || shares > most+5 {
		t.Errorf("%d links were shared out in two seconds", shares)
	}
}

// A limit is part of the state, and told to routers that come to the room.
func TestLimitThroughJSON(t *testing.T) {
	w := newWorld(t)
	pub := w.join("ana", goodLink)
	pub.publish(1, videoTrack("1"))
	l := protocol.LimitTrack{Stream: 1, Track: "v", MaxBitrate: 300_000}
	check(t, w.r.Limit(w.now, l))
	state, err := w.r.MarshalJSON()
	check(t, err)
	r, err := Restore(Config{Rand: w.rng}, state)
	check(t, err)
	var told []protocol.LimitTrack
	r.Publications(func(_ Pipe, _ protocol.PublishStream, limits []protocol.LimitTrack) { told = append(told, limits...) })
	if len(told) != 1 || told[0] != l {
		t.Errorf("%+v", told)
	}
}
