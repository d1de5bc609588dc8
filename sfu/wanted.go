package sfu

import (
	"cmp"
	"slices"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// unwantedFor is how long nobody must have had a use for a layer before its
// publisher is told so: people resize windows, and change tabs.
const unwantedFor = 3 * second

// wantedState is what a publisher was told of the layers of a track.
type wantedState struct {
	Layers []wantedLayer // all that there ever were, the smallest first
	// Highest is the index of the highest layer that anybody had a use for, when that
	// was last looked at, or has asked for since.
	Highest int
}

// wantedLayer is a spatial layer of one of the received streams. It is remembered
// when the publisher stops it, with its last size.
type wantedLayer struct {
	protocol.WantedLayer
	Width, Height int
	UsedAt        instant // when somebody last had a use for it
}

// advanceWanted tells a publisher which layers of a track nobody has a use for, so
// that it need not encode them. What counts is the size that subscribers want and
// not what fits their links: those change, and a layer that is not there cannot be
// tried. The smallest layer is always wanted, so that a newcomer sees something soon.
// A track without a section, whose publisher's transport is lost, has nobody to be told;
// it is looked at when it has one again.
func (r *Router) advanceWanted(now instant, t *track) {
	if t.in == nil {
		return
	}
	t.remember(now)
	layers := t.Wanted.Layers
	if len(layers) < 2 {
		return
	}
	highest := 0
	for _, sub := range t.pub.subs {
		for _, st := range sub.Parts {
			if st.track == t && !st.Wish.Paused {
				highest = max(highest, t.useful(st))
			}
		}
	}
	r.wantUpTo(now, t, max(highest, t.wantedBeyond(layers)))
}

// wantsMore tells a publisher at once that a subscriber has a use for more than anybody
// had. That there is a use for less is seen in time, by advanceWanted: what one subscriber
// says need not cost a look at all of them.
func (r *Router) wantsMore(now instant, st *part) {
	t := st.track
	if t.in == nil || st.Wish.Paused || len(t.Wanted.Layers) < 2 {
		return
	}
	if highest := t.useful(st); highest > t.Wanted.Highest {
		r.wantUpTo(now, t, highest)
	}
}

// wantUpTo says that there is a use for the layers up to the one of an index, and tells
// what that changes.
func (r *Router) wantUpTo(now instant, t *track, highest int) {
	t.Wanted.Highest = highest
	layers := t.Wanted.Layers
	if t.peer.beyond() {
		r.needUpTo(t, highest)
		return
	}
	changed := false
	for i := range layers {
		l := &layers[i]
		if i <= highest {
			l.UsedAt = now
		}
		if wanted := now-l.UsedAt < unwantedFor; wanted != l.Wanted {
			l.Wanted, changed = wanted, true
		}
	}
	if !changed {
		return
	}
	told := make([]protocol.WantedLayer, len(layers))
	for i := range layers {
		told[i] = layers[i].WantedLayer
	}
	r.events = append(r.events, protocol.LayersNeeded{Participant: t.pub.Participant, LayersWanted: protocol.LayersWanted{
		Stream: t.pub.Stream, Track: t.ID, Layers: told,
	}})
}

// remember takes in the layers that flow now. A new one is wanted.
func (t *track) remember(now instant) {
	w := &t.Wanted
	for _, s := range t.in.Sources {
		for i := range s.layers {
			l := &s.layers[i]
			k := slices.IndexFunc(w.Layers, func(o wantedLayer) bool { return o.RID == s.RID && o.Spatial == int(l.Spatial) })
			if k < 0 {
				k = len(w.Layers)
				w.Layers = append(w.Layers, wantedLayer{
					WantedLayer: protocol.WantedLayer{RID: s.RID, Spatial: int(l.Spatial), Wanted: true}, UsedAt: now,
				})
			}
			if l.Flowing && l.Height > 0 {
				w.Layers[k].Width, w.Layers[k].Height = int(l.Width), int(l.Height)
			}
		}
	}
	slices.SortStableFunc(w.Layers, func(a, b wantedLayer) int { return cmp.Or(a.Height-b.Height, a.Spatial-b.Spatial) })
}

// useful gives the index of the highest layer that a subscriber could make use of:
// the smallest one that fills what it shows the video in, or else the largest.
func (t *track) useful(st *part) int {
	if pin := st.Wish.Pin; pin != nil {
		return min(pin.Spatial, len(t.Wanted.Layers)-1)
	}
	for i, l := range t.Wanted.Layers {
		if l.Height == 0 {
			continue
		}
		if st.Wish.Width > 0 && l.Width >= st.Wish.Width || st.Wish.Height > 0 && l.Height >= st.Wish.Height {
			return i
		}
	}
	return len(t.Wanted.Layers) - 1
}
