package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tertulia-rtc/tertulia/simnet"
)

// settings is how one direction behaves. The zero value loses nothing and
// takes no time.
type settings struct {
	Rate       int64   `json:"rate"`       // bit/s of UDP payload; 0 is unlimited
	Queue      int     `json:"queue"`      // bytes that may wait for the rate; 0 is unlimited
	QueueMS    float64 `json:"queueMs"`    // the same as time at the rate, where queue is 0
	LatencyMS  float64 `json:"latencyMs"`  // of every packet
	JitterMS   float64 `json:"jitterMs"`   // up to so much more; order is kept
	Loss       float64 `json:"loss"`       // chance of a packet to be lost, 0…1
	LossBurst  float64 `json:"lossBurst"`  // packets in a row that a loss takes on average
	StallMS    float64 `json:"stallMs"`    // how long the link stands still
	StallEvery float64 `json:"stallEvery"` // from one stall to the next, milliseconds on average
	Reorder    float64 `json:"reorder"`    // chance of a packet to be held back, 0…1
	ReorderMS  float64 `json:"reorderMs"`  // by how much
	Duplicate  float64 `json:"duplicate"`  // chance of a packet to come twice, 0…1
}

// maxTime bounds every time of the settings, in milliseconds.
const maxTime = 60_000

func (s settings) check() error {
	for name, share := range map[string]float64{"loss": s.Loss, "reorder": s.Reorder, "duplicate": s.Duplicate} {
		if share < 0 || share > 1 {
			return fmt.Errorf("%s is a share from 0 to 1, not %v", name, share)
		}
	}
	for name, ms := range map[string]float64{
		"queueMs": s.QueueMS, "latencyMs": s.LatencyMS, "jitterMs": s.JitterMS, "stallMs": s.StallMS, "stallEvery": s.StallEvery, "reorderMs": s.ReorderMS,
	} {
		if ms < 0 || ms > maxTime {
			return fmt.Errorf("%s is milliseconds from 0 to %d, not %v", name, maxTime, ms)
		}
	}
	if s.Rate < 0 || s.Queue < 0 || s.LossBurst < 0 {
		return errors.New("rate, queue and lossBurst are not negative")
	}
	if s.LossBurst > 1 && s.Loss == 1 {
		return errors.New("a loss of 1 comes in no bursts")
	}
	return nil
}

func (s settings) config() simnet.Config {
	ms := func(v float64) time.Duration { return time.Duration(v * float64(time.Millisecond)) }
	queue := s.Queue
	if queue == 0 {
		queue = int(float64(s.Rate) / 8 * s.QueueMS / 1000)
	}
	return simnet.Config{
		Latency: ms(s.LatencyMS), Jitter: ms(s.JitterMS),
		Loss: s.Loss, Burst: s.LossBurst,
		Reorder: s.Reorder, ReorderBy: ms(s.ReorderMS), Duplicate: s.Duplicate,
		Stall: ms(s.StallMS), StallEvery: ms(s.StallEvery),
		Rate: s.Rate, Queue: queue,
	}
}

// control is the HTTP side of the relay. A direction that a request leaves out
// stays as it is; what it leaves out of a direction is 0.
func (r *relay) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /links", func(w http.ResponseWriter, request *http.Request) {
		var wanted struct{ Up, Down *settings }
		decoder := json.NewDecoder(http.MaxBytesReader(w, request.Body, 1<<16))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&wanted); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, s := range []*settings{wanted.Up, wanted.Down} {
			if s == nil {
				continue
			}
			if err := s.check(); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		if wanted.Up != nil {
			r.up.set(wanted.Up.config())
		}
		if wanted.Down != nil {
			r.down.set(wanted.Down.config())
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, request *http.Request) {
		from, to := time.Time{}, time.Now()
		for name, at := range map[string]*time.Time{"from": &from, "to": &to} {
			text := request.URL.Query().Get(name)
			if text == "" {
				continue
			}
			ms, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				http.Error(w, name+" is in milliseconds since 1970", http.StatusBadRequest)
				return
			}
			*at = time.UnixMilli(ms)
		}
		w.Header().Set("content-type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"clients": r.count(), "up": r.up.stats(from, to), "down": r.down.stats(from, to),
		})
	})
	return mux
}
