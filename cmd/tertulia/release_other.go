//go:build !linux

package main

// releasePages does nothing on this system.
func releasePages() {}
