package sfu

import (
	"slices"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// unwantedFor is how long nobody must have had a use for a layer before its
// publisher is told so: people resize windows, and change tabs.
const unwantedFor = 3 * second

// wantedState is what a publisher was told of the layers of a track.
type wantedState struct {
	Told []protocol.WantedLayer
	// UsedAt is when somebody last had a use for each layer of Told.
	UsedAt []instant
}

// advanceWanted tells a publisher which layers of a track nobody has a use for, so
// that it need not encode them. What counts is the size that subscribers want and
// not what fits their links: those change, and a layer that is not there cannot be
// tried. The smallest layer is always wanted, so that a newcomer sees something soon.
func (r *Router) advanceWanted(now instant, t *track) {
	layers := t.offered()
	if len(layers) < 2 {
		return
	}
	w := &t.Wanted
	if !slices.EqualFunc(layers, w.Told, func(a, b protocol.WantedLayer) bool { return a.RID == b.RID && a.Spatial == b.Spatial }) {
		w.Told = layers
		w.UsedAt = slices.Repeat([]instant{now}, len(layers))
	}
	highest := 0
	for _, sub := range t.pub.subs {
		for _, st := range sub.Parts {
			if st.track == t && !st.Wish.Paused {
				highest = max(highest, t.useful(st, layers))
			}
		}
	}
	highest = max(highest, t.wantedBeyond(layers))
	if t.peer.beyond() {
		r.needUpTo(t, layers[highest])
		return
	}
	changed := false
	for i := range w.Told {
		if i <= highest {
			w.UsedAt[i] = now
		}
		if wanted := now-w.UsedAt[i] < unwantedFor; wanted != w.Told[i].Wanted {
			w.Told[i].Wanted, changed = wanted, true
		}
	}
	if changed {
		r.events = append(r.events, protocol.LayersNeeded{Participant: t.pub.Participant, LayersWanted: protocol.LayersWanted{
			Stream: t.pub.Stream, Track: t.ID, Layers: slices.Clone(w.Told),
		}})
	}
}

// offered lists the spatial layers of all streams that a track's publisher sends or
// has sent, the smallest first. All of them are taken for wanted.
func (t *track) offered() (layers []protocol.WantedLayer) {
	if t.in == nil {
		return nil
	}
	sources := slices.Clone(t.in.Sources)
	slices.SortStableFunc(sources, func(a, b *source) int { return int(a.height()) - int(b.height()) })
	for _, s := range sources {
		top := -1
		for i := range s.layers {
			top = max(top, int(s.layers[i].Spatial))
		}
		for spatial := 0; spatial <= top; spatial++ {
			layers = append(layers, protocol.WantedLayer{RID: s.RID, Spatial: spatial, Wanted: true})
		}
	}
	return layers
}

// useful gives the index of the highest layer that a subscriber could make use of:
// the smallest one that fills what it shows the video in, or else the largest.
func (t *track) useful(st *part, layers []protocol.WantedLayer) int {
	for i, l := range layers {
		width, height := t.size(l)
		if width == 0 || height == 0 {
			continue
		}
		if st.Wish.Width > 0 && width >= st.Wish.Width || st.Wish.Height > 0 && height >= st.Wish.Height {
			return i
		}
	}
	return len(layers) - 1
}

// size gives the size of a layer, as it last was.
func (t *track) size(l protocol.WantedLayer) (width, height int) {
	for _, s := range t.in.Sources {
		if s.RID != l.RID {
			continue
		}
		for i := range s.layers {
			if int(s.layers[i].Spatial) == l.Spatial {
				return int(s.layers[i].Width), int(s.layers[i].Height)
			}
		}
	}
	return 0, 0
}
