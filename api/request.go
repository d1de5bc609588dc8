package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// origin is where a request comes from and where it was sent to.
type origin struct {
	from client
	base string
}

type originKey struct{}

// introduce keeps the origin of a request for the operation.
func (s *Server) introduce(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	next(huma.WithValue(ctx, originKey{}, origin{from: s.clientOf(r), base: s.base(r)}))
}

func originOf(ctx context.Context) origin {
	o, ok := ctx.Value(originKey{}).(origin)
	if !ok {
		panic("api: a request without its origin") // introduce puts it there
	}
	return o
}
