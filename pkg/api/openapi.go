package api

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/gofiber/fiber/v2"
)

// openapiYAML is the API's document, a file for each area. It is written by
// hand; a test holds it against the routes and against what the handlers really answer.
//
//go:embed openapi/*.yaml
var openapiYAML embed.FS

// openapiParts are its files, in the order in which they are joined.
var openapiParts = [...]string{"common", "jobs", "overview", "transfer", "runs", "runactions", "trial", "access", "schedules", "calendars", "secrets", "notify", "service"}

// openapiDocument is the document without what an instance adds: read once in a
// process, and never changed. Reading takes 20 ms of a core, much for each server of a test.
var openapiDocument = sync.OnceValues(readOpenAPI)

// readOpenAPI joins the files. All but the info is JSON already, which takes less memory.
func readOpenAPI() (yaml.MapSlice, error) {
	var document yaml.MapSlice
	for _, part := range openapiParts {
		text, err := openapiYAML.ReadFile("openapi/" + part + ".yaml")
		if err != nil {
			return nil, err
		}
		var more yaml.MapSlice
		if err := yaml.UnmarshalWithOptions(text, &more, yaml.UseOrderedMap()); err != nil {
			return nil, fmt.Errorf("openapi/%s.yaml: %w", part, err)
		}
		document = joined(document, more)
	}
	for i, member := range document {
		switch member.Key {
		case "info":
			continue
		case "paths":
			paths, ok := member.Value.(yaml.MapSlice)
			if !ok {
				return nil, errors.New("the paths are not an object")
			}
			guarded(paths, new(Server).table())
		}
		text, err := json.Marshal(ordered{member.Value})
		if err != nil {
			return nil, err
		}
		document[i].Value = json.RawMessage(text)
	}
	return document, nil
}

// OpenAPI is the document as it is served: in JSON, in the order in which
// it was written, for this version and this base path, with what the table of
// contents knows better.
func OpenAPI(basePath, version string) ([]byte, error) {
	read, err := openapiDocument()
	if err != nil {
		return nil, err
	}
	if basePath == "" {
		basePath = "/"
	}
	document := slices.Clone(read)
	for i, member := range document {
		switch member.Key {
		case "info":
			info, ok := member.Value.(yaml.MapSlice)
			if !ok {
				return nil, errors.New("openapi/common.yaml: info is not an object")
			}
			document[i].Value = append(slices.Clip(info), yaml.MapItem{Key: "version", Value: version})
		case "servers":
			document[i].Value = []any{yaml.MapSlice{{Key: "url", Value: basePath}}}
		}
	}
	return json.Marshal(ordered{document})
}

// joined adds the members of one object to another; where both have an object or a list, these are joined too.
func joined(document, more yaml.MapSlice) yaml.MapSlice {
	for _, member := range more {
		at := indexOf(document, member.Key)
		if at < 0 {
			document = append(document, member)
			continue
		}
		switch known := document[at].Value.(type) {
		case yaml.MapSlice:
			added, _ := member.Value.(yaml.MapSlice)
			document[at].Value = joined(known, added)
		case []any:
			added, _ := member.Value.([]any)
			document[at].Value = append(known, added...)
		}
	}
	return document
}

func indexOf(document yaml.MapSlice, key any) int {
	for i := range document {
		if document[i].Key == key {
			return i
		}
	}
	return -1
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
