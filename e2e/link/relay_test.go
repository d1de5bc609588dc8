package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// startRelay gives a relay before a server that says every packet back.
func startRelay(t *testing.T) *relay {
	t.Helper()
	server := listenUDP(t)
	go func() {
		buffer := make([]byte, 2000)
		for {
			n, from, err := server.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDPAddrPort(fmt.Appendf(nil, "%s from %s", buffer[:n], from), from)
		}
	}()
	r, err := newRelay(netip.MustParseAddrPort("127.0.0.1:0"), server.LocalAddr().(*net.UDPAddr).AddrPort(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

func ask(t *testing.T, r *relay, client *net.UDPConn, what string) (answer string, took time.Duration) {
	t.Helper()
	sent := time.Now()
	if _, err := client.WriteTo([]byte(what), r.address()); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 2000)
	n, from, err := client.ReadFrom(buffer)
	if err != nil {
		t.Fatal(err)
	}
	if from.String() != r.address().String() {
		t.Errorf("the answer came from %v, not from the relay at %v", from, r.address())
	}
	return string(buffer[:n]), time.Since(sent)
}

// Each client has a port of its own towards the server, and gets its own answers.
func TestClientsAreToldApart(t *testing.T) {
	r := startRelay(t)
	ana, ben := listenUDP(t), listenUDP(t)
	seen := map[string]string{}
	for i := range 10 {
		for name, conn := range map[string]*net.UDPConn{"ana": ana, "ben": ben} {
			what := fmt.Sprintf("%s %d", name, i)
			answer, _ := ask(t, r, conn, what)
			said, from, _ := strings.Cut(answer, " from ")
			if said != what {
				t.Fatalf("%q was answered with %q", what, answer)
			}
			if seen[name] != "" && seen[name] != from {
				t.Errorf("%s moved from %s to %s", name, seen[name], from)
			}
			seen[name] = from
		}
	}
	if seen["ana"] == seen["ben"] || r.count() != 2 {
		t.Errorf("the server sees %v; the relay, %d clients", seen, r.count())
	}
}

// The control changes both directions while packets pass, and tells what passed.
func TestControl(t *testing.T) {
	r := startRelay(t)
	door := httptest.NewServer(r.control())
	defer door.Close()
	put := func(body string) int {
		request, _ := http.NewRequest(http.MethodPut, door.URL+"/links", strings.NewReader(body))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	client := listenUDP(t)
	began := time.Now()
	ask(t, r, client, "quick")
	if code := put(`{"up": {"latencyMs": 60}, "down": {"latencyMs": 40}}`); code != http.StatusNoContent {
		t.Fatalf("the control says %d", code)
	}
	if _, took := ask(t, r, client, "slow"); took < 100*time.Millisecond {
		t.Errorf("there and back takes %v; the links take 100 ms", took)
	}
	// "down" is left out, and stays as it is.
	put(`{"up": {}}`)
	if _, took := ask(t, r, client, "half"); took < 40*time.Millisecond {
		t.Errorf("there and back takes %v; the link down takes 40 ms", took)
	}
	put(`{"up": {"loss": 1}}`)
	_, _ = client.WriteTo([]byte("lost"), r.address())
	for _, body := range []string{`{"up": {"loss": 2}}`, `{"sideways": {}}`, `[`} {
		if code := put(body); code != http.StatusBadRequest {
			t.Errorf("%s is answered with %d", body, code)
		}
	}
	var stats struct{ Up, Down directionStats }
	for {
		response, err := http.Get(fmt.Sprintf("%s/stats?from=%d", door.URL, began.Truncate(step).UnixMilli()))
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(response.Body).Decode(&stats)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if stats.Up.Lost == 1 {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("a lost packet is not counted: %+v", stats.Up)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if stats.Up.InPackets != 4 || stats.Up.OutPackets != 3 || stats.Down.OutPackets != 3 {
		t.Errorf("up %+v, down %+v", stats.Up, stats.Down)
	}
}
