package media

import (
	"testing"
	"time"
)

// A quantile is never below the truth, and at most a quarter above it.
func TestResidenceQuantiles(t *testing.T) {
	var r residence
	if r.quantile(0.5) != 0 {
		t.Error("nothing has been measured, and still there is a median")
	}
	for us := 1; us <= 1000; us++ {
		r.add(time.Duration(us) * time.Microsecond)
	}
	for _, c := range []struct {
		q    float64
		want time.Duration
	}{{0, time.Microsecond}, {0.5, 501 * time.Microsecond}, {0.99, 991 * time.Microsecond}} {
		if got := r.quantile(c.q); got < c.want || got > c.want+c.want/4+2*time.Microsecond {
			t.Errorf("quantile %v is %v, not about %v", c.q, got, c.want)
		}
	}
	r.add(-time.Second)
	r.add(time.Hour)
}
