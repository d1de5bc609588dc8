//go:build !amd64 && !arm64

package prefetch

// Value does nothing here.
func Value[T any](*T) {}

// Bytes does nothing here.
func Bytes[T any](*T, uintptr) {}
