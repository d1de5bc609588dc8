//go:build !unix

package load

import "time"

// ownTime is not known on this system, on which there is no load either.
func ownTime() time.Duration { return 0 }
