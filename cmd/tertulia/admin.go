package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// The commands of the shell work on the database of a server, which may run
// meanwhile.

type serviceCommand struct {
	List   serviceList   `cmd:"" default:"1" help:"List the services."`
	Create serviceCreate `cmd:"" help:"Create a service; prints its id and key."`
	Show   serviceShow   `cmd:"" help:"Print the id and key of a service."`
	Delete serviceDelete `cmd:"" help:"Delete a service and its rooms."`
}

type roomCommand struct {
	List   roomList   `cmd:"" default:"withargs" help:"List the rooms of a service."`
	Create roomCreate `cmd:"" help:"Create a room; prints its id."`
	Delete roomDelete `cmd:"" help:"Delete a room. People in it stay until they leave; the API's DELETE ends their call too."`
}

type serviceList struct{}

// Run prints the services.
func (serviceList) Run(ctx context.Context, all *commands, out *os.File) error {
	return all.withServersStore(ctx, func(s *store.Store) error {
		services, err := s.Services(ctx)
		if err != nil {
			return err
		}
		return table(out, "ID\tNAME\tCREATED", func(row func(cells ...any)) {
			for _, service := range services {
				row(service.ID, service.Name, service.Created.Format(time.DateTime))
			}
		})
	})
}

type serviceCreate struct {
	Name string `arg:"" help:"Name of the service, unique."`
}

// Run creates a service.
func (c serviceCreate) Run(ctx context.Context, all *commands, out *os.File) error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	return all.withStore(ctx, func(s *store.Store) error {
		service, err := s.CreateService(ctx, store.Service{Name: c.Name})
		if err != nil {
			return fmt.Errorf("service %s: %w", c.Name, err)
		}
		return printService(out, service)
	})
}

type serviceShow struct {
	ID protocol.ServiceID `arg:"" optional:"" help:"Id of the service; by default the first one."`
}

// Run prints a service with its key.
func (c serviceShow) Run(ctx context.Context, all *commands, out *os.File) error {
	return all.withServersStore(ctx, func(s *store.Store) error {
		service, err := serviceOrFirst(ctx, s, c.ID)
		if err != nil {
			return err
		}
		return printService(out, service)
	})
}

func printService(out *os.File, service store.Service) error {
	_, err := fmt.Fprintf(out, "id  %s\nkey %s\n", service.ID, service.Key)
	return err
}

type serviceDelete struct {
	ID protocol.ServiceID `arg:"" help:"Id of the service."`
}

// Run deletes a service.
func (c serviceDelete) Run(ctx context.Context, all *commands, out *os.File) error {
	return all.withServersStore(ctx, func(s *store.Store) error {
		if err := s.DeleteService(ctx, c.ID); err != nil {
			return fmt.Errorf("service %s: %w", c.ID, err)
		}
		fmt.Fprintln(out, "deleted")
		return nil
	})
}

type roomList struct {
	Service protocol.ServiceID `help:"Id of the service; by default the first one." placeholder:"ID"`
}

// Run prints the rooms of a service.
func (c roomList) Run(ctx context.Context, all *commands, out *os.File) error {
	return all.withServersStore(ctx, func(s *store.Store) error {
		service, err := serviceOrFirst(ctx, s, c.Service)
		if err != nil {
			return err
		}
		printed := table(out, "ID\tNAME\tCREATED", func(row func(cells ...any)) {
			for after := protocol.RoomID(""); ; {
				var rooms []store.Room
				rooms, err = s.Rooms(ctx, service.ID, after, 100)
				for _, room := range rooms {
					row(room.ID, room.Name, room.Created.Format(time.DateTime))
					after = room.ID
				}
				if err != nil || len(rooms) == 0 {
					return
				}
			}
		})
		return errors.Join(err, printed)
	})
}

type roomCreate struct {
	Name    string             `arg:"" help:"Name of the room, unique within the service."`
	Service protocol.ServiceID `help:"Id of the service; by default the first one." placeholder:"ID"`
	Mode    protocol.Mode      `help:"sfu: media go through the server. p2p: from participant to participant." enum:"sfu,p2p" default:"sfu"`
}

