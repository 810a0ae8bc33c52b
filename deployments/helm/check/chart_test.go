// Package check holds the Helm chart to Helm's own linter, to the types of the Kubernetes API, and to the manifests that were
// reviewed. It is a module of its own because Helm is large.
package check

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/releaseutil"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

const folder = "../schedule-server"

var update = flag.Bool("update", false, "write the manifests in testdata anew")

// cases are the files in values.
func cases(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v in %v", err, files)
	}
	return files
}

func values(t *testing.T, file string) chartutil.Values {
	t.Helper()
	given, err := chartutil.ReadValuesFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return given
}

// render gives the manifests of a release in the order of installation.
func render(c *chart.Chart, given chartutil.Values) (string, error) {
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: "v1.34.0", Major: "1", Minor: "34"}
	all, err := chartutil.ToRenderValues(c, given, chartutil.ReleaseOptions{Name: "cron", Namespace: "jobs", IsInstall: true, Revision: 1}, capabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return "", err
	}
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	var out strings.Builder
	for _, hook := range hooks {
		out.WriteString("---\n" + hook.Manifest + "\n")
	}
	for _, manifest := range manifests {
		out.WriteString("---\n" + manifest.Content + "\n")
	}
	return out.String(), err
}

func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLint(t *testing.T) {
	for _, file := range cases(t) {
		for _, message := range lint.AllWithKubeVersion(folder, values(t, file), "jobs", &chartutil.KubeVersion{Version: "v1.34.0", Major: "1", Minor: "34"}).Messages {
			if message.Severity > support.InfoSev {
				t.Errorf("%s: %s", file, message)
			}
		}
	}
}

// A change of what is installed shows in the diff: go test ./... -update
func TestManifests(t *testing.T) {
	for _, file := range cases(t) {
		got, err := render(load(t), values(t, file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		golden := filepath.Join("testdata", filepath.Base(file))
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s renders (-reviewed +now):\n%s", file, diff)
		}
	}
}

// Each manifest is one of the Kubernetes API, without a field that it does not know. Those of the Prometheus operator are not compared: they are no
// part of that API.
func TestManifestsAreTheAPIs(t *testing.T) {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, file := range cases(t) {
		text, err := render(load(t), values(t, file))
		if err != nil {
			t.Fatal(err)
		}
		documents, known := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text))), 0
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(document)) == 0 || bytes.Contains(document, []byte("monitoring.coreos.com/v1")) {
				continue
			}
			object, _, err := decoder.Decode(document, nil, nil)
			if err != nil {
				t.Errorf("%s: %v in\n%s", file, err, document)
				continue
			}
			known++
			checkPods(t, file, object)
		}
		if known < 5 {
			t.Errorf("%s has only %d manifests", file, known)
		}
	}
}

// checkPods holds a Deployment to what the chart promises.
func checkPods(t *testing.T, file string, object runtime.Object) {
	t.Helper()
	deployment, ok := object.(*appsv1.Deployment)
	if !ok {
		return
	}
	pod := deployment.Spec.Template.Spec
	container := pod.Containers[0]
	switch {
	case pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot:
		t.Errorf("%s: %s may run as root", file, deployment.Name)
	case container.SecurityContext.ReadOnlyRootFilesystem == nil || !*container.SecurityContext.ReadOnlyRootFilesystem:
		t.Errorf("%s: %s may write to its image", file, deployment.Name)
	case container.LivenessProbe == nil || container.ReadinessProbe == nil || container.StartupProbe == nil:
		t.Errorf("%s: %s lacks a probe", file, deployment.Name)
	}
	for _, variable := range container.Env {
		secret := variable.Name == "DATABASE_URL" || variable.Name == "REDIS_URL" || variable.Name == "SECRET_KEY"
		if secret && variable.ValueFrom == nil {
			t.Errorf("%s: %s shows %s", file, deployment.Name, variable.Name)
		}
		if variable.Name == "DATABASE_URL" && container.Name == "worker" {
			t.Errorf("%s: a worker is given the database", file)
		}
	}
}

// What is misspelled or missing is refused, by its name.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ values, says string }{
		"nothing given":      {"{}", "existingSecret"},
		"a misspelled word":  {"{existingSecret: s, worker: {concurency: 3}}", "concurency"},
		"a number as text":   {"{existingSecret: s, beat: {replicas: two}}", "replicas"},
		"no host":            {"{existingSecret: s, api: {ingress: {enabled: true}}}", "api.ingress.host is required"},
		"a URL that is none": {"{existingSecret: s, publicURL: cron.example.com}", "publicURL"},
	} {
		given, err := chartutil.ReadValues([]byte(c.values))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := render(load(t), given); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The chart installs the version of the file VERSION, and its variables are those of the programs.
func TestVersionAndVariables(t *testing.T) {
	version, err := os.ReadFile("../../../VERSION")
	if err != nil {
		t.Fatal(err)
	}
	if c := load(t); c.Metadata.AppVersion != strings.TrimSpace(string(version)) {
		t.Errorf("appVersion is %s, VERSION %s", c.Metadata.AppVersion, version)
	}
	flags, err := os.ReadFile("../../../pkg/app/flags.go")
	if err != nil {
		t.Fatal(err)
	}
	var unknown []string
	for _, template := range load(t).Templates {
		for _, found := range regexp.MustCompile(`\b[A-Z]{3,}(?:_[A-Z]+)+\b`).FindAllString(string(template.Data), -1) {
			if !bytes.Contains(flags, []byte(`env:"`+found+`"`)) {
				unknown = append(unknown, found)
			}
		}
	}
	if slices.Sort(unknown); len(unknown) > 0 {
		t.Errorf("no program reads %v", slices.Compact(unknown))
	}
}
