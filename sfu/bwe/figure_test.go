package bwe

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/simnet"
)

var figure = flag.String("bwe.figure", "", "draw docs/congestion.svg into this file")

// TestFigure draws how some of the scenarios go, for docs/congestion.md.
func TestFigure(t *testing.T) {
	if *figure == "" {
		t.Skip("draws only with -bwe.figure=file")
	}
	var panels []panel
	draw := func(title string, cfg simnet.Config, script func(w *world)) {
		w := newWorld(t, 1, cfg)
		script(w)
		panels = append(panels, panel{title, w.samples})
	}
	draw("Steady 1 Mb/s: media fill two thirds of it, probes find the rest", queued(1e6, 50*ms), func(w *world) {
		w.run(40 * time.Second)
	})
	draw("3 → 0.8 → 3 Mb/s", queued(3e6, 40*ms), func(w *world) {
		w.run(12 * time.Second)
		w.set(queued(800e3, 40*ms))
		w.run(14 * time.Second)
		w.set(queued(3e6, 40*ms))
		w.run(14 * time.Second)
	})
	draw("10 % of random loss", simnet.Config{Latency: 60 * ms, Loss: 0.1}, func(w *world) {
		w.run(40 * time.Second)
	})
	draw("200 ms of jitter for half a second, again and again, on 5 Mb/s", queued(5e6, 40*ms), func(w *world) {
		for range 10 {
			w.run(3500 * ms)
			cfg := queued(5e6, 40*ms)
			cfg.Jitter = 200 * ms
			w.set(cfg)
			w.run(500 * ms)
			w.set(queued(5e6, 40*ms))
		}
	})
	draw("No feedback from 10 s to 14 s, link dead from 24 s to 27 s, on 5 Mb/s", queued(5e6, 40*ms), func(w *world) {
		w.run(10 * time.Second)
		w.mute = true
		w.run(4 * time.Second)
		w.mute = false
		w.run(10 * time.Second)
		w.dead = true
		w.run(3 * time.Second)
		w.dead = false
		w.run(13 * time.Second)
	})
	if err := os.WriteFile(*figure, []byte(picture(panels)), 0o644); err != nil {
		t.Fatal(err)
	}
}

type panel struct {
	title   string
	samples []sample
}

// picture draws panels below each other: time to the right, up to 3.5 Mb/s upwards.
func picture(panels []panel) string {
	const width, height, left, top, gap = 760, 120, 44, 46, 46
	const most = 3.5e6
	var b strings.Builder
	total := top + len(panels)*(height+gap)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", width+left+16, total)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	for i, key := range []struct{ colour, text string }{{"#999", "link"}, {"#06c", "estimate"}, {"#e70", "sent in the last second, probes included"}} {
		x := left + i*110
		fmt.Fprintf(&b, `<path d="M%d 14h18" stroke="%s" stroke-width="2"/><text x="%d" y="18">%s</text>`+"\n", x, key.colour, x+22, key.text)
	}
	for i, p := range panels {
		y := top + i*(height+gap)
		start := p.samples[0].At
		length := p.samples[len(p.samples)-1].At - start
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", left, y-6, p.title)
		for v := 0; v <= 3; v++ {
			at := float64(y+height) - float64(v)*1e6/most*height
			fmt.Fprintf(&b, `<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%d Mb/s</text>`+"\n", left, at, width, left-4, at+4, v)
		}
		for s := time.Duration(0); s <= length+100*ms; s += 5 * time.Second {
			fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d s</text>`+"\n", left+float64(s)/float64(length)*width, y+height+14, int(s.Seconds()))
		}
		line := func(colour, extra string, value func(s sample) int64) {
			fmt.Fprintf(&b, `<path fill="none" stroke="%s" %s d="`, colour, extra)
			for k, s := range p.samples {
				if k%3 > 0 && k < len(p.samples)-1 {
					continue
				}
				op := "L"
				if k == 0 {
					op = "M"
				}
				v := min(float64(value(s)), most)
				fmt.Fprintf(&b, "%s%.1f %.1f", op, left+float64(s.At-start)/float64(length)*width, float64(y+height)-v/most*height)
			}
			b.WriteString("\"/>\n")
		}
		if p.samples[0].Link > 0 && p.samples[0].Link < most {
			line("#999", `stroke-width="2"`, func(s sample) int64 { return s.Link })
		}
		line("#e70", `stroke-width="1"`, func(s sample) int64 { return s.Sent })
		line("#06c", `stroke-width="1.6"`, func(s sample) int64 { return s.Estimate })
	}
	b.WriteString("</svg>\n")
	return b.String()
}
