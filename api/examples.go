package api

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// addExamples gives every body in the description an example, made of the
// examples of its fields.
func addExamples(doc *huma.OpenAPI) {
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			if op.RequestBody != nil {
				addExample(doc, op.RequestBody.Content)
			}
			for status, response := range op.Responses {
				if strings.HasPrefix(status, "2") {
					addExample(doc, response.Content)
				}
			}
		}
	}
}

func addExample(doc *huma.OpenAPI, content map[string]*huma.MediaType) {
	for _, media := range content {
		if media.Schema != nil && media.Example == nil {
			media.Example = exampleOf(doc, media.Schema)
		}
	}
}

// exampleOf gives a value of the schema, nil when its fields say too little.
func exampleOf(doc *huma.OpenAPI, schema *huma.Schema) any {
	if schema.Ref != "" {
		schema = doc.Components.Schemas.SchemaFromRef(schema.Ref)
	}
	switch {
	case schema == nil:
		return nil
	case len(schema.Examples) > 0:
		return schema.Examples[0]
	case schema.Default != nil:
		return schema.Default
	case len(schema.Enum) > 0:
		return schema.Enum[0]
	case schema.Type == huma.TypeArray && schema.Items != nil:
		if item := exampleOf(doc, schema.Items); item != nil {
			return []any{item}
		}
	case schema.Type == huma.TypeObject && len(schema.Properties) > 0:
		object := map[string]any{}
		for name, property := range schema.Properties {
			if value := exampleOf(doc, property); value != nil {
				object[name] = value
			}
		}
		return object
	case schema.Format == "date-time":
		return "2026-11-22T12:00:00Z"
	case schema.Type == huma.TypeBoolean:
		return false
	case schema.Type == huma.TypeInteger:
		return 0
	}
	return nil
}
