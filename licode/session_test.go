package licode

import (
	"errors"
	"testing"
)

// A refusal ends the session too; the client hears the reason, whichever is seen first.
func TestWhyItWasRefused(t *testing.T) {
	for range 100 {
		c := &session{begun: make(chan error, 1), done: make(chan struct{})}
		c.begun <- Refusal("The room is full.")
		close(c.done)
		if err, ok := c.outcome(t.Context()); !ok || !errors.Is(err, Refusal("The room is full.")) {
			t.Fatal(err, ok)
		}
	}
}
