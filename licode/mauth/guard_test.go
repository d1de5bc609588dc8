package mauth

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func request(service string, timestamp int64, nonce string) Header {
	return Header{Service: service, Timestamp: strconv.FormatInt(timestamp, 10), Nonce: nonce}
}

const start = 1_700_000_000_000

func TestGuard(t *testing.T) {
	now := time.UnixMilli(start)
	for _, rule := range []struct {
		name string
		step func(g *Guard) bool
		want bool
	}{
		{"the first request of a service is new, whatever its clock says", func(g *Guard) bool { return g.Take(now, request("b", 17, "1")) }, true},
		{"an exact repeat is refused", func(g *Guard) bool { return g.Take(now, request("a", start, "1")) }, false},
		{"zeros before the number make no other request", func(g *Guard) bool {
			return g.Take(now, Header{Service: "a", Timestamp: "0" + strconv.Itoa(start), Nonce: "1"})
		}, false},
		{"the same timestamp with another nonce is another request", func(g *Guard) bool { return g.Take(now, request("a", start, "2")) }, true},
		{"a later timestamp with the same nonce is another request", func(g *Guard) bool { return g.Take(now, request("a", start+1, "1")) }, true},
		{"a request that another one has overtaken is taken", func(g *Guard) bool { return g.Take(now, request("a", start-Window, "1")) }, true},
		{"one from before the window is refused", func(g *Guard) bool { return g.Take(now, request("a", start-Window-1, "1")) }, false},
		{"services have nothing to do with each other", func(g *Guard) bool { return g.Take(now, request("b", start, "1")) }, true},
		{"after a silence older requests are refused", func(g *Guard) bool { return g.Take(now.Add(Quiet), request("a", start-1, "9")) }, false},
		{"and so is the last one, with another nonce", func(g *Guard) bool { return g.Take(now.Add(Quiet), request("a", start, "9")) }, false},
		{"and newer ones are taken", func(g *Guard) bool { return g.Take(now.Add(Quiet), request("a", start+1, "9")) }, true},
		{"a timestamp that is no number is refused", func(g *Guard) bool { return g.Take(now, Header{Service: "a", Timestamp: "x", Nonce: "1"}) }, false},
	} {
		g := new(Guard)
		if !g.Take(now, request("a", start, "1")) {
			t.Fatal("the first request")
		}
		if rule.step(g) != rule.want {
			t.Errorf("%s: %v", rule.name, !rule.want)
		}
	}
}

// No request is taken twice, whatever is forgotten; and no more is remembered
// than the bound says.
func TestNoRequestIsTakenTwice(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := new(Guard)
		now := time.UnixMilli(start)
		taken := map[string]bool{}
		var sent []Header
		clock, count := int64(start), 0
		for range 20_000 {
			var h Header
			if len(sent) > 0 && r.IntN(3) == 0 {
				h = sent[r.IntN(len(sent))]
			} else {
				h = request("a", clock-r.Int64N(50), strconv.Itoa(r.IntN(99_999)))
				sent = append(sent, h)
			}
			if g.Take(now, h) {
				count++
				if taken[h.StringToSign()] {
					t.Fatalf("seed %d: %s is taken twice", seed, h.StringToSign())
				}
				taken[h.StringToSign()] = true
			}
			if n := len(g.Services["a"].Seen); n > MaxRemembered {
				t.Fatalf("%d requests remembered", n)
			}
			step := r.Int64N(3)
			if r.IntN(5000) == 0 {
				step = 20_000
			}
			clock += step
			now = now.Add(time.Duration(step) * time.Millisecond)
		}
		if count < 10_000 {
			t.Fatalf("seed %d: only %d of the new requests were taken", seed, count)
		}
	}
}

func TestAFloodOfNoncesCostsItsServiceOnly(t *testing.T) {
	g := new(Guard)
	now := time.UnixMilli(start)
	g.Take(now, request("quiet", start, "1"))
	for i := range 100_000 {
		g.Take(now, request("loud", start, strconv.Itoa(i)))
	}
	if n := len(g.Services["loud"].Seen); n > MaxRemembered {
		t.Errorf("%d requests remembered", n)
	}
	if g.Take(now, request("loud", start, "1")) {
		t.Error("a request that was forgotten is taken again")
	}
	if !g.Take(now, request("loud", start+1, "1")) {
		t.Error("the loud service is locked out")
	}
	if !g.Take(now, request("quiet", start-5, "1")) {
		t.Error("another service pays for it")
	}
}

func TestServicesAreForgottenAtTheBound(t *testing.T) {
	g := new(Guard)
	now := time.UnixMilli(start)
	for i := range MaxServices + 10 {
		g.Take(now.Add(time.Duration(i)*time.Millisecond), request(strconv.Itoa(i), start, "1"))
	}
	if len(g.Services) != MaxServices || g.Services["0"] != nil || g.Services["10"] == nil {
		t.Errorf("%d services, the first: %v", len(g.Services), g.Services["0"])
	}
}

func TestAGuardSurvivesJSON(t *testing.T) {
	g := new(Guard)
	g.Take(time.UnixMilli(start).UTC(), request("a", start, "1"))
	text, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	again := new(Guard)
	if err := json.Unmarshal(text, again); err != nil || cmp.Diff(g, again) != "" {
		t.Fatal(err, cmp.Diff(g, again))
	}
	if again.Take(time.UnixMilli(start), request("a", start, "1")) {
		t.Error("the guard has forgotten")
	}
}