// Run creates a room, or finds the one of that name.
func (c roomCreate) Run(ctx context.Context, all *commands, out *os.File) error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	return all.withServersStore(ctx, func(s *store.Store) error {
		service, err := serviceOrFirst(ctx, s, c.Service)
		if err != nil {
			return err
		}
		room, _, err := s.GetOrCreateRoom(ctx, service.ID, c.Name, store.Room{Mode: c.Mode})
		if err != nil {
			return fmt.Errorf("room %s: %w", c.Name, err)
		}
		fmt.Fprintln(out, room.ID)
		return nil
	})
}

type roomDelete struct {
	ID protocol.RoomID `arg:"" help:"Id of the room."`
}

// Run deletes a room.
func (c roomDelete) Run(ctx context.Context, all *commands, out *os.File) error {
	return all.withServersStore(ctx, func(s *store.Store) error {
		if err := s.DeleteRoom(ctx, c.ID); err != nil {
			return fmt.Errorf("room %s: %w", c.ID, err)
		}
		fmt.Fprintln(out, "deleted")
		return nil
	})
}

type tokenCommand struct {
	Room protocol.RoomID `arg:"" help:"Id of the room."`
	User string          `arg:"" help:"Who the token is for."`
	Role string          `help:"Role of the user." default:"presenter"`
	Life time.Duration   `help:"How long it may be used." default:"1h"`
	Uses int             `help:"How often it may be used." default:"1"`
}

// Run prints a join token, signed with the key of the room's service.
func (c tokenCommand) Run(ctx context.Context, all *commands, out *os.File) error {
	switch {
	case c.Life < time.Second || c.Life > auth.MaxJoinLife:
		return fmt.Errorf("--life %v: a token may be used for a second to 24 hours (24h)", c.Life)
	case c.Uses < 1 || c.Uses > auth.MaxUses:
		return fmt.Errorf("--uses %d: a token may be used 1 to 1,000,000 times", c.Uses)
	}
	return all.withServersStore(ctx, func(s *store.Store) error {
		room, err := s.Room(ctx, c.Room)
		if err != nil {
			return fmt.Errorf("room %s: %w", c.Room, err)
		}
		service, err := s.Service(ctx, room.Service)
		if err != nil {
			return fmt.Errorf("service %s: %w", room.Service, err)
		}
		if _, known := service.Role(c.Role); !known {
			return fmt.Errorf("the service has no role %q", c.Role)
		}
		now := time.Now()
		token, err := auth.SignJoin([]byte(service.Key), auth.JoinClaims{
			ID: protocol.NewHexID(), Service: service.ID, Room: room.ID, User: c.User, Role: c.Role,
			Uses: c.Uses, IssuedAt: now, ExpiresAt: now.Add(c.Life),
		}, now)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, token)
		return nil
	})
}

// checkName holds names to the bounds that the API has.
func checkName(name string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > 128 {
		return fmt.Errorf("a name has 1 to 128 characters, and this one %d", n)
	}
	return nil
}

// withServersStore is withStore for commands that need what a server has made:
// in a wrong folder they would otherwise make an empty database and work on that.
func (c *commands) withServersStore(ctx context.Context, work func(*store.Store) error) error {
	if file, ok := strings.CutPrefix(c.databaseURL(), "sqlite:"); ok {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no database at %s: the server makes it at its first start; --data or --db say where another is", file)
		}
	}
	return c.withStore(ctx, work)
}

// withStore opens the database for one command.
func (c *commands) withStore(ctx context.Context, work func(*store.Store) error) error {
	s, err := store.Open(ctx, c.databaseURL())
	if err != nil {
		return err
	}
	return errors.Join(work(s), s.Close())
}

func serviceOrFirst(ctx context.Context, s *store.Store, id protocol.ServiceID) (store.Service, error) {
	if id == "" {
		service, _, err := s.EnsureSuperService(ctx, "", "")
		return service, err
	}
	service, err := s.Service(ctx, id)
	if err != nil {
		return service, fmt.Errorf("service %s: %w", id, err)
	}
	return service, nil
}

// table prints aligned columns.
func table(out *os.File, head string, rows func(row func(cells ...any))) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, head)
	rows(func(cells ...any) {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cell)
		}
		fmt.Fprintln(w)
	})
	return w.Flush()
}
