package audible

// Advance does what is due, and says whether the list of speakers has changed by
// so much that it should be told.
func (s *Selector) Advance(now int64) bool {
	if s.state.Next == 0 || now < s.state.Next {
		return false
	}
	n := looks
	if s.state.Limited {
		n = 1
	}
	active := false
	for i := range s.state.Streams {
		if st := &s.state.Streams[i]; st.Leveled {
			active = st.look(n) || active
		}
	}
	s.place()
	if s.state.Limited {
		active = s.dismiss(now) || active
	}
	s.gate()
	s.choose(n)
	told := false
	if s.state.Looks += n; s.state.Looks >= looks {
		s.state.Looks = 0
		told = s.list()
	}
	if active || s.state.Looks > 0 || len(s.state.Told) > 0 {
		s.schedule(now)
	} else {
		s.rest()
	}
	return told
}

// look scores what was heard since the last one, which is n intervals ago. It
// says whether there is anything to follow.
func (st *stream) look(n int) bool {
	heard := st.Count > 0
	dB := silence
	if heard {
		dB = int(st.Sum / st.Count)
	}
	st.Sum, st.Count = 0, 0
	// Speech has pauses; what has none for seconds is a fan, a tone, or a
	// publisher that says so to be heard.
	level := max(dB, quietest) * 16
	st.Around = min(st.Around+risingBy*n, level)
	st.Steady = dB > constant && level-st.Around < prominent*16
	dB = min(max(dB, quietest), loudest)
	if st.Steady {
		dB = min(dB, constant)
	}
	for range n {
		// Quick to notice speech, slow to forget it between words.
		if d := dB*16 - st.Score; d > 0 {
			st.Score += d / rising
		} else {
			st.Score += d / falling
		}
	}
	if dB >= speech {
		st.Quiet = 0
	} else {
		st.Quiet = min(st.Quiet+n, 1<<16)
	}
	st.Speech.Pausing = st.Steady || dB < speech || dB < st.Score/16-pauseDrop
	return heard || st.Score > (quietest+5)*16
}

// standing is what a stream is compared by: whoever has a place is ahead.
func (st *stream) standing() int {
	if st.Placed {
		return st.Score + lead*16
	}
	return st.Score
}

// place gives the places to the loudest of those that are audible.
func (s *Selector) place() {
	places := s.places[:0]
	weakest := 0 // of places
	standing := func(k int) int { return s.state.Streams[places[k]].standing() }
	for i := range s.state.Streams {
		st := &s.state.Streams[i]
		switch {
		case !st.Leveled || !st.Audible:
			continue
		case len(places) < s.state.Config.Loudest:
			places = append(places, i)
		case st.standing() > standing(weakest):
			places[weakest] = i
		default:
			continue
		}
		for k := range places {
			if k == 0 || standing(k) < standing(weakest) {
				weakest = k
			}
		}
	}
	for i := range s.state.Streams {
		s.state.Streams[i].Placed = false
	}
	for _, i := range places {
		s.state.Streams[i].Placed = true
	}
	for i := range s.state.Streams {
		if st := &s.state.Streams[i]; st.Placed || !st.Audible || !s.state.Limited {
			st.Outside, st.Lasting = 0, st.Placed && s.state.Limited
		} else {
			st.Outside++
		}
	}
	s.places = places
}

// dismiss lets those go that have no place, each in a pause of its own, and says
// whether some are left.
func (s *Selector) dismiss(now int64) (left bool) {
	outside := 0
	for i := range s.state.Streams {
		if st := &s.state.Streams[i]; st.Leveled && st.Audible && !st.Placed {
			outside++
		}
	}
	for i := range s.state.Streams {
		st := &s.state.Streams[i]
		if !st.Leveled || !st.Audible || st.Placed {
			continue
		}
		stays := brief
		if st.Lasting && outside <= extras {
			stays = hangOver
		}
		if st.Outside >= longest || st.Outside >= stays && st.Speech.Pausing {
			s.leave(now, i)
			outside--
		}
	}
	return outside > 0
}

func (s *Selector) leave(now int64, i int) {
	st := &s.state.Streams[i]
	st.Audible, st.Outside, st.Lasting = false, 0, false
	st.FreeAt = now + probation
	s.changed(i)
}

// gate says how loud a packet must be for its stream to become audible: as loud
// as speech where there is a place, or one whose owner is silent; about as loud
// as the weakest otherwise.
func (s *Selector) gate() {
	const closed = 1
	s.state.Gate, s.state.GateScore = closed, closed
	if !s.state.Limited {
		return
	}
	n, free := 0, false
	weakest, best := loudest*16, quietest*16 // of those with places
	s.state.Spare = -1
	for i := range s.state.Streams {
		st := &s.state.Streams[i]
		if !st.Leveled || !st.Audible {
			continue
		}
		n++
		if st.Placed {
			free = free || st.Quiet >= idleAfter
			weakest, best = min(weakest, st.Score), max(best, st.Score)
		} else if k := s.state.Spare; st.Speech.Pausing && (k < 0 || st.Score < s.state.Streams[k].Score) {
			s.state.Spare = i
		}
	}
	s.state.Vacant = n < s.state.Config.Loudest
	s.state.Full = n >= s.state.Config.Loudest+extras
	if n > s.state.Config.Loudest+extras || s.state.Full && s.state.Spare < 0 {
		return
	}
	s.state.Gate = max(speech, best/16-span)
	if s.state.Full {
		s.state.Gate = max(s.state.Gate, s.state.Streams[s.state.Spare].Score/16+lead)
	}
	s.state.GateScore = quietest * 16
	if n >= s.state.Config.Loudest && !free {
		s.state.GateScore = weakest + lead*16
		s.state.Gate = max(s.state.Gate, weakest/16-within)
	}
}

// choose follows the dominant speaker: another must lead for a while.
func (s *Selector) choose(n int) {
	best := -1
	for i := range s.state.Streams {
		if st := &s.state.Streams[i]; st.Placed && st.Score > speech*16 && (best < 0 || st.Score > s.state.Streams[best].Score) {
			best = i
		}
	}
	d := s.state.Dominant
	if best < 0 || best == d || d >= 0 && s.state.Streams[best].Score < s.state.Streams[d].Score+lead*16 {
		s.state.Challenger, s.state.Leading = -1, 0
		return
	}
	if best != s.state.Challenger {
		s.state.Challenger, s.state.Leading = best, 0
	}
	if s.state.Leading += n; s.state.Leading >= dominance || d < 0 {
		s.state.Dominant, s.state.Challenger, s.state.Leading = best, -1, 0
	}
}

// rest forgets what nobody follows any more.
func (s *Selector) rest() {
	s.state.Next = 0
	for i := range s.state.Streams {
		if st := &s.state.Streams[i]; st.Leveled {
			st.Score, st.Quiet = quietest*16, idleAfter
		}
	}
	s.gate()
}

// Dominant is the stream that has been the loudest for a while, or −1 before
// anybody has spoken. In silence it is who was last.
func (s *Selector) Dominant() int { return s.state.Dominant }
