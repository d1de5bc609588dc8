package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tertulia-rtc/tertulia/load"
)

// loadCommand is the settings of a load run. docs/load.md explains them, and
// what the figures mean.
type loadCommand struct {
	URL     string `name:"url" help:"Server with our own signalling." default:"http://localhost:8080" placeholder:"URL"`
	Service string `help:"Service that makes the rooms and tokens; without it participants come as guests." placeholder:"ID:KEY"`
	Token   string `help:"Join token for the one room, for as many uses as there are participants; of WHIP and WHEP the bearer token." placeholder:"TOKEN"`
	WHIP    string `name:"whip" help:"WHIP endpoint to publish to instead, with --whep; {stream} and {room} stand for names." placeholder:"URL"`
	WHEP    string `name:"whep" help:"WHEP endpoint to play from; a transport for each stream." placeholder:"URL"`
	Janus   string `help:"WebSocket API of a Janus instead, whose VideoRoom plugin is used." placeholder:"WS-URL"`

	Rooms       int  `help:"How many rooms." default:"1" placeholder:"N"`
	Publishers  int  `help:"How many in each room send to all the others there." default:"3" placeholder:"N"`
	Subscribers int  `help:"How many more in each room only receive." default:"0" placeholder:"N"`
	Video       bool `help:"Send video." default:"true" negatable:""`
	Audio       bool `help:"Send audio: 50 packets a second of 80 bytes." default:"true" negatable:""`
	Bitrate     int  `help:"Bitrate of video in kb/s; with --simulcast of its top layer." default:"1200" placeholder:"KBPS"`
	FPS         int  `name:"fps" help:"Frames a second." default:"30" placeholder:"N"`
	Simulcast   bool `help:"Send three layers of video."`
	DTX         bool `name:"dtx" help:"Audio stops in silence."`
	AllAudio    bool `help:"Have all audio forwarded, not only the loudest where there is much; with --service."`

	JoinRate float64       `help:"How many join in a second." default:"10" placeholder:"N"`
	Warmup   time.Duration `help:"Time between the last join and the measured time." default:"2s"`
	Duration time.Duration `help:"The measured time." default:"10s"`
	Loss     float64       `help:"Share of datagrams to lose in each direction, 0 to 1." default:"0" placeholder:"SHARE"`
	Delay    time.Duration `help:"Delay of datagrams in each direction." default:"0s"`

	PID   int    `name:"pid" help:"The server's process on this machine, to tell what it costs." placeholder:"PID"`
	JSON  string `name:"json" help:"Write the report as JSON to this file; - for the standard output, instead of the table." placeholder:"FILE"`
	Open  int    `help:"Decrypt one of so many packets; 1 for all." default:"1" placeholder:"N"`
	Loops int    `help:"Goroutines for media; 0: one for each processor." default:"0" placeholder:"N"`
	Seed  uint64 `help:"What all chances come from." default:"1" placeholder:"N"`
	Quiet bool   `help:"Tell no progress." short:"q"`
}

// Run puts the load on the server and prints what came of it.
func (c *loadCommand) Run(ctx context.Context, out *os.File) error {
	server, err := c.server()
	if err != nil {
		return err
	}
	scenario := load.Scenario{
		Rooms: c.Rooms, Publishers: c.Publishers, Subscribers: c.Subscribers,
		Video: c.Video, Audio: c.Audio, Bitrate: c.Bitrate * 1000, FPS: c.FPS, Simulcast: c.Simulcast, DTX: c.DTX, AllAudio: c.AllAudio,
		JoinRate: c.JoinRate, Warmup: c.Warmup, Duration: c.Duration, Loss: c.Loss, Delay: c.Delay,
		Open: c.Open, Loops: c.Loops, PID: c.PID, Seed: c.Seed,
	}
	line := progressLine{to: os.Stderr}
	progress := line.show
	if c.Quiet {
		progress = nil
	}
	report, err := load.Run(ctx, scenario, server, progress)
	line.end()
	if err != nil {
		return err
	}
	if c.JSON != "" {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		if c.JSON == "-" {
			_, err = fmt.Fprintf(out, "%s\n", text)
			return err
		}
		if err := os.WriteFile(c.JSON, append(text, '\n'), 0o644); err != nil {
			return fmt.Errorf("the report cannot be written: %w", err)
		}
	}
	return printReport(out, report)
}

// server is where the load goes.
func (c *loadCommand) server() (load.Server, error) {
	switch {
	case (c.WHIP == "") != (c.WHEP == ""):
		return nil, errors.New("--whip and --whep go together: what is published by the one is played by the other")
	case c.WHIP != "" && c.Janus != "":
		return nil, errors.New("--whip and --janus are two servers; one run is for one")
	case c.WHIP != "":
		return &load.WHIP{Publish: c.WHIP, Play: c.WHEP, Token: c.Token}, nil
	case c.Janus != "":
		return &load.Janus{URL: c.Janus}, nil
	}
	native := &load.Native{URL: c.URL, Token: c.Token}
	if c.Service != "" {
		id, key, ok := strings.Cut(c.Service, ":")
		if !ok || id == "" || key == "" {
			return nil, errors.New("--service is ID:KEY, as `tertulia service show` prints them")
		}
		native.Service, native.Key = id, key
	}
	return native, nil
}

