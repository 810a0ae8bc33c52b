package importer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"schedule-server/pkg/crontab"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// converter turns one job of another program into one of ours, as the members of its JSON. The error says for people why
// it cannot become a job.
type converter func(raw json.RawMessage) (id string, members map[string]any, warnings []string, err error)

// foreignJobs finds the jobs of another program in JSON; convert is nil when it is none.
func foreignJobs(data []byte) (list []json.RawMessage, convert converter) {
	data = bytes.TrimSpace(data)
	if bytes.HasPrefix(data, []byte("{")) {
		var whole struct {
			APIVersion string            `json:"apiVersion"`
			Kind       string            `json:"kind"`
			Items      []json.RawMessage `json:"items"`
		}
		switch {
		case json.Unmarshal(data, &whole) != nil || whole.APIVersion == "" || whole.Kind == "":
			return nil, nil
		case strings.HasSuffix(whole.Kind, "List"):
			return whole.Items, cronJob
		}
		return []json.RawMessage{data}, cronJob
	}
	if json.Unmarshal(data, &list) != nil || len(list) == 0 {
		return nil, nil
	}
	var first map[string]json.RawMessage
	if json.Unmarshal(list[0], &first) != nil {
		return nil, nil
	}
	if _, dkron := first["executor"]; dkron {
		return list, dkronJob
	}
	if _, kubernetes := first["apiVersion"]; kubernetes {
		return list, cronJob
	}
	return nil, nil
}

// readForeign reads the jobs of another program. One that cannot become a job is skipped, and never the whole file.
func (f *File) readForeign(list []json.RawMessage, convert converter, parser *trigger.Parser, now job.Instant) (*Batch, error) {
	if len(list) > MaxJobs {
		return nil, job.Errorf(job.CodeInvalid, "an import holds at most %d jobs", MaxJobs)
	}
	batch := &Batch{Format: f.Format}
	for i, raw := range list {
		id, members, warnings, err := convert(raw)
		var input *job.Input
		if err == nil {
			var text []byte
			if text, err = json.Marshal(members); err == nil {
				input, err = job.DecodeInput(text, "", parser, now)
			}
		}
		text := cutBytes(cmp.Or(id, string(raw)))
		if err != nil {
			reason := err.Error()
			if known := job.ErrorOf(err); len(known.Fields) > 0 {
				reason = known.Fields[0].Field + ": " + known.Fields[0].Message
			}
			batch.Skipped = append(batch.Skipped, crontab.Skipped{Line: i + 1, Text: text, Reason: reason})
			continue
		}
		batch.Jobs = append(batch.Jobs, Source{Input: input, Place: fmt.Sprintf("job %d", i+1), Line: i + 1, Text: text})
		for _, warning := range warnings {
			batch.Warnings = append(batch.Warnings, Warning{input.ID, warning})
		}
	}
	batch.tellForms()
	return batch, nil
}

// tellForms warns of schedules that were read in another form than ours.
func (b *Batch) tellForms() {
	for _, source := range b.Jobs {
		for _, note := range source.Schedule.Notes {
			b.Warnings = append(b.Warnings, Warning{source.ID, "schedule: " + note.Message})
		}
	}
}

