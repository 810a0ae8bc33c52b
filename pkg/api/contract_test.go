package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// contract is the OpenAPI document as a test of answers.
type contract struct {
	text     []byte
	document map[string]any
	// base is the path of the document's server, without a slash at its end.
	base string
	// operations are those of the document, in order.
	operations []operation

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	// compiled are the schemas that answers were held against, by their text.
	compiled map[string]*jsonschema.Schema
}

const (
	documentURL = "http://test/openapi.json"
	testVersion = "1.2.3"
)

// plainContract is that of a server without a base path, which most tests have.
var plainContract = sync.OnceValues(func() (*contract, error) {
	text, err := OpenAPI("", testVersion)
	if err != nil {
		return nil, err
	}
	return readContract(text)
})

// newContract is the contract of a document.
func newContract(t testing.TB, text []byte) *contract {
	t.Helper()
	c, err := plainContract()
	must(t, err)
	if !bytes.Equal(c.text, text) {
		c, err = readContract(text)
		must(t, err)
	}
	return c
}

func readContract(text []byte) (*contract, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := &contract{text: text, document: document.(map[string]any), compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource(documentURL, document); err != nil {
		return nil, err
	}
	c.base = strings.TrimSuffix(c.at("servers", "0", "url").(string), "/")
	c.operations = operationsOf(c.document)
	return c, nil
}

// at follows a path of member names and list indexes, and the $refs on its way; nil when it leads nowhere.
func (c *contract) at(path ...string) any {
	var here any = c.document
	for _, name := range path {
		switch v := here.(type) {
		case map[string]any:
			here = v[name]
		case []any:
			i := 0
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(v) {
				return nil
			}
			here = v[i]
		default:
			return nil
		}
		here = c.resolve(here)
	}
	return here
}

func (c *contract) resolve(node any) any {
	if v, ok := node.(map[string]any); ok {
		if ref, ok := v["$ref"].(string); ok {
			return c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return node
}

// operation is one method of one path of the document.
type operation struct {
	path, method, id string
	// whole is the path object, own the operation in it.
	whole, own map[string]any
}

func operationsOf(document map[string]any) []operation {
	var list []operation
	for path, item := range document["paths"].(map[string]any) {
		whole := item.(map[string]any)
		for method, own := range whole {
			if method == "parameters" {
				continue
			}
			o := own.(map[string]any)
			list = append(list, operation{path, strings.ToUpper(method), o["operationId"].(string), whole, o})
		}
	}
	slices.SortFunc(list, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return list
}

// find is the operation that a request calls; false for what the document does not speak of.
func (c *contract) find(method, path string) (operation, bool) {
	path, below := strings.CutPrefix(path, c.base)
	if !below {
		return operation{}, false
	}
	for _, o := range c.operations {
		want, have := strings.Split(o.path, "/"), strings.Split(path, "/")
		fits := o.method == method && len(want) == len(have)
		for i := 0; fits && i < len(want); i++ {
			fits = want[i] == have[i] || strings.HasPrefix(want[i], "{") && have[i] != ""
		}
		if fits {
			return o, true
		}
	}
	return operation{}, false
}

// check holds an answer against the document: its status, its content type, its body.
func (c *contract) check(request *http.Request, a answer) {
	a.t.Helper()
	o, ok := c.find(request.Method, request.URL.EscapedPath())
	if !ok || a.status == http.StatusRequestHeaderFieldsTooLarge { // that one comes before any operation
		return
	}
	response, _ := c.resolve(o.own["responses"].(map[string]any)[fmt.Sprint(a.status)]).(map[string]any)
	if response == nil {
		a.t.Errorf("%s answers %d, which is not documented: %s", o.id, a.status, a.body)
		return
	}
	content, _ := response["content"].(map[string]any)
	if content == nil {
		if a.body != "" {
			a.t.Errorf("%s answers %d with a body, which is not documented: %s", o.id, a.status, a.body)
		}
		return
	}
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	media, _ := content[kind].(map[string]any)
	if err != nil || media == nil {
		a.t.Errorf("%s answers %d as %q, which is not documented", o.id, a.status, a.header.Get("Content-Type"))
		return
	}
	const most = 256 << 10 // a schema is slow to hold against more, and would say the same
	if strings.HasSuffix(kind, "json") && len(a.body) <= most {
		c.validate(a.t, o.id, media["schema"], a.body)
	}
}

// validate holds JSON against a schema of the document.
func (c *contract) validate(t testing.TB, what string, schema any, text string) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Errorf("%s: %v: %s", what, err, text)
		return
	}
	compiled, err := c.compile(schema)
	must(t, err)
	if err := compiled.Validate(value); err != nil {
		t.Errorf("%s against its schema: %v\n%s", what, err, text)
	}
}

// compile makes a schema out of a node of the document; its references go into the document.
func (c *contract) compile(node any) (*jsonschema.Schema, error) {
	text, err := json.Marshal(node)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if schema := c.compiled[string(text)]; schema != nil {
		return schema, nil
	}
	absolute := bytes.ReplaceAll(text, []byte(`"$ref":"#/`), []byte(`"$ref":"`+documentURL+`#/`))
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(absolute))
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("http://test/%d", len(c.compiled))
	if err := c.compiler.AddResource(url, resource); err != nil {
		return nil, err
	}
	schema, err := c.compiler.Compile(url)
	if err != nil {
		return nil, err
	}
	c.compiled[string(text)] = schema
	return schema, nil
}

// TestDocument holds the document against the rules of OpenAPI 3.1, and its schemas against those of JSON Schema.
func TestDocument(t *testing.T) {
	text, err := OpenAPI("/base", "9.9")
	must(t, err)
	rules, err := os.ReadFile("testdata/oas31.json")
	must(t, err)
	var value any
	must(t, json.Unmarshal(rules, &value))
	compiler := jsonschema.NewCompiler()
	must(t, compiler.AddResource("http://test/rules", value))
	schema, err := compiler.Compile("http://test/rules")
	must(t, err)
	c := newContract(t, text)
	if err := schema.Validate(c.document); err != nil {
		t.Error(err)
	}
	if c.at("info", "version") != "9.9" || c.base != "/base" {
		t.Errorf("version %v, server %v", c.at("info", "version"), c.base)
	}
	for name := range c.at("components", "schemas").(map[string]any) {
		if _, err := c.compiler.Compile(documentURL + "#/components/schemas/" + name); err != nil {
			t.Error(err)
		}
	}
	c.walkRefs(t, c.document)
}

// walkRefs wants every reference of the document to lead somewhere.
func (c *contract) walkRefs(t *testing.T, node any) {
	t.Helper()
	switch v := node.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && c.resolve(v) == nil {
			t.Errorf("%s leads nowhere", ref)
		}
		for _, member := range v {
			c.walkRefs(t, member)
		}
	case []any:
		for _, item := range v {
			c.walkRefs(t, item)
		}
	}
}

