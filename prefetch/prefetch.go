//go:build amd64 || arm64

// Package prefetch asks the processor for memory that will be needed in a moment.
//
// Between two packets of a publisher the rest of the system has had the caches, and what is kept
// of a hundred subscribers has to come from far away, one pointer after another. Asked for
// some packets ahead, it is there in time.
package prefetch

import "unsafe"

// Value asks for the memory of a value. It reads nothing: v may be nil, or change
// meanwhile.
func Value[T any](v *T) { lines(unsafe.Pointer(v), unsafe.Sizeof(*v)) }

// Bytes asks for the first n bytes from v on.
func Bytes[T any](v *T, n uintptr) { lines(unsafe.Pointer(v), n) }

// lines asks for all lines of the cache in which n bytes from p on lie, n above 0.
//
//go:noescape
func lines(p unsafe.Pointer, n uintptr)
