// Command openapi prints the API's document, from which the page's types are made.
package main

import (
	"fmt"
	"os"

	"schedule-server/pkg/api"
)

func main() {
	document, err := api.OpenAPI("/", "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(document))
}
