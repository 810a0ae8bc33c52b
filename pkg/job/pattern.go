package job

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

const (
	// MaxPatternLen bounds the text of an expression, in bytes.
	MaxPatternLen = 1024
	// MaxPatternSize bounds the program that an expression becomes, in
	// instructions. A match costs up to this many steps for each byte of the
	// answer: 500 steps and 64 KiB take about half a second of processor time.
	MaxPatternSize = 500
	// maxPatternClasses and maxFoldedRunes bound what reading an expression costs:
	// a Unicode class has hundreds of ranges, and a range that ignores case is
	// walked rune by rune.
	maxPatternClasses = 32
	maxFoldedRunes    = 1 << 18
	// lastFolded is the last rune that has another case.
	lastFolded = 0x1e943
	// wideClass is the number of ranges from which a class is searched, not scanned.
	wideClass = 4
)

// Pattern is an RE2 expression of bounded size.
type Pattern struct {
	*regexp.Regexp
	// Size is an upper bound of the program's instructions. A class of many ranges counts as two.
	Size int
}

// CompilePattern compiles an expression. It never spends more than a few
// milliseconds: what would become too large is refused before it is expanded.
// The error says what is wrong with the expression.
func CompilePattern(text string) (*Pattern, error) {
	size, err := checkPattern(text)
	if err != nil {
		return nil, err
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return &Pattern{compiled, size}, nil
}

// checkPattern is the size of an expression, or what is wrong with it.
func checkPattern(text string) (size int, err error) {
	if len(text) > MaxPatternLen {
		return 0, fmt.Errorf("an expression is at most %d bytes", MaxPatternLen)
	}
	if strings.Count(text, `\p`)+strings.Count(text, `\P`) > maxPatternClasses {
		return 0, fmt.Errorf(`an expression has at most %d Unicode classes (\p)`, maxPatternClasses)
	}
	if ignoresCase(text) && foldedRunes(text) > maxFoldedRunes {
		return 0, errors.New("with (?i) the character ranges of this expression are too many and too wide; use fewer or narrower ones")
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0, fmt.Errorf("not an RE2 expression: %w", err)
	}
	if size = sizeOf(parsed); size > MaxPatternSize {
		return 0, fmt.Errorf("the expression is too large: it becomes %d instructions, at most %d are allowed; use smaller repeat counts",
			size, MaxPatternSize)
	}
	return size, nil
}

// maxCounted ends the counting of a size, long before an int could overflow.
const maxCounted = 1 << 20

// sizeOf is an upper bound of how many instructions an expression becomes, with its repeats written out.
func sizeOf(re *syntax.Regexp) int {
	sub := 0
	for _, part := range re.Sub {
		sub = min(sub+sizeOf(part), maxCounted)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return max(len(re.Rune), 1)
	case syntax.OpCharClass:
		if len(re.Rune) > 2*wideClass {
			return 2
		}
		return 1
	case syntax.OpCapture, syntax.OpStar:
		return sub + 2
	case syntax.OpPlus, syntax.OpQuest:
		return sub + 1
	case syntax.OpAlternate:
		return sub + len(re.Sub)
	case syntax.OpRepeat:
		return min(max(re.Min, re.Max, 1)*sub+max(re.Max-re.Min, 0)+2, maxCounted)
	}
	return sub + 1
}

// ignoresCase reports whether a group of the expression sets the flag i.
func ignoresCase(text string) bool {
	for {
		_, rest, found := strings.Cut(text, "(?")
		if !found {
			return false
		}
		flags, _, _ := strings.Cut(rest, ")")
		flags, _, _ = strings.Cut(flags, ":")
		if strings.Contains(flags, "i") {
			return true
		}
		text = rest
	}
}

// foldedRunes is an upper bound of how many runes beyond ASCII the ranges of an
// expression span. An end that is written as an escape counts as the most it can be.
func foldedRunes(text string) int {
	total := 0
	for i := range len(text) {
		if text[i] != '-' {
			continue
		}
		switch high, _ := utf8.DecodeRuneInString(text[i+1:]); {
		case high == '\\':
			total += lastFolded
		case high >= utf8.RuneSelf:
			total += min(int(high), lastFolded)
		}
	}
	return total
}
