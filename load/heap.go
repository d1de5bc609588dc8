package load

// heap has the endpoints of a loop in the order in which they are due.
type heap []*endpoint

func (h *heap) add(ep *endpoint) {
	ep.place = len(*h)
	*h = append(*h, ep)
	h.up(ep.place)
}

func (h *heap) remove(ep *endpoint) {
	i, last := ep.place, len(*h)-1
	if i < 0 {
		return
	}
	ep.place = -1
	moved := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	if i < last {
		(*h)[i], moved.place = moved, i
		h.up(h.down(i))
	}
}

// up moves an endpoint that has become due earlier.
func (h heap) up(i int) {
	ep := h[i]
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].due <= ep.due {
			break
		}
		h[i], h[parent].place = h[parent], i
		i = parent
	}
	h[i], ep.place = ep, i
}

// down moves an endpoint that has become due later, and says where to.
func (h heap) down(i int) int {
	ep := h[i]
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].due < h[child].due {
			child++
		}
		if ep.due <= h[child].due {
			break
		}
		h[i], h[child].place = h[child], i
		i = child
	}
	h[i], ep.place = ep, i
	return i
}
