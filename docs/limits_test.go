// Package docs checks what the documents say against the sources.
package docs

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// rooms are the folders of the packages that limits.md names.
var rooms = map[string]string{
	"access": "access", "api": "api", "apscheduler": "apscheduler", "compat": "api/compat", "crontab": "crontab",
	"importer": "importer", "job": "job", "service": "service", "store": "store", "trigger": "trigger", "worker": "worker",
}

var units = map[string]int64{
	"": 1, "KiB": 1 << 10, "MiB": 1 << 20,
	"s": int64(time.Second), "min": int64(time.Minute), "h": int64(time.Hour),
}

// sources are the constants of the rooms by name, as they are written: "job.MaxDepth".
type sources map[string]ast.Expr

func readSources(t *testing.T) sources {
	t.Helper()
	all := sources{}
	for room, folder := range rooms {
		paths, err := filepath.Glob(filepath.Join("..", "pkg", folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range file.Decls {
				all.add(room, decl)
			}
		}
	}
	return all
}

// add takes the constants of a declaration at the top of a file.
func (s sources) add(room string, decl ast.Decl) {
	group, ok := decl.(*ast.GenDecl)
	if !ok || group.Tok != token.CONST {
		return
	}
	for _, spec := range group.Specs {
		value := spec.(*ast.ValueSpec)
		for i, expr := range value.Values {
			s[room+"."+value.Names[i].Name] = expr
		}
	}
}

// value computes what an expression of the room is.
func (s sources) value(room string, expr ast.Expr) (constant.Value, error) {
	switch e := expr.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0), nil
	case *ast.ParenExpr:
		return s.value(room, e.X)
	case *ast.Ident:
		return s.named(room + "." + e.Name)
	case *ast.SelectorExpr:
		return s.named(fmt.Sprint(e.X) + "." + e.Sel.Name)
	case *ast.BinaryExpr:
		x, err := s.value(room, e.X)
		if err != nil {
			return nil, err
		}
		y, err := s.value(room, e.Y)
		if err != nil {
			return nil, err
		}
		if e.Op == token.SHL {
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, e.Op, uint(n)), nil
		}
		return constant.BinaryOp(x, e.Op, y), nil
	}
	return nil, fmt.Errorf("cannot compute %T", expr)
}

func (s sources) named(name string) (constant.Value, error) {
	switch name {
	case "time.Millisecond":
		return constant.MakeInt64(int64(time.Millisecond)), nil
	case "time.Second":
		return constant.MakeInt64(int64(time.Second)), nil
	case "time.Minute":
		return constant.MakeInt64(int64(time.Minute)), nil
	case "time.Hour":
		return constant.MakeInt64(int64(time.Hour)), nil
	}
	expr, found := s[name]
	if !found {
		return nil, fmt.Errorf("there is no constant %s", name)
	}
	room, _, _ := strings.Cut(name, ".")
	return s.value(room, expr)
}

// Every number of limits.md is that of the constant that its line names.
func TestLimits(t *testing.T) {
	text, err := os.ReadFile("limits.md")
	if err != nil {
		t.Fatal(err)
	}
	all, row, checked := readSources(t), regexp.MustCompile("^\\| .* \\| (\\d+) ?(\\w*) \\| `(\\w+\\.\\w+)` \\|$"), 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| what |") {
			continue
		}
		cells := row.FindStringSubmatch(line)
		if cells == nil {
			t.Errorf("no limit and constant in %q", line)
			continue
		}
		unit, known := units[cells[2]]
		value, err := all.named(cells[3])
		if err != nil || !known {
			t.Errorf("%q: %v, unit %q", line, err, cells[2])
			continue
		}
		told := constant.BinaryOp(constant.MakeFromLiteral(cells[1], token.INT, 0), token.MUL, constant.MakeInt64(unit))
		if !constant.Compare(told, token.EQL, value) {
			t.Errorf("%s is %s, limits.md says %s (%s %s)", cells[3], value, told, cells[1], cells[2])
		}
		checked++
	}
	if checked == 0 {
		t.Error("limits.md has no limits")
	}
}
