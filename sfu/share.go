package sfu

type shareState struct {
	Due      instant
	Estimate int64
}

func (s *shareState) differs(estimate int64) bool { return false }

func (r *Router) wantShare(p *peer, at instant) {}

func (r *Router) advanceShare(now instant, p *peer) {}
