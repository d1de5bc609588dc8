package erizo

// strategy is one way in which a client's link is shared by priority: the weights of the
// priorities that a client may name, each 1 to protocol.MaxPriority. Names that are not
// there have the weight of "default".
type strategy map[string]int

// defaultPriority is the name of the priority of a stream that has none.
const defaultPriority = "default"

// strategies has those that Licode comes with, by name. Licode deals layers out
// step by step, priority by priority; here a link is shared by weight, so a
// strategy is how far the weights are apart.
var strategies = map[string]strategy{
	// Higher priorities first, but everybody gets to large layers.
	"high": {defaultPriority: 10, "0": 10, "10": 12, "20": 15, "30": 20, "40": 25},
	// Only the highest priority is to have large layers.
	"low": {defaultPriority: 5, "0": 5, "10": 6, "20": 8, "30": 10, "40": 100},
}

// choose makes a strategy that of the client; a name that is not there is none.
func (c *Client) choose(name string) {
	if _, ok := strategies[name]; !ok {
		name = ""
	}
	c.strategy = name
}

// strategyName is what the client is told: false for none.
func (c *Client) strategyName() any {
	if c.strategy == "" {
		return false
	}
	return c.strategy
}

// weight gives that of a priority; 0, which is the room's default, where there
// is no strategy: then priorities have no effect.
func (c *Client) weight(priority string) int {
	weights := strategies[c.strategy]
	if w, ok := weights[priority]; ok {
		return w
	}
	return weights[defaultPriority]
}
