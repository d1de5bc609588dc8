package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tertulia-rtc/tertulia/licode/mauth"
	"github.com/tertulia-rtc/tertulia/protocol"
)

// nuve makes a request as Licode's clients do, and gives its status and body.
func nuve(t *testing.T, method, url string, service protocol.ServiceID, key, body string, user ...string) (int, string) {
	t.Helper()
	h := mauth.Header{Method: mauth.Method, Service: string(service), Nonce: protocol.NewHexID(), Timestamp: fmt.Sprint(time.Now().UnixMilli())}
	if len(user) == 2 {
		h.Username, h.Role, h.HasUser = user[0], user[1], true
	}
	h.Signature = mauth.Sign([]byte(key), h.StringToSign())
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", h.String())
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// freeAddress is an address where nobody listens.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Both APIs work on the same rooms and the same people, at both ports.
func TestLicodesAPIAndOursAreOfOneHouse(t *testing.T) {
	own := freeAddress(t)
	p := launch(t, t.TempDir(), "--licode-http", own)
	_, other := p.call("POST", "/v1/services", basic(testID, testKey), `{"name":"other"}`)
	otherID, otherKey := protocol.ServiceID(other["id"].(string)), other["key"].(string)

	for _, base := range []string{p.url + "/nuve", "http://" + own} {
		call := func(method, path, body string, user ...string) (int, string) {
			return nuve(t, method, base+path, testID, testKey, body, user...)
		}
		// A room of Nuve's, seen in /v1.
		status, text := call("POST", "/rooms/", `{"name":"theirs","options":{"data":{"a":1},"mediaConfiguration":"VP9_AND_OPUS"}}`)
		var made struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal([]byte(text), &made); err != nil || status != 200 {
			t.Fatal(status, text)
		}
		status, room := p.call("GET", "/v1/rooms/"+made.ID, basic(testID, testKey), "")
		if status != 200 || room["name"] != "theirs" || fmt.Sprint(room["metadata"], room["codecs"]) != "map[a:1] [VP9 opus]" {
			t.Error(status, room)
		}
		if status, _ = p.call("PATCH", "/v1/rooms/"+made.ID, basic(testID, testKey), `{"name":"ours now"}`); status != 200 {
			t.Error(status)
		}
		if status, text = call("GET", "/rooms/"+made.ID, ""); status != 200 || !strings.HasPrefix(text, `{"name":"ours now","data":{"a":1},`) {
			t.Error(status, text)
		}
		// A room of /v1's, seen by Nuve; and another service sees neither.
		ours := p.room(testID, testKey, "hall")
		if status, text = call("GET", "/rooms/"+string(ours), ""); status != 200 || text != `{"name":"hall","_id":"`+string(ours)+`"}` {
			t.Error(status, text)
		}
		if status, text = nuve(t, "GET", base+"/rooms/"+string(ours), otherID, otherKey, ""); status != 404 {
			t.Error("another service:", status, text)
		}
		// Who came in by our protocol is a user for Nuve, which can send them away.
		_, token := p.call("POST", "/v1/rooms/"+string(ours)+"/tokens", basic(testID, testKey), `{"user":"Ana","role":"viewer"}`)
		conn, _ := p.mustJoin(token["token"].(string))
		users := "/rooms/" + string(ours) + "/users"
		if status, text = call("GET", users+"/", ""); status != 200 || text != `[{"name":"Ana","role":"viewer","permissions":{"subscribe":true}}]` {
			t.Error(status, text)
		}
		if status, text = call("DELETE", users+"/Ana", ""); status != 200 || text != "Success" {
			t.Error(status, text)
		}
		if code := closing(conn); code != websocket.StatusCode(protocol.CloseEnded) {
			t.Error("kicked, and closed with", code)
		}
		if status, text = call("DELETE", users+"/Ana", ""); status != 404 {
			t.Error(status, text)
		}
		// Tokens lead to the main port.
		status, text = call("POST", "/rooms/"+made.ID+"/tokens", "", "ana", "presenter")
		fields, err := base64.StdEncoding.DecodeString(text)
		if err != nil || status != 200 || !strings.Contains(string(fields), `"host":"`+strings.TrimPrefix(p.url, "http://")+`","secure":false,`) {
			t.Error(status, string(fields))
		}
		if status, text = call("DELETE", "/rooms/"+made.ID, ""); status != 200 || text != "Room deleted" {
			t.Error(status, text)
		}
		if status, _ = p.call("GET", "/v1/rooms/"+made.ID, basic(testID, testKey), ""); status != 404 {
			t.Error("deleted there, and here", status)
		}
	}
	// Nothing else is at Nuve's own port, and Nuve is nowhere else.
	if status, _ := nuve(t, "GET", "http://"+own+"/v1/rooms", testID, testKey, ""); status != 404 {
		t.Error("/v1 at Nuve's port:", status)
	}
	if status, text := nuve(t, "GET", p.url+"/rooms", testID, testKey, ""); status == 200 && strings.HasPrefix(text, "[") {
		t.Error("Nuve at the root of the main port:", text)
	}
	if status, text := nuve(t, "OPTIONS", p.url+"/nuve", testID, testKey, ""); status != 200 || text != "OK" {
		t.Error(status, text)
	}
	p.end()
}

// Who is being served at Nuve's own port when the server ends gets an answer.
func TestNuvesOwnPortEndsInOrder(t *testing.T) {
	own := freeAddress(t)
	p := launch(t, t.TempDir(), "--licode-http", own)
	h := mauth.Header{Method: mauth.Method, Service: string(testID), Nonce: "1", Timestamp: fmt.Sprint(time.Now().UnixMilli())}
	h.Signature = mauth.Sign([]byte(testKey), h.StringToSign())
	conn, err := net.Dial("tcp", own)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	const body = `{"name":"late"}`
	_, _ = fmt.Fprintf(conn, "POST /rooms HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", h.String(), len(body))
	read := bufio.NewReader(conn)
	if line, err := read.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatal(line, err)
	}
	_, _ = read.ReadString('\n') // an empty line
	go func() {
		for { // until the port is closed
			c, err := net.Dial("tcp", own)
			if err != nil {
				break
			}
			_ = c.Close()
			time.Sleep(10 * time.Millisecond)
		}
		_, _ = conn.Write([]byte(body))
	}()
	ended := make(chan struct{})
	go func() { defer close(ended); p.end() }()
	response, err := http.ReadResponse(read, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK || !strings.Contains(string(text), `"name":"late"`) {
		t.Error(response.StatusCode, string(text))
	}
	<-ended
}
