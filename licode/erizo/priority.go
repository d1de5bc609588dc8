package erizo

// Strategy is one way in which a client's link is shared by priority.
type Strategy struct {
	// Weights are those of the priorities that a client may name, each 1 to
	// protocol.MaxPriority. Names that are not there have the weight of "default".
	Weights map[string]int
	// TargetBitrate is what the links of its subscriptions should be measured for,
	// in bits per second; 0: what media need.
	TargetBitrate uint64
}

// DefaultStrategies has those that Licode comes with, by name.
var DefaultStrategies = map[string]Strategy{}
