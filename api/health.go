package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Health is how the server is.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

type healthOutput struct{ Body Health }

func (s *Server) addHealth() {
	register(s, huma.Operation{
		OperationID: "health", Method: http.MethodGet, Path: "/healthz", Tags: []string{"Server"},
		Summary: "Can it take calls?", Description: "200 once the server can take calls, 503 before that and while it shuts down.",
	}, s.health)
}

func (s *Server) health(context.Context, *struct{}) (*healthOutput, error) {
	if s.Ready != nil && !s.Ready() {
		return nil, protocol.Errorf(protocol.CodeUnavailable, "the server does not take calls now: it starts or ends")
	}
	out := new(healthOutput)
	out.Body.Status = "ok"
	return out, nil
}
