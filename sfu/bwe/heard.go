package bwe

// Heard says whether the receiver has told anything of the link yet. Until then the
// estimate is only a guess.
func (c *Controller) Heard() bool { return c.Silence.Heard || c.Peer.HasREMB }