// progressLine tells what is going on: one line that changes on a terminal,
// else a line every five seconds.
type progressLine struct {
	to    *os.File
	lines int
}

func (l *progressLine) show(p load.Progress) {
	text := fmt.Sprintf("%5.0fs  %-19s %d/%d joined", p.Elapsed.Seconds(), p.Phase, p.Joined, p.Of)
	if p.Failed > 0 {
		text += fmt.Sprintf(", %d failed", p.Failed)
	}
	text += fmt.Sprintf("  sent %.0f/s  received %.0f/s (%.1f Mb/s)  lost %.2f %%  own CPU %.0f %%", p.Sent, p.Received, p.Bits/1e6, p.Lost, p.Own*100)
	if p.Server > 0 {
		text += fmt.Sprintf("  server %.0f %%", p.Server*100)
	}
	l.lines++
	if info, err := l.to.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(l.to, "\r%s\x1b[K", text)
	} else if l.lines%5 == 1 {
		fmt.Fprintln(l.to, text)
	}
}

func (l *progressLine) end() {
	if info, err := l.to.Stat(); l.lines > 0 && err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprint(l.to, "\r\x1b[K")
	}
}

// printReport prints the table.
func printReport(out io.Writer, r *load.Report) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	quantiles := func(q load.Quantiles) string {
		if q.Count == 0 {
			return "–"
		}
		return fmt.Sprintf("p50 %.2f  p90 %.2f  p99 %.2f  most %.1f ms  (%d)", q.P50, q.P90, q.P99, q.Most, q.Count)
	}
	row("scenario", "%s", r.Scenario)
	row("server", "%s", r.Server)
	row("measured", "%.1f s", r.Seconds)
	row("joined", "%d, %d failed", r.Joins.Joined, r.Joins.Failed)
	row("  first packet", "%s", quantiles(r.Joins.FirstMediaMs))
	if r.Video != nil {
		row("  first video", "%s", quantiles(r.Joins.FirstVideoMs))
		row("  first picture", "%s", quantiles(r.Joins.FirstPictureMs))
	}
	p := &r.Packets
	row("sent", "%d packets, %.0f/s", p.Sent, p.SentRate)
	row("received", "%d packets, %.0f/s, %.1f Mb/s", p.Received, p.ReceivedRate, p.ReceivedMbps)
	row("  streams", "%d of %d, %d silent", p.Streams, p.Wanted, p.Silent)
	row("  lost after repair", "%d of %d, %.4f %% (%d gaps, %d repaired by RTX)", p.Lost, p.Expected, p.LostPercent, p.Gaps, p.Repaired)
	if p.Owed > 0 {
		row("  delivered", "%.3f %% of what was sent to each", p.OwedPercent)
	}
	if p.Refused+p.Repeated+p.Strange > 0 {
		row("  odd", "%d not authentic, %d repeated, %d of no known stream", p.Refused, p.Repeated, p.Strange)
	}
	row("forwarding delay", "%s", quantiles(r.DelayMs))
	if v := r.Video; v != nil {
		row("video", "%.1f frames/s, %d freezes (%.1f s) in %d streams", v.FPS, v.Freezes, v.FrozenSeconds, v.FrozenStreams)
	}
	f := &r.Feedback
	row("feedback", "sent %d NACK, %d PLI, %d transport-cc; publishers got %d NACK, %d PLI and made %d keyframes when joining, %d and %d after",
		f.NACKsSent, f.PLIsSent, f.TransportCCSent, f.NACKsReceived, f.PLIsWhenJoining, f.KeyframesOfJoins, f.PLIsReceived, keyframes(r))
	if s := r.Process; s != nil {
		row("server process", "%.1f %% of a processor, %.3f µs per packet received", s.Processors*100, s.MicrosPerPacket)
		row("  joining", "%.2f ms of processor time each (%.2f with forwarding meanwhile)", s.MillisPerJoin, s.MillisPerJoinGross)
		row("  memory", "%.1f MB resident, %.1f before the first join: %.0f KB for each participant", float64(s.ResidentKB)/1024, float64(s.ResidentBeforeKB)/1024, s.KBPerParticipant)
	}
	g := &r.Generator
	row("this generator", "%.1f %% of a processor in %d loops; frames late: %s; %.1f packets a read", g.Processors*100, g.Loops, quantiles(g.LatenessMs), g.PacketsPerRead)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, warning := range r.Warnings {
		fmt.Fprintln(out, "WARNING:", warning)
	}
	return nil
}

func keyframes(r *load.Report) uint64 {
	if r.Video == nil {
		return 0
	}
	return r.Video.Keyframes
}
