package api

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/gofiber/fiber/v2"
)

// openapiYAML is the API's document. It is written by hand; a test holds it
// against the routes and against what the handlers really answer.
//
//go:embed openapi.yaml
var openapiYAML []byte

// openapiJSON is the document as it is served: in JSON, in the order in which
// it was written, for this version and this base path.
func openapiJSON(basePath, version string) ([]byte, error) {
	var document yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(openapiYAML, &document, yaml.UseOrderedMap()); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	if basePath == "" {
		basePath = "/"
	}
	for i, member := range document {
		switch member.Key {
		case "info":
			info, ok := member.Value.(yaml.MapSlice)
			if !ok {
				return nil, fmt.Errorf("openapi.yaml: info is not an object")
			}
			document[i].Value = append(info, yaml.MapItem{Key: "version", Value: version})
		case "servers":
			document[i].Value = []any{yaml.MapSlice{{Key: "url", Value: basePath}}}
		}
	}
	return json.Marshal(ordered{document})
}

// ordered writes what YAML read as JSON without sorting its members.
type ordered struct{ value any }

// MarshalJSON writes the value.
func (o ordered) MarshalJSON() ([]byte, error) {
	switch v := o.value.(type) {
	case yaml.MapSlice:
		out := []byte{'{'}
		for i, member := range v {
			if i > 0 {
				out = append(out, ',')
			}
			name, err := json.Marshal(fmt.Sprint(member.Key)) // a status such as 200 is a number in YAML
			if err != nil {
				return nil, err
			}
			value, err := ordered{member.Value}.MarshalJSON()
			if err != nil {
				return nil, err
			}
			out = append(append(append(out, name...), ':'), value...)
		}
		return append(out, '}'), nil
	case []any:
		list := make([]ordered, len(v))
		for i := range v {
			list[i] = ordered{v[i]}
		}
		return json.Marshal(list)
	}
	return json.Marshal(o.value)
}

func (s *Server) serveOpenAPI(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/json")
	return c.Send(s.openapi)
}
