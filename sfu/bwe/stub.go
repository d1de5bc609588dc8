// Package bwe is a stub until the real one is merged.
package bwe

import "time"

type Kind uint8

const (
	Media Kind = iota
	Repair
	Probe
)

type Config struct{ Start, Min, Max int64 }
type Stats struct{}
type Controller struct{ N uint16 }

func New(Config) *Controller                                          { return &Controller{} }
func (c *Controller) Sent(now time.Duration, size int, k Kind) uint16 { c.N++; return c.N }
func (c *Controller) Feedback(time.Duration, []byte) bool             { return true }
func (c *Controller) REMB(time.Duration, int64)                       {}
func (c *Controller) Report(time.Duration, float64, time.Duration)    {}
func (c *Controller) SetWanted(time.Duration, int64)                  {}
func (c *Controller) Estimate() int64                                 { return 20_000_000 }
func (c *Controller) Probe(time.Duration) int                         { return 0 }
func (c *Controller) Timer() time.Duration                            { return 0 }
func (c *Controller) Advance(time.Duration)                           {}
func (c *Controller) Stats() Stats                                    { return Stats{} }
