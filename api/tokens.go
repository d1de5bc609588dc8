package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// NewToken is what a join token is made of.
type NewToken struct {
	User        string       `json:"user" minLength:"1" maxLength:"128" example:"Ana" doc:"Who it is for: a name or an id of your application, which participants see."`
	Role        string       `json:"role" minLength:"1" maxLength:"32" example:"presenter" doc:"presenter, viewer, viewerWithData, or a role of the service's own."`
	Permissions *Permissions `json:"permissions,omitempty" doc:"Instead of the role's."`
	Uses        int          `json:"uses,omitempty" minimum:"1" maximum:"1000000" default:"1" doc:"How often it lets somebody in."`
	ExpiresIn   int          `json:"expiresIn,omitempty" minimum:"1" maximum:"86400" default:"300" doc:"Seconds until it is too late to join with it. Who has joined stays."`
}

// Token is a join token and where to go with it.
type Token struct {
	Token     string    `json:"token" example:"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…" doc:"For the person's browser: connect(url, token)."`
	URL       string    `json:"url" example:"https://meet.example.org" doc:"The server to join at."`
	Room      RoomRef   `json:"room"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// RoomRef names a room.
type RoomRef struct {
	ID   protocol.RoomID `json:"id" example:"64b7f3a1c2d4e5f60718293a"`
	Name string          `json:"name" example:"Physics 1"`
}

type tokenOutput struct{ Body Token }

func (s *Server) addTokens() {
	register(s, huma.Operation{
		OperationID: "create-token", Method: http.MethodPost, Path: "/v1/rooms/{room}/tokens", Tags: []string{"Tokens"}, Security: needsService,
		Summary: "Make a join token", DefaultStatus: http.StatusCreated, Errors: []int{http.StatusNotFound},
		Description: "Makes a short-lived token that lets one person into the room, once unless `uses` says otherwise. " +
			"A service may also sign such tokens itself; docs/tokens.md tells how. Tokens are not kept: only that they were used is.",
	}, s.createToken)
}

func (s *Server) createToken(ctx context.Context, in *struct {
	RoomParam
	Body NewToken
},
) (*tokenOutput, error) {
	room, err := s.room(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	service := caller(ctx)
	if _, ok := service.Role(in.Body.Role); !ok {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the service has no role %.40q", in.Body.Role)
	}
	if err := checkText("user", in.Body.User); err != nil {
		return nil, err
	}
	claims := auth.JoinClaims{User: in.Body.User, Role: in.Body.Role, Uses: in.Body.Uses}
	if in.Body.Permissions != nil {
		claims.Permissions = permissionsOf(*in.Body.Permissions)
	}
	return s.sign(service, room, claims, time.Duration(in.Body.ExpiresIn)*time.Second, originOf(ctx).base)
}

// sign makes the token and the answer that holds it.
func (s *Server) sign(service store.Service, room store.Room, claims auth.JoinClaims, life time.Duration, base string) (*tokenOutput, error) {
	now := s.Now().Truncate(time.Second).UTC()
	claims.Service, claims.Room = service.ID, room.ID
	claims.IssuedAt, claims.ExpiresAt = now, now.Add(life)
	token, err := auth.SignJoin([]byte(service.Key), claims, now)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "this makes no token: %v", err)
	}
	return &tokenOutput{Token{
		Token: token, URL: base, ExpiresAt: claims.ExpiresAt,
		Room: RoomRef{ID: room.ID, Name: room.Name},
	}}, nil
}
