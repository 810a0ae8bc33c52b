package job

import (
	"regexp/syntax"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// hostilePatterns are short texts that become large programs, or take long to read.
var hostilePatterns = []string{
	"(a?){1000}b", "(" + strings.Repeat("a?", 500) + "){1000}b", "(?:(?:a?){31}){31}", "(?:[\\pL\\pN]?){400}", ".{0,1000}",
	"(?i)[" + strings.Repeat("B-\U0001e942", 140) + "]", "(?i)" + strings.Repeat("[B-\U0001e942]", 110),
	"(?mi:[" + strings.Repeat(`\x41-\x{1e942}`, 70) + "])", "[" + strings.Repeat(`\pL`, 330) + "]", strings.Repeat(`\PL|`, 250),
	"(?i)[" + strings.Repeat(`\pL`, 330) + "]", strings.Repeat("(a{0,400})", 90), strings.Repeat("x", MaxPatternLen+1), strings.Repeat("x", 1<<20),
}

func TestHostilePatternsAreRefused(t *testing.T) {
	for _, text := range hostilePatterns {
		if _, err := CompilePattern(text); err == nil {
			t.Errorf("%.40q is compiled", text)
		}
		p := DefaultPolicy()
		p.MisfireGraceTime = Grace(time.Minute)
		p.Success.BodyMatch = text
		p.Success.BodyNotMatch = text
		var v validator
		v.policy(&p)
		if len(v.faults) != 2 || v.faults[0].Field != "policy.success.body_match" || v.faults[1].Field != "policy.success.body_not_match" {
			t.Errorf("%.40q: faults %v", text, v.faults)
		}
	}
}

// An import checks 20,000 patterns: refusing one must cost next to nothing.
func TestRefusingAPatternAllocatesLittle(t *testing.T) {
	for _, text := range hostilePatterns {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = checkPattern(text)
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<20 {
			t.Errorf("%.40q: %d bytes", text, spent)
		}
	}
}

func TestUsualPatternsAreCompiled(t *testing.T) {
	for _, text := range []string{
		"", `"status"\s*:\s*"ok"`, "成功", "(?i)success|accepted", `^\{"code":(0|200),`, `[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}`,
		"error.{0,200}timeout", `(?i)[а-яё]+[a-z0-9_.-]+@[\w-\.]+`, "(?i)[一-龥a-z]+", `(?s)<result>.*</result>`, `\p{Han}+`, strings.Repeat("x", 500),
	} {
		if p, err := CompilePattern(text); err != nil || p.Size > MaxPatternSize {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"(", "a{2,1}", "(?<n", `\C`, "a{1001}", "[z-a]"} {
		if _, err := CompilePattern(text); err == nil || !strings.Contains(err.Error(), "RE2") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The size that is counted is never less than that of the program itself.
func TestPatternSizeIsAnUpperBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var grow func(depth int) string
		grow = func(depth int) string {
			part := rapid.SampledFrom([]string{"a", "ab", "[a-c]", `\pL`, ".", "^", "$", `\b`, "(?i)k", ""}).Draw(t, "part")
			if depth == 0 {
				return part
			}
			switch rapid.IntRange(0, 5).Draw(t, "shape") {
			case 0:
				return grow(depth-1) + grow(depth-1)
			case 1:
				return "(?:" + grow(depth-1) + "|" + grow(depth-1) + ")"
			case 2:
				return "(" + grow(depth-1) + ")" + rapid.SampledFrom([]string{"*", "+", "?", "*?", "{0}", "{1}", "{3}", "{2,}", "{0,4}", "{2,5}"}).Draw(t, "repeat")
			}
			return part
		}
		text := grow(6)
		parsed, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			return
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if counted := sizeOf(parsed); counted+2 < len(program.Inst) { // a program has two more, to begin and to end with
			t.Errorf("%q: counted %d, is %d", text, counted, len(program.Inst))
		}
	})
}