// TestRoutesAreDocumented compares the table of contents with the document, both ways.
func TestRoutesAreDocumented(t *testing.T) {
	c, err := plainContract()
	must(t, err)
	operations := map[string]string{}
	for _, o := range c.operations {
		operations[o.method+" "+o.path] = o.id
	}
	for _, r := range new(Server).table() {
		key := r.method + " " + documented(r.path)
		if operations[key] != r.operation {
			t.Errorf("%s is operation %q in the table and %q in the document", key, r.operation, operations[key])
		}
		delete(operations, key)
	}
	for key, id := range operations {
		t.Errorf("%s (%s) is documented and not in the table", key, id)
	}
}

// TestWordsAreDocumented holds the document's lists of words against those of the product.
func TestWordsAreDocumented(t *testing.T) {
	c, err := plainContract()
	must(t, err)
	for name, words := range map[string][]string{
		"State": words(job.States()...), "FinalState": words(finalStates()...),
		"Trigger": words(job.TriggerSchedule, job.TriggerManual, job.TriggerBackfill),
		"Status":  words(job.StatusActive, job.StatusPaused, job.StatusCompleted),
	} {
		if got := fmt.Sprint(c.at("components", "schemas", name, "enum")); got != fmt.Sprint(words) {
			t.Errorf("%s is documented as %s, and is %s", name, got, words)
		}
	}
	d := job.Definition{ID: "a", Policy: job.DefaultPolicy()}
	d.Schedule.Type, d.Schedule.Every, d.Request.URL = "interval", job.Duration(time.Second), "http://a/"
	d.Normalize(begin)
	for _, c := range []struct {
		words any
		set   func(word string)
	}{
		{c.at("components", "schemas", "Policy", "properties", "concurrency_policy", "enum"), func(word string) { d.Policy.ConcurrencyPolicy = job.Concurrency(word) }},
		{c.at("components", "schemas", "Policy", "properties", "coalesce", "enum"), func(word string) { d.Policy.Coalesce = job.Coalesce(word) }},
		{c.at("components", "schemas", "Policy", "properties", "queue", "enum"), func(word string) { d.Policy.Queue = job.Queue(word) }},
		{c.at("components", "schemas", "Request", "properties", "method", "enum"), func(word string) { d.Request.Method = word }},
	} {
		for _, word := range c.words.([]any) {
			c.set(word.(string))
			if faults := d.Validate(new(trigger.Parser)); len(faults) > 0 {
				t.Errorf("documented and refused: %v", faults)
			}
		}
	}
}
