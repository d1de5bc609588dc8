package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Stats is what is counted for a participant now.
type Stats struct {
	Transports Counters `json:"transports"`
}

// Counters is one object per transport, as the worker gives it. What it counts
// may grow; the schema names what one can rely on.
type Counters json.RawMessage

// MarshalJSON gives the list.
func (c Counters) MarshalJSON() ([]byte, error) {
	if len(c) == 0 {
		return []byte("[]"), nil
	}
	return c, nil
}

// UnmarshalJSON is for clients of the package's types.
func (c *Counters) UnmarshalJSON(b []byte) error { return (*json.RawMessage)(c).UnmarshalJSON(b) }

// Schema describes it.
func (Counters) Schema(huma.Registry) *huma.Schema {
	text := func(doc string, example any) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Description: doc, Examples: []any{example}}
	}
	number := func(doc string, example any) *huma.Schema {
		return &huma.Schema{Type: huma.TypeNumber, Description: doc, Examples: []any{example}}
	}
	yes := func(doc string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeBoolean, Description: doc, Examples: []any{true}}
	}
	open := func(doc string, properties map[string]*huma.Schema) *huma.Schema {
		return &huma.Schema{Type: huma.TypeObject, Description: doc, AdditionalProperties: true, Properties: properties}
	}
	list := func(of *huma.Schema) *huma.Schema { return &huma.Schema{Type: huma.TypeArray, Items: of} }
	stream := &huma.Schema{Type: huma.TypeInteger, Description: "The stream; absent while there is none.", Examples: []any{4503599627370}}
	layer := open("The layer that is forwarded now.", map[string]*huma.Schema{
		"rid":       text("The simulcast encoding; absent when the track is sent as one.", "h"),
		"spatial":   number("The spatial layer, 0 the smallest.", 0),
		"temporal":  number("The temporal layer, 0 the one of the fewest frames.", 2),
		"width":     number("In pixels, once it is known.", 640),
		"height":    number("In pixels, once it is known.", 360),
		"frameRate": number("In frames per second, measured.", 30),
		"bitrate":   number("In bits per second, measured, with the layers that it depends on.", 500000),
		"reason":    text("A word for why it is this layer and no better one; docs/allocation.md lists them.", "bandwidth"),
	})
	published := open("An RTP stream that the participant sends.", map[string]*huma.Schema{
		"mid": text("The m-section.", "0"), "rid": text("The simulcast encoding.", "h"), "stream": stream, "track": text("The track.", "video"),
		"codec": text("The codec.", "VP8"), "packets": number("Received.", 1200), "bytes": number("Of payload.", 1200000),
		"lost": number("Packets, as reported to the publisher.", 3), "jitterMs": number("In milliseconds.", 2.5),
	})
	subscribed := open("A slot in which the participant receives.", map[string]*huma.Schema{
		"mid": text("The m-section.", "4"), "stream": stream, "track": text("The track.", "video"), "live": yes("Whether something is forwarded."),
		"packets": number("Sent.", 1200), "bytes": number("Of payload.", 1200000), "lost": number("Packets, as the subscriber reports.", 3),
		"rttMs": number("The round trip in milliseconds.", 42), "layer": layer,
	})
	router := open("What the media router counts.", map[string]*huma.Schema{"published": list(published), "subscribed": list(subscribed)})
	return list(open("A transport (RTCPeerConnection) of the participant.", map[string]*huma.Schema{
		"transport": text("Its name.", "main"), "state": text("connected, interrupted or closed; empty until it is connected first.", "connected"),
		"path": text("udp or tcp, once there is one.", "udp"), "router": router,
	}))
}

func (s *Server) addStats() {
	register(s, huma.Operation{
		OperationID: "get-participant-stats", Method: http.MethodGet, Path: "/v1/rooms/{room}/participants/{participant}/stats",
		Tags: []string{"Presence"}, Security: needsService, Errors: []int{http.StatusNotFound},
		Summary: "Get the statistics of a participant",
		Description: "What the server counts for the participant's transports now: packets, losses, delays, and for each track that it receives the layer that is " +
			"forwarded with the reason why. More fields than are described here may be there.",
	}, s.getStats)
}

func (s *Server) getStats(ctx context.Context, in *ParticipantParam) (*struct{ Body Stats }, error) {
	p, err := s.participant(ctx, in)
	if err != nil {
		return nil, err
	}
	stats, err := s.Rooms.Stats(ctx, in.Room, p.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Stats }{Stats{Transports: Counters(stats.Transports)}}, nil
}
