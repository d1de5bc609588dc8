package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// Service is a service as the API shows it.
type Service struct {
	ID      protocol.ServiceID     `json:"id" example:"5f0c1e9b2a7d4c3e8f6a1b2c" doc:"24 hexadecimal characters."`
	Name    string                 `json:"name" example:"school"`
	Key     string                 `json:"key,omitempty" example:"mE7…" doc:"Signs the service's tokens. Shown when it is made and when it is replaced, and never again."`
	Super   bool                   `json:"super" doc:"Whether this is the service that manages the others."`
	Roles   map[string]Permissions `json:"roles" example:"{\"nurse\":[\"subscribe\"]}" doc:"The service's own roles, beside or instead of the built-in ones."`
	Created time.Time              `json:"created"`
}

func showService(service store.Service, key bool) Service {
	shown := Service{ID: service.ID, Name: service.Name, Super: service.Super, Roles: map[string]Permissions{}, Created: service.Created}
	for name, permissions := range service.Roles {
		shown.Roles[name] = permissionsOf(permissions)
	}
	if key {
		shown.Key = service.Key
	}
	return shown
}

// NewService is what a service is made of.
type NewService struct {
	Name  string                 `json:"name" minLength:"1" maxLength:"128" example:"school" doc:"Unique among the services."`
	Roles map[string]Permissions `json:"roles,omitempty" example:"{\"nurse\":[\"subscribe\"]}" maxProperties:"100" doc:"Roles of its own: a name and its permissions."`
}

// ServicePatch is what of a service can be changed.
type ServicePatch struct {
	Name *string `json:"name,omitempty" minLength:"1" maxLength:"128" example:"academy" doc:"Unique among the services."`
}

// Role is a named set of permissions.
type Role struct {
	Name        string      `json:"name" example:"presenter"`
	Permissions Permissions `json:"permissions" nullable:"false"`
	Builtin     bool        `json:"builtin" doc:"Whether it is as every service has it."`
}

// ServiceParam names the service in a path.
type ServiceParam struct {
	Service protocol.ServiceID `path:"service" example:"5f0c1e9b2a7d4c3e8f6a1b2c"`
}

// RoleParam names a role in a path.
type RoleParam struct {
	ServiceParam
	Role string `path:"role" maxLength:"32" example:"teacher"`
}

// NewRole is what a role is made of.
type NewRole struct {
	Permissions Permissions `json:"permissions" nullable:"false" doc:"What the role may do; may be empty."`
}

// Services is the answer to who asks for all services.
type Services struct {
	Services []Service `json:"services" nullable:"false"`
}

// Roles is the answer to who asks for all roles.
type Roles struct {
	Roles []Role `json:"roles" nullable:"false"`
}

type (
	servicesOutput struct{ Body Services }
	rolesOutput    struct{ Body Roles }
	serviceOutput  struct {
		Location string `header:"Location" doc:"Where the new service is."`
		Body     Service
	}
	roleOutput struct{ Body Role }
)

