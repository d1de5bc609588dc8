// Command link is a bad network for tests, in user space: a UDP relay on
// loopback whose two directions have latency, jitter, loss, stalls, and a rate
// with a queue before it. The model is simnet's, so that a link in virtual time
// and one before a browser behave alike; this program adds sockets and the clock.
//
//	link --to 127.0.0.1:3478
//
// It prints one line of JSON, {"udp": …, "control": …}: where it listens, and
// the address of its control, which is HTTP:
//
//	PUT /links            {"up": {…}, "down": {…}}: how they are from now on
//	GET /stats?from=&to=  what passed, in milliseconds since 1970
//
// "up" is from the clients to the server. All clients share the link, and each
// reaches the server from a port of its own, as behind a NAT. It ends with its
// standard input.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("link: ")
	listen := flag.String("listen", "127.0.0.1:0", "UDP address for the clients")
	control := flag.String("control", "127.0.0.1:0", "TCP address of the control")
	to := flag.String("to", "", "UDP address of the server")
	seed := flag.Uint64("seed", 1, "from which chance is drawn")
	flag.Parse()

	server, err := netip.ParseAddrPort(*to)
	if err != nil {
		log.Fatalf("--to says where the server is, as 127.0.0.1:3478: %v", err)
	}
	address, err := netip.ParseAddrPort(*listen)
	if err != nil {
		log.Fatalf("--listen: %v", err)
	}
	r, err := newRelay(address, server, *seed)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *control)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		door := &http.Server{Handler: r.control(), ReadHeaderTimeout: 10 * time.Second}
		log.Fatal(door.Serve(listener))
	}()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{
		"udp": r.address().String(), "control": "http://" + listener.Addr().String(),
	}); err != nil {
		log.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // whoever started this is gone, or is done
	r.close()
}
