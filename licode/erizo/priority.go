package erizo

// Strategy is one way in which a client's link is shared by priority.
type Strategy struct {
	// Weights are those of the priorities that a client may name, each 1 to
	// protocol.MaxPriority. Names that are not there have the weight of "default".
	Weights map[string]int `json:"weights"`
	// TargetBitrate is what the links of its subscriptions should be measured for,
	// in bits per second; 0: what media need.
	TargetBitrate uint64 `json:"targetBitrate,omitempty"`
}

// defaultPriority is the name of the priority of a stream that has none.
const defaultPriority = "default"

// DefaultStrategies has those that Licode comes with, by name. Licode deals layers out
// step by step, priority by priority; here a link is shared by weight, so a
// strategy is how far the weights are apart.
var DefaultStrategies = map[string]Strategy{
	// Higher priorities first, but everybody gets to large layers.
	"high": {Weights: map[string]int{defaultPriority: 10, "0": 10, "10": 12, "20": 15, "30": 20, "40": 25}},
	// Only the highest priority is to have large layers.
	"low": {Weights: map[string]int{defaultPriority: 5, "0": 5, "10": 6, "20": 8, "30": 10, "40": 100}},
}

// choose makes a strategy that of the client; a name that is not there is none.
func (c *Client) choose(name string) {
	if _, ok := c.config.Strategies[name]; !ok {
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
	s, ok := c.config.Strategies[c.strategy]
	if !ok {
		return 0
	}
	if w, ok := s.Weights[priority]; ok {
		return w
	}
	return s.Weights[defaultPriority]
}
