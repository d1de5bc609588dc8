package allocation

// pinned gives the option that a track's pin stands for, −1 for none, and why it is
// not more.
func (t *Track) pinned() (option int32, why Reason) {
	option, why = -1, NoLayer
	pin, limit := *t.Wants.Pin, t.Wants.MaxBitrate
	for i := range t.Options {
		o := &t.Options[i]
		switch {
		case o.Bitrate <= 0 || o.Spatial < 0 || o.Spatial >= layers || o.Temporal < 0 || o.Temporal >= layers:
		case limit > 0 && (o.Bitrate > limit || o.Layer != t.Current && o.caution() > limit):
			if option < 0 {
				why = MaxBitrate
			}
		case option < 0 || o.nearer(t.Options[option].Layer, pin):
			option, why = int32(i), Pinned
		}
	}
	return option, why
}

// nearer says whether a layer does better than another for the one that is asked for.
func (l Layer) nearer(other, pin Layer) bool {
	if l.Spatial != other.Spatial {
		return nearer(l.Spatial, other.Spatial, pin.Spatial)
	}
	return nearer(l.Temporal, other.Temporal, pin.Temporal)
}

// nearer prefers what is not above, and of that the higher; of what is above the lower.
func nearer(a, b, pin int8) bool {
	if (a <= pin) != (b <= pin) {
		return a <= pin
	}
	return (a > b) == (a <= pin) && a != b
}