func (s *Server) addServices() {
	register(s, huma.Operation{
		OperationID: "create-service", Method: http.MethodPost, Path: "/v1/services", Tags: []string{"Services"}, Security: needsService,
		Summary: "Create a service", DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict},
		Description: "Makes a service with a new id and key. The key is in this answer only: keep it. For the super service.",
	}, s.createService)
	register(s, huma.Operation{
		OperationID: "list-services", Method: http.MethodGet, Path: "/v1/services", Tags: []string{"Services"}, Security: needsService,
		Summary: "List the services", Description: "All services, by id, without their keys. For the super service.",
	}, s.listServices)
	register(s, huma.Operation{
		OperationID: "get-service", Method: http.MethodGet, Path: "/v1/services/{service}", Tags: []string{"Services"}, Security: needsService,
		Summary: "Get a service", Errors: []int{http.StatusNotFound},
		Description: "A service without its key. A service may read itself, the super service all.",
	}, s.getService)
	register(s, huma.Operation{
		OperationID: "update-service", Method: http.MethodPatch, Path: "/v1/services/{service}", Tags: []string{"Services"}, Security: needsService,
		Summary: "Rename a service", Errors: []int{http.StatusNotFound, http.StatusConflict},
		Description: "Changes what is given and leaves the rest. For the super service.",
	}, s.updateService)
	register(s, huma.Operation{
		OperationID: "replace-service-key", Method: http.MethodPost, Path: "/v1/services/{service}/key", Tags: []string{"Services"}, Security: needsService,
		Summary: "Replace a service's key", Errors: []int{http.StatusNotFound},
		Description: "Makes a new key, which is in this answer only. Tokens that the old key signed are refused from now on; calls that go on are not touched. " +
			"For the super service. A key that TERTULIA_SUPERSERVICE_KEY gives is set again at the next start.",
	}, s.replaceKey)
	register(s, huma.Operation{
		OperationID: "delete-service", Method: http.MethodDelete, Path: "/v1/services/{service}", Tags: []string{"Services"}, Security: needsService,
		Summary: "Delete a service", DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusNotFound, http.StatusConflict},
		Description: "Ends the service's calls and removes it with its rooms. For the super service, which cannot delete itself.",
	}, s.deleteService)
	register(s, huma.Operation{
		OperationID: "list-roles", Method: http.MethodGet, Path: "/v1/services/{service}/roles", Tags: []string{"Services"}, Security: needsService,
		Summary: "List a service's roles", Errors: []int{http.StatusNotFound},
		Description: "The built-in roles (presenter, viewer, viewerWithData) and the service's own. For the service itself and the super service.",
	}, s.listRoles)
	register(s, huma.Operation{
		OperationID: "put-role", Method: http.MethodPut, Path: "/v1/services/{service}/roles/{role}", Tags: []string{"Services"}, Security: needsService,
		Summary: "Define a role", Errors: []int{http.StatusNotFound, http.StatusConflict},
		Description: "Makes or replaces a role of the service; it may have the name of a built-in one, which it then stands for. Who is in a room already keeps the permissions that they came with. For the service itself and the super service.",
	}, s.putRole)
	register(s, huma.Operation{
		OperationID: "delete-role", Method: http.MethodDelete, Path: "/v1/services/{service}/roles/{role}", Tags: []string{"Services"}, Security: needsService,
		Summary: "Delete a role", DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusNotFound},
		Description: "Removes one of the service's own roles. For the service itself and the super service.",
	}, s.deleteRole)
}

func (s *Server) createService(ctx context.Context, in *struct{ Body NewService }) (*serviceOutput, error) {
	if err := mustBeSuper(ctx); err != nil {
		return nil, err
	}
	if err := checkText("name", in.Body.Name); err != nil {
		return nil, err
	}
	roles := map[string][]protocol.Permission{}
	for name, permissions := range in.Body.Roles {
		if err := checkRoleName(name); err != nil {
			return nil, err
		}
		roles[name] = permissionsOf(permissions)
	}
	service, err := s.Store.CreateService(ctx, store.Service{Name: in.Body.Name, Roles: roles})
	if errors.Is(err, store.ErrExists) {
		return nil, protocol.Errorf(protocol.CodeConflict, "there is a service with this name, or the name is reserved")
	}
	if err != nil {
		return nil, err
	}
	return &serviceOutput{Location: s.PublicURL + "/v1/services/" + string(service.ID), Body: showService(service, true)}, nil
}

func (s *Server) listServices(ctx context.Context, _ *struct{}) (*servicesOutput, error) {
	if err := mustBeSuper(ctx); err != nil {
		return nil, err
	}
	services, err := s.Store.Services(ctx)
	if err != nil {
		return nil, err
	}
	out := new(servicesOutput)
	out.Body.Services = []Service{}
	for _, service := range services {
		out.Body.Services = append(out.Body.Services, showService(service, false))
	}
	return out, nil
}

func (s *Server) getService(ctx context.Context, in *ServiceParam) (*struct{ Body Service }, error) {
	service, err := s.ownService(ctx, in.Service)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Service }{showService(service, false)}, nil
}

func (s *Server) updateService(ctx context.Context, in *struct {
	ServiceParam
	Body ServicePatch
},
) (*struct{ Body Service }, error) {
	service, err := s.anyService(ctx, in.Service)
	if err != nil {
		return nil, err
	}
	if in.Body.Name != nil && *in.Body.Name != service.Name {
		if err := checkText("name", *in.Body.Name); err != nil {
			return nil, err
		}
		if service.Name == store.GuestService || *in.Body.Name == store.GuestService {
			return nil, protocol.Errorf(protocol.CodeConflict, "the name %q is kept for the service of the guests", store.GuestService)
		}
		service.Name = *in.Body.Name
	}
	service, err = s.Store.UpdateService(ctx, service)
	if errors.Is(err, store.ErrExists) {
		return nil, protocol.Errorf(protocol.CodeConflict, "there is another service with this name")
	}
	if err != nil {
		return nil, err
	}
	return &struct{ Body Service }{showService(service, false)}, nil
}

