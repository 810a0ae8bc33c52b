// Command openapi prints the API's document as far as it makes types: without
// the texts, so that the page's types change only when the API does.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"schedule-server/pkg/api"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	text, err := api.OpenAPI("/", "")
	if err != nil {
		return err
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	prune(document)
	return json.NewEncoder(os.Stdout).Encode(document)
}

// prune takes texts and examples away. A property may have one of these names:
// it is an object then, or holds no text.
func prune(node any) {
	switch v := node.(type) {
	case map[string]any:
		for name, member := range v {
			_, isText := member.(string)
			_, isList := member.([]any)
			if isText && (name == "description" || name == "summary") || name == "example" || name == "examples" && (isList || v["schema"] != nil) {
				delete(v, name)
				continue
			}
			prune(member)
		}
	case []any:
		for _, item := range v {
			prune(item)
		}
	}
}