// kubernetesVariable is what Kubernetes puts the value of a variable for in an argument.
var kubernetesVariable = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)`)

// cronJob reads a CronJob of Kubernetes.
func cronJob(raw json.RawMessage) (id string, members map[string]any, warnings []string, err error) {
	var in struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Name, Namespace string
			Labels          map[string]string
		} `json:"metadata"`
		Spec struct {
			Schedule                string `json:"schedule"`
			TimeZone                string `json:"timeZone"`
			Suspend                 bool   `json:"suspend"`
			ConcurrencyPolicy       string `json:"concurrencyPolicy"`
			StartingDeadlineSeconds *int64 `json:"startingDeadlineSeconds"`
			JobTemplate             struct {
				Spec struct {
					BackoffLimit          *int64 `json:"backoffLimit"`
					ActiveDeadlineSeconds *int64 `json:"activeDeadlineSeconds"`
					Template              struct {
						Spec struct {
							InitContainers []json.RawMessage `json:"initContainers"`
							Containers     []struct {
								Command []string `json:"command"`
								Args    []string `json:"args"`
							} `json:"containers"`
						} `json:"spec"`
					} `json:"template"`
				} `json:"spec"`
			} `json:"jobTemplate"`
		} `json:"spec"`
	}
	if json.Unmarshal(raw, &in) != nil {
		return "", nil, nil, errors.New("it is no object of Kubernetes")
	}
	id = strings.TrimPrefix(in.Metadata.Namespace+"/"+in.Metadata.Name, "/")
	pod := in.Spec.JobTemplate.Spec.Template.Spec
	switch {
	case in.Kind != "CronJob" && in.Kind != "": // the API's own lists leave it out
		return id, nil, nil, fmt.Errorf("it is a %s, not a CronJob", cutBytes(in.Kind))
	case in.Metadata.Name == "":
		return id, nil, nil, errors.New("it has no name")
	case len(pod.Containers) != 1:
		return id, nil, nil, fmt.Errorf("it has %d containers: give each call a job", len(pod.Containers))
	case len(pod.InitContainers) > 0:
		return id, nil, nil, errors.New("it has containers that run before the call")
	}
	words := append(slices.Clone(pod.Containers[0].Command), pod.Containers[0].Args...)
	if len(pod.Containers[0].Command) == 0 && len(words) > 0 && !crontab.IsCommand(words[0]) {
		words = append([]string{"curl"}, words...) // the image's own program; only curl's is known by its arguments
		warnings = append(warnings, "the container names no command: its arguments are read as those of curl")
	}
	for i, word := range words {
		if m := kubernetesVariable.FindStringSubmatch(strings.ReplaceAll(word, "$$(", "")); m != nil {
			return id, nil, nil, fmt.Errorf("its arguments hold $(%s), whose value is in the cluster: write it down, or as a secret", m[1])
		}
		words[i] = "'" + strings.ReplaceAll(strings.ReplaceAll(word, "$$(", "$("), "'", `'\''`) + "'"
	}
	d, more, err := crontab.ParseCommand(strings.Join(words, " "), crontab.Policy())
	if err != nil {
		return id, nil, nil, err
	}
	warnings = append(warnings, more...)
	policy := d.Policy
	policy.ConcurrencyPolicy = job.ConcurrencyAllow
	if in.Spec.ConcurrencyPolicy != "" {
		policy.ConcurrencyPolicy = job.Concurrency(strings.ToLower(in.Spec.ConcurrencyPolicy))
	}
	policy.MisfireGraceTime = job.Unlimited
	if n := in.Spec.StartingDeadlineSeconds; n != nil && *n > 0 {
		policy.MisfireGraceTime = job.Grace(seconds(*n))
	}
	if n := in.Spec.JobTemplate.Spec.BackoffLimit; n != nil {
		policy.Retry.MaxAttempts = int(max(1, min(*n+1, job.MaxAttempts)))
	}
	if n := in.Spec.JobTemplate.Spec.ActiveDeadlineSeconds; n != nil && *n > 0 && seconds(*n) < policy.AttemptTimeout {
		policy.AttemptTimeout = seconds(*n)
	}
	tags, left := tagsOf(in.Metadata.Labels)
	return id, map[string]any{
		"id": id, "name": in.Metadata.Name, "tags": tags, "status": statusOf(in.Spec.Suspend),
		"schedule": scheduleOf(in.Spec.Schedule, in.Spec.TimeZone), "request": d.Request, "policy": policy,
	}, append(warnings, left...), nil
}

func seconds(n int64) job.Duration { return job.Duration(min(n, 1e8)) * 1e9 }

func statusOf(paused bool) job.Status {
	if paused {
		return job.StatusPaused
	}
	return job.StatusActive
}

// scheduleOf leaves it to the schedule's own reader what an expression means.
func scheduleOf(expression, zone string) map[string]any {
	schedule := map[string]any{"type": trigger.TypeCron, "expression": expression}
	if zone != "" {
		schedule["time_zone"] = zone
	}
	return schedule
}

// tagsOf writes labels as tags. It warns of those that are too long for a tag, or too many for a job.
func tagsOf(labels map[string]string) (tags, warnings []string) {
	tags = []string{}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if tag := name + "=" + labels[name]; job.ValidTag(tag) && len(tags) < job.MaxTags {
			tags = append(tags, tag)
		} else {
			warnings = append(warnings, "the label "+cutBytes(name)+" is not carried over: a job has at most "+strconv.Itoa(job.MaxTags)+" tags, of 1 to 64 characters")
		}
	}
	return tags, warnings
}

// dkronJob reads a job of Dkron's API.
func dkronJob(raw json.RawMessage) (id string, members map[string]any, warnings []string, err error) {
	var in struct {
		Name           string            `json:"name"`
		DisplayName    string            `json:"displayname"`
		Schedule       string            `json:"schedule"`
		TimeZone       string            `json:"timezone"`
		Disabled       bool              `json:"disabled"`
		Tags           map[string]string `json:"tags"`
		Retries        int64             `json:"retries"`
		ParentJob      string            `json:"parent_job"`
		Concurrency    string            `json:"concurrency"`
		Executor       string            `json:"executor"`
		ExecutorConfig map[string]string `json:"executor_config"`
		Processors     json.RawMessage   `json:"processors"`
		ExpiresAt      *string           `json:"expires_at"`
		Ephemeral      bool              `json:"ephemeral"`
	}
	if json.Unmarshal(raw, &in) != nil || in.Name == "" {
		return "", nil, nil, errors.New("it is no job of Dkron")
	}
	switch {
	case in.Executor != "http":
		return in.Name, nil, nil, fmt.Errorf("its executor is %s: only http makes a call", cutBytes(in.Executor))
	case in.ParentJob != "":
		return in.Name, nil, nil, fmt.Errorf("it runs after the job %s, and has no schedule of its own", cutBytes(in.ParentJob))
	case in.Schedule == "" || in.Schedule == "@manually":
		return in.Name, nil, nil, errors.New("it has no schedule: it is started by hand")
	case in.Schedule == "@minutely":
		return in.Name, nil, nil, errors.New(`@minutely is no macro here: write "* * * * *"`)
	}
	c := in.ExecutorConfig
	request := map[string]any{"method": cmp.Or(c["method"], "GET"), "url": c["url"], "body": c["body"], "literal": true,
		"insecure_tls": c["tlsNoVerifyPeer"] == "true"}
	headers := map[string]string{}
	var lines []string
	if c["headers"] != "" && json.Unmarshal([]byte(c["headers"]), &lines) != nil {
		return in.Name, nil, nil, errors.New("its headers are no list")
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	request["headers"] = headers
	policy := map[string]any{"retry": map[string]any{"max_attempts": max(0, min(in.Retries, job.MaxAttempts-1)) + 1},
		"concurrency_policy": cmp.Or(in.Concurrency, string(job.ConcurrencyAllow))}
	if n, err := strconv.ParseInt(c["timeout"], 10, 32); err == nil && n > 0 {
		policy["attempt_timeout"] = seconds(n)
	}
	for _, name := range []string{"expectCode", "expectBody", "tlsCertificateFile", "tlsRootCAsFile"} {
		if c[name] != "" {
			warnings = append(warnings, name+" is not carried over: see policy.success and request.tls")
		}
	}
	if len(in.Processors) > 2 && string(in.Processors) != "null" {
		warnings = append(warnings, "its processors are not carried over")
	}
	if in.ExpiresAt != nil && *in.ExpiresAt != "" {
		warnings = append(warnings, "expires_at is not carried over: give the schedule an end_at")
	}
	if in.Ephemeral {
		warnings = append(warnings, "ephemeral is not carried over: the job stays after its first success")
	}
	tags, left := tagsOf(in.Tags)
	return in.Name, map[string]any{"id": in.Name, "name": in.DisplayName, "tags": tags, "status": statusOf(in.Disabled),
		"schedule": scheduleOf(in.Schedule, in.TimeZone), "request": request, "policy": policy}, append(warnings, left...), nil
}

// yamlDocument is what stands between documents of YAML.
var yamlDocument = regexp.MustCompile(`(?m)^---[ \t]*(#.*)?\r?$`)

// yamlKind is what an object of Kubernetes has.
var yamlKind = regexp.MustCompile(`(?m)^apiVersion\s*:`)

// maxDocuments is how many documents are told apart in one file of YAML. A file of more is refused, as one that cannot be
// read: its rest counts as one document.
const maxDocuments = 1000

// yamlDocuments are the documents of a file of YAML that are not empty.
func yamlDocuments(text []byte) [][]byte {
	var all [][]byte
	for _, one := range yamlDocument.Split(string(text), maxDocuments) {
		if firstLine([]byte(one)) != "" {
			all = append(all, []byte(one))
		}
	}
	return all
}

// manyToJSON turns YAML into JSON: several documents, as of Kubernetes, into a list.
func manyToJSON(ctx context.Context, text []byte) ([]byte, error) {
	documents := yamlDocuments(text)
	foreign := func(one []byte) bool { return yamlKind.Match(one) }
	if len(documents) < 2 || !slices.ContainsFunc(documents, foreign) {
		return FromYAML(ctx, text) // which refuses several
	}
	w, err := newYAMLWriter(ctx, text)
	if err != nil {
		return nil, err
	}
	list := make([]json.RawMessage, len(documents))
	for i, one := range documents {
		if list[i], err = w.document(one); err != nil {
			return nil, inDocument(i+1, err)
		}
	}
	return json.Marshal(list)
}

// inDocument says in which document of a file a fault is.
func inDocument(n int, err error) error {
	var known *job.Error
	if !errors.As(err, &known) {
		return err
	}
	return &job.Error{Code: known.Code, Detail: fmt.Sprintf("document %d: %s", n, known.Detail), Fields: known.Fields, Err: known.Err}
}
