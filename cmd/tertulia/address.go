package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// mediaAddress is where media comes in: [host]:port, [host]:first-last, or off.
type mediaAddress struct {
	Host        netip.Addr // the zero Addr: every interface
	First, Last uint16     // equal without a range
	Off         bool
}

// UnmarshalText reads an address as the settings give it.
func (a *mediaAddress) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "off" {
		*a = mediaAddress{Off: true}
		return nil
	}
	at := strings.LastIndexByte(s, ':')
	if at < 0 {
		return fmt.Errorf("%q is not an address: write :7882, 192.0.2.1:7882, [2001:db8::1]:7882, :7882-7889, or off", s)
	}
	host, ports := s[:at], s[at+1:]
	var parsed mediaAddress
	if host != "" {
		inner, bracketed := strings.CutPrefix(host, "[")
		if bracketed {
			inner, bracketed = strings.CutSuffix(inner, "]")
		}
		addr, err := netip.ParseAddr(inner)
		if err != nil || addr.Is6() != bracketed {
			return fmt.Errorf("%q is not an IP address; an IPv6 address stands in brackets", host)
		}
		parsed.Host = addr.Unmap()
	}
	first, last, isRange := strings.Cut(ports, "-")
	var err error
	if parsed.First, err = parsePort(first); err != nil {
		return err
	}
	parsed.Last = parsed.First
	if isRange {
		if parsed.Last, err = parsePort(last); err != nil {
			return err
		}
		if parsed.Last < parsed.First {
			return fmt.Errorf("the port range %s ends before it begins", ports)
		}
	}
	*a = parsed
	return nil
}

func parsePort(s string) (uint16, error) {
	port, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port (0 to 65535)", s)
	}
	return uint16(port), nil
}

// String gives the address back as it is written in settings.
func (a mediaAddress) String() string {
	if a.Off {
		return "off"
	}
	host := ""
	if a.Host.IsValid() {
		host = a.Host.String()
		if a.Host.Is6() {
			host = "[" + host + "]"
		}
	}
	s := host + ":" + strconv.Itoa(int(a.First))
	if a.Last != a.First {
		s += "-" + strconv.Itoa(int(a.Last))
	}
	return s
}

// addrPort is the address with the first port.
func (a mediaAddress) addrPort() netip.AddrPort { return netip.AddrPortFrom(a.Host, a.First) }

// ports says how many ports the range has.
func (a mediaAddress) ports() int { return int(a.Last-a.First) + 1 }
