package sdp

import (
	"strconv"
	"strings"
)

// validToken tells whether s is a token of RFC 8866 section 9.
func validToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// validRID tells whether s is an rid of RFC 8851 section 10 of a length that
// fits into every header extension.
func validRID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxRID
}

// validICE tells whether s has from shortest to 256 ice-chars, RFC 8839
// section 5.4.
func validICE(s string, shortest int) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && c != '+' && c != '/' {
			return false
		}
	}
	return len(s) >= shortest && len(s) <= 256
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// number reads a decimal from 0 to most.
func number(s string, most int) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int(n), err == nil && int(n) <= most
}

func parseSSRCs(words []string) ([]uint32, bool) {
	ssrcs := make([]uint32, 0, len(words))
	for _, w := range words {
		n, err := strconv.ParseUint(w, 10, 32)
		if err != nil || n == 0 {
			return nil, false
		}
		ssrcs = append(ssrcs, uint32(n))
	}
	return ssrcs, true
}
