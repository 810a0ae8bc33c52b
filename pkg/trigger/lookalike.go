package trigger

import (
	"fmt"
	"strings"
	"unicode"
)

// lookalike is the ASCII text that a character looks like; false when it looks like none. Invisible ones are "".
func lookalike(r rune) (string, bool) {
	switch {
	case r < unicode.MaxASCII:
		return "", false
	case r >= 0xFF01 && r <= 0xFF5E: // the full-width forms of ! to ~
		return string(r - 0xFF01 + '!'), true
	case unicode.Is(unicode.Zs, r), r == 0x2028, r == 0x2029:
		return " ", true
	}
	switch r {
	case 0xFEFF, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0x00AD, 0xFE0E, 0xFE0F:
		return "", true
	case 0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFE63:
		return "-", true
	case 0x2217, 0x204E, 0x22C6:
		return "*", true
	case 0x2044, 0x2215:
		return "/", true
	case 0x3001: // the comma of a list in Chinese
		return ",", true
	case 0x223C, 0x301C:
		return "~", true
	}
	return "", false
}

// Plain reads characters that only look like ASCII, or that nobody sees, as what they look like: a byte order mark, a
// no-break space, a dash, full-width digits. Found names each of them once, by code point.
func Plain(s string) (plain string, found []string) {
	if isASCII(s) {
		return s, nil
	}
	var b strings.Builder
	for _, r := range s {
		ascii, ok := lookalike(r)
		if !ok {
			b.WriteRune(r)
			continue
		}
		b.WriteString(ascii)
		name := codePoint(r)
		if len(found) < 8 && indexOf(found, name) < 0 {
			found = append(found, name)
		}
	}
	return b.String(), found
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func codePoint(r rune) string { return fmt.Sprintf("U+%04X", r) }

// named adds the code points of what is not ASCII to a quoted text, because it may not be seen.
func named(s string) string {
	var points []string
	for _, r := range s {
		if r > unicode.MaxASCII && len(points) < 4 {
			points = append(points, codePoint(r))
		}
	}
	if points == nil {
		return ""
	}
	return " (" + strings.Join(points, " ") + ")"
}