func (s *Server) replaceKey(ctx context.Context, in *ServiceParam) (*struct{ Body Service }, error) {
	service, err := s.anyService(ctx, in.Service)
	if err != nil {
		return nil, err
	}
	service.Key = store.NewKey()
	if service, err = s.Store.UpdateService(ctx, service); err != nil {
		return nil, err
	}
	return &struct{ Body Service }{showService(service, true)}, nil
}

func (s *Server) deleteService(ctx context.Context, in *ServiceParam) (*struct{}, error) {
	service, err := s.anyService(ctx, in.Service)
	if err != nil {
		return nil, err
	}
	switch {
	case service.Super:
		return nil, protocol.Errorf(protocol.CodeConflict, "the super service cannot be deleted")
	case service.Name == store.GuestService && s.Meet:
		return nil, protocol.Errorf(protocol.CodeConflict, "the service of the guests is in use; start the server with --meet=off first")
	}
	var after protocol.RoomID
	for {
		rooms, err := s.Store.Rooms(ctx, service.ID, after, 100)
		if err != nil {
			return nil, err
		}
		for _, room := range rooms {
			after = room.ID
			if err := s.Rooms.CloseRoom(ctx, room.ID); err != nil {
				return nil, err
			}
		}
		if len(rooms) < 100 {
			break
		}
	}
	return nil, s.Store.DeleteService(ctx, service.ID)
}

func (s *Server) listRoles(ctx context.Context, in *ServiceParam) (*rolesOutput, error) {
	service, err := s.ownService(ctx, in.Service)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(protocol.BuiltinRoles)
	maps.Copy(all, service.Roles)
	out := new(rolesOutput)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		_, own := service.Roles[name]
		out.Body.Roles = append(out.Body.Roles, Role{Name: name, Permissions: permissionsOf(all[name]), Builtin: !own})
	}
	return out, nil
}

func (s *Server) putRole(ctx context.Context, in *struct {
	RoleParam
	Body NewRole
},
) (*roleOutput, error) {
	service, err := s.ownService(ctx, in.Service)
	if err != nil {
		return nil, err
	}
	if err := checkRoleName(in.Role); err != nil {
		return nil, err
	}
	roles := maps.Clone(service.Roles)
	if roles == nil {
		roles = map[string][]protocol.Permission{}
	}
	roles[in.Role] = permissionsOf(in.Body.Permissions)
	if len(roles) > 100 {
		return nil, protocol.Errorf(protocol.CodeLimit, "a service has 100 roles of its own at most")
	}
	service.Roles = roles
	if _, err := s.Store.UpdateService(ctx, service); err != nil {
		return nil, err
	}
	return &roleOutput{Role{Name: in.Role, Permissions: permissionsOf(roles[in.Role])}}, nil
}

func (s *Server) deleteRole(ctx context.Context, in *RoleParam) (*struct{}, error) {
	service, err := s.ownService(ctx, in.Service)
	if err != nil {
		return nil, err
	}
	if _, ok := service.Roles[in.Role]; !ok {
		return nil, notFound("role of the service's own named", in.Role)
	}
	service.Roles = maps.Clone(service.Roles)
	delete(service.Roles, in.Role)
	_, err = s.Store.UpdateService(ctx, service)
	return nil, err
}

// anyService gives a service to the super service.
func (s *Server) anyService(ctx context.Context, id protocol.ServiceID) (store.Service, error) {
	if err := mustBeSuper(ctx); err != nil {
		return store.Service{}, err
	}
	service, err := s.Store.Service(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		err = notFound("service", string(id))
	}
	return service, err
}

// ownService gives a service to itself, and any to the super service.
func (s *Server) ownService(ctx context.Context, id protocol.ServiceID) (store.Service, error) {
	if caller(ctx).ID == id {
		return caller(ctx), nil
	}
	if !caller(ctx).Super {
		return store.Service{}, notFound("service", string(id))
	}
	return s.anyService(ctx, id)
}

func checkRoleName(name string) error {
	if err := checkText("name of the role", name); err != nil {
		return err
	}
	if len(name) > 32 {
		return protocol.Errorf(protocol.CodeBadRequest, "the name of a role has 32 bytes at most")
	}
	return nil
}
