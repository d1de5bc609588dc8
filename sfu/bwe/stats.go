package bwe

import "time"

// Counts of what happened since the start.
type Counts struct {
	Feedbacks int64 // transport-wide feedback packets
	Malformed int64 // of them that could not be read
	Backwards int64 // of them whose time ran backwards
	Unknown   int64 // statuses of packets that were never sent, or are forgotten
	Repeated  int64 // statuses of packets that had been told to have come
	Decreases int64 // of the estimate
}

// Stats describes a controller for people and for traces. Bitrates are in bits a
// second, times in nanoseconds.
type Stats struct {
	Estimate     int64         `json:"estimate"`
	Wanted       int64         `json:"wanted"` // -1 if nobody has said
	DelayBased   int64         `json:"delayBased"`
	LossBased    int64         `json:"lossBased"` // 0: no bound
	Acknowledged int64         `json:"acknowledged"`
	Capacity     int64         `json:"capacity"` // what passed when the link was full; 0 if unknown
	RTT          time.Duration `json:"rtt"`
	Queue        time.Duration `json:"queue"` // how long packets wait beyond the least delay
	Loss         float64       `json:"loss"`  // 0…1, of about the last second
	Inherent     float64       `json:"inherentLoss"`
	Usage        Usage         `json:"usage"`
	AppLimited   bool          `json:"appLimited"` // media leave much of the estimate unused
	Probes       int64         `json:"probes"`
	MediaBytes   int64         `json:"mediaBytes"` // sent, with headers, as all of these
	RepairBytes  int64         `json:"repairBytes"`
	ProbeBytes   int64         `json:"probeBytes"`
	Probing      int64         `json:"probing"` // rate of the probe in progress; 0 for none
	Reason       Reason        `json:"reason"`  // of the estimate's last change
	Changed      time.Duration `json:"changed"` // when that was
	Counts       Counts        `json:"counts"`
}

// Stats tells how things are.
func (c *Controller) Stats() Stats {
	s := Stats{
		Estimate:     c.Target,
		Wanted:       c.Wanted,
		DelayBased:   c.Delay.Bitrate,
		LossBased:    c.Loss.Bound,
		Acknowledged: c.Acked.Fast,
		Capacity:     c.Delay.Capacity,
		RTT:          c.RTT.Smooth,
		Queue:        c.Arrival.queue(),
		Loss:         c.Loss.Short.share(),
		Inherent:     c.Loss.Inherent,
		Usage:        c.Trend.Usage,
		AppLimited:   c.Acked.Slow*10 < c.Target*8,
		Probes:       c.Probing.Started,
		MediaBytes:   c.History.Bytes[Media],
		RepairBytes:  c.History.Bytes[Repair],
		ProbeBytes:   c.History.Bytes[Probe],
		Reason:       c.Reason,
		Changed:      c.Changed,
		Counts:       c.Counts,
	}
	if c.Probing.Running {
		s.Probing = c.Probing.Rate
	}
	if !c.Silence.Heard {
		s.RTT, s.Loss = c.Peer.RTT, c.Peer.Loss
	}
	return s
}
