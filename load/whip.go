package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tertulia-rtc/tertulia/sdp"
)

// WHIP is a server that takes streams by WHIP (RFC 9725) and gives them by WHEP
// (draft-ietf-wish-whep): each publisher is one resource, and each stream that a
// participant receives another one, with a transport of its own.
type WHIP struct {
	// Publish and Play are the endpoints. In them, {stream} stands for the name of
	// a stream, {room} for that of its room.
	Publish, Play string
	// Token is sent as a bearer token if it is not empty.
	Token string

	client http.Client
}

// String names the endpoints.
func (w *WHIP) String() string { return w.Publish + " → " + w.Play }

func (w *WHIP) prepare(_ context.Context, r *run) error {
	w.client.Timeout = 15 * time.Second
	s := &r.scenario
	for _, one := range []struct{ flag, text string }{{"--whip", w.Publish}, {"--whep", w.Play}} {
		u, err := url.Parse(one.text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("%s %q is not a URL like http://localhost:8889/{stream}/%s", one.flag, one.text, one.flag[2:])
		}
		if s.Rooms*s.Publishers > 1 && !strings.Contains(one.text, "{stream}") {
			return fmt.Errorf("%s %q names one stream, and the scenario has %d: put {stream} where the name belongs", one.flag, one.text, s.Rooms*s.Publishers)
		}
	}
	return nil
}

func (w *WHIP) finish(*run) {}

// endpointOf fills in the names of a publisher's stream.
func endpointOf(template string, room, index int) string {
	return strings.NewReplacer("{stream}", fmt.Sprintf("r%dp%d", room+1, index+1), "{room}", fmt.Sprintf("r%d", room+1)).Replace(template)
}

// resources are the WHIP and WHEP resources of a participant.
type resources struct {
	mu   sync.Mutex
	urls []string
}

func (w *WHIP) join(ctx context.Context, p *participant) error {
	own := &resources{}
	p.signalled = own
	p.started = clock()
	s := &p.run.scenario
	if p.publishes {
		if err := w.open(ctx, p, own, endpointOf(w.Publish, p.room, p.index), true); err != nil {
			return err
		}
	}
	// Others' streams begin when they do: a participant that publishes may find
	// some of them missing yet, and asks again.
	var failed error
	var waiting sync.WaitGroup
	var mu sync.Mutex
	for i := range s.Publishers {
		if p.publishes && i == p.index {
			continue
		}
		if !p.publishes {
			p.expects = true
		}
		waiting.Go(func() {
			err := w.open(ctx, p, own, endpointOf(w.Play, p.room, i), false)
			for errors.Is(err, errNoStream) && p.publishes && ctx.Err() == nil {
				time.Sleep(200 * time.Millisecond)
				err = w.open(ctx, p, own, endpointOf(w.Play, p.room, i), false)
			}
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		})
	}
	waiting.Wait()
	return failed
}

// errNoStream is what a WHEP endpoint says before its stream has begun.
var errNoStream = errors.New("there is no such stream yet")

// open makes one resource and waits until it is connected.
func (w *WHIP) open(ctx context.Context, p *participant, own *resources, endpoint string, publish bool) error {
	address, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	ep, err := p.endpoint(localFor(address.Hostname()))
	if err != nil {
		return err
	}
	offered, offer, err := sdp.ClientOffer(nil, ep.local(), oneWay(p, publish))
	if err != nil {
		return err
	}
	answer, location, err := w.offer(ctx, address, offer)
	if err != nil {
		p.loop.do(func(instant) { p.loop.leave(ep) })
		return err
	}
	if location != "" {
		own.mu.Lock()
		own.urls = append(own.urls, location)
		own.mu.Unlock()
	}
	accepted, role, lite, err := sdp.ClientAccept(offered, answer)
	if err != nil {
		return fmt.Errorf("the answer of %s: %w", endpoint, err)
	}
	ep.negotiate(accepted, role, lite, p.media, answer)
	return awaitConnected(ctx, ep)
}

// oneWay is an offer of everything that a participant sends, or of what it can
// receive of one other.
func oneWay(p *participant, publish bool) sdp.Want {
	var want sdp.Want
	w := sdp.Wanted{Direction: sdp.RecvOnly}
	if publish {
		w.Direction = sdp.SendOnly
	}
	if p.run.scenario.Audio {
		w.Kind = sdp.Audio
		want.Add = append(want.Add, w)
	}
	if p.run.scenario.Video {
		w.Kind = sdp.Video
		if publish {
			for _, l := range p.media.layers {
				w.RIDs = append(w.RIDs, l.rid)
			}
		}
		want.Add = append(want.Add, w)
	}
	return want
}

// offer posts an offer; the answer is in the body of 201, and the resource in
// Location (RFC 9725 section 4.2).
func (w *WHIP) offer(ctx context.Context, endpoint *url.URL, offer string) (answer, location string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.String(), strings.NewReader(offer))
	if err != nil {
		return "", "", err
	}
	request.Header.Set("Content-Type", "application/sdp")
	if w.Token != "" {
		request.Header.Set("Authorization", "Bearer "+w.Token)
	}
	response, err := w.client.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, sdp.MaxSize))
	switch {
	case err != nil:
		return "", "", err
	case response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusConflict:
		return "", "", fmt.Errorf("%w: POST %s: %s: %s", errNoStream, endpoint, response.Status, clip(string(body)))
	case response.StatusCode == http.StatusNotAcceptable:
		return "", "", fmt.Errorf("POST %s: %s: the server wants to offer itself, which is not spoken here", endpoint, response.Status)
	case response.StatusCode != http.StatusCreated && response.StatusCode != http.StatusOK:
		return "", "", fmt.Errorf("POST %s: %s: %s", endpoint, response.Status, clip(string(body)))
	}
	if text := response.Header.Get("Location"); text != "" {
		if resource, err := endpoint.Parse(text); err == nil {
			location = resource.String()
		}
	}
	return string(body), location, nil
}

func (w *WHIP) leave(p *participant) {
	if own, ok := p.signalled.(*resources); ok {
		own.mu.Lock()
		urls := own.urls
		own.mu.Unlock()
		for _, resource := range urls {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			if request, err := http.NewRequestWithContext(ctx, http.MethodDelete, resource, nil); err == nil {
				if w.Token != "" {
					request.Header.Set("Authorization", "Bearer "+w.Token)
				}
				if response, err := w.client.Do(request); err == nil {
					_ = response.Body.Close()
				}
			}
			cancel()
		}
	}
	p.shut()
}
