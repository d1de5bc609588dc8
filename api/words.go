package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Object is an application's own JSON object, kept as it is. A nil Object is
// absent; null is kept apart from it, since in a PATCH it means "none".
type Object json.RawMessage

// MarshalJSON gives the object.
func (o Object) MarshalJSON() ([]byte, error) {
	if len(o) == 0 {
		return []byte("null"), nil
	}
	return o, nil
}

// UnmarshalJSON keeps the object.
func (o *Object) UnmarshalJSON(b []byte) error {
	*o = bytes.Clone(b)
	return nil
}

// Schema describes it.
func (Object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Nullable: true, AdditionalProperties: true}
}

// metadata gives the compact form of an Object from a client, nil for none.
func (o Object) metadata() (json.RawMessage, error) {
	if len(o) == 0 || string(o) == "null" {
		return nil, nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, o); err != nil || !utf8.Valid(o) {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the metadata is not valid JSON in UTF-8")
	}
	if compact.Len() > protocol.MaxMetadata {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the metadata has %d bytes of JSON, and %d are the most", compact.Len(), protocol.MaxMetadata)
	}
	return compact.Bytes(), nil
}

// checkText refuses names that cannot be shown or stored.
func checkText(what, text string) error {
	if strings.TrimSpace(text) == "" {
		return protocol.Errorf(protocol.CodeBadRequest, "the %s is empty", what)
	}
	if !utf8.ValidString(text) || strings.IndexFunc(text, unicode.IsControl) >= 0 {
		return protocol.Errorf(protocol.CodeBadRequest, "the %s has control characters", what)
	}
	return nil
}

// Permissions is what one may do, one word each.
type Permissions []protocol.Permission

// Schema describes it.
func (Permissions) Schema(huma.Registry) *huma.Schema {
	words := make([]any, len(protocol.AllPermissions))
	for i, p := range protocol.AllPermissions {
		words[i] = string(p)
	}
	most := len(words)
	return &huma.Schema{
		Type: huma.TypeArray, MaxItems: &most, UniqueItems: true, Examples: []any{[]string{"subscribe", "publish-audio"}},
		Items: &huma.Schema{Type: huma.TypeString, Enum: words},
	}
}

// permissionsOf gives a list that is not nil, and so never null.
func permissionsOf(permissions []protocol.Permission) Permissions {
	if permissions == nil {
		return Permissions{}
	}
	return permissions
}
