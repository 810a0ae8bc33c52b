package crontab

import (
	"errors"
	"strings"
)

// lynxSyntax are the options of lynx, which has one dash before long names.
func lynxSyntax() *syntaxOf {
	o := map[string]option{"useragent": {value: true, set: func(c *call, v string) error { return c.setHeader("User-Agent", v) }}}
	ignored(o, false, "dump", "source", "accept_all_cookies", "nolist", "nopause", "nostatus", "mime_header", "head")
	ignored(o, true, "width", "display_charset", "cfg")
	pairs := map[string]string{}
	for name := range o {
		if !o[name].value {
			pairs["-"+name] = name
		}
	}
	return &syntaxOf{long: o, equals: true, pairs: pairs, short: map[byte]string{}}
}

// fetchSyntax are the options of FreeBSD's fetch.
func fetchSyntax() *syntaxOf {
	o := map[string]option{
		"timeout":         {value: true, set: func(c *call, v string) error { return seconds(v, &c.timeout) }},
		"user-agent":      {value: true, set: func(c *call, v string) error { return c.setHeader("User-Agent", v) }},
		"no-verify-peer":  {set: func(c *call, _ string) error { c.insecure = true; return nil }},
		"output":          {value: true},
		"upload":          {value: true, refused: needsFile},
		"scope":           {value: true},
		"if-modified-one": {value: true},
	}
	ignored(o, false, "quiet", "verbose", "4", "6", "all", "retry", "mirror", "restart", "no-sslv3", "no-verify-hostname")
	return &syntaxOf{long: o, equals: true, short: map[byte]string{
		'q': "quiet", 'v': "verbose", 'o': "output", 'T': "timeout", '4': "4", '6': "6", 'a': "all", 'r': "restart", 'm': "mirror", 'w': "scope",
	}}
}

// lwpSyntax are the options of GET and HEAD of libwww-perl.
func lwpSyntax() *syntaxOf {
	o := map[string]option{
		"timeout": {value: true, set: func(c *call, v string) error { return seconds(strings.TrimSuffix(v, "s"), &c.timeout) }},
		"header":  {value: true, set: (*call).header},
	}
	ignored(o, false, "show-status", "show-headers", "no-content", "show-request")
	return &syntaxOf{long: o, short: map[byte]string{'t': "timeout", 'H': "header", 's': "show-status", 'e': "show-headers", 'd': "no-content", 'u': "show-request"}}
}

// wordProcessed adds to an error that quotes or dashes are those of a word processor, which no shell takes for its own.
func wordProcessed(text string, err error) error {
	for _, sign := range []struct{ wrong, right string }{{"\u201c", `"`}, {"\u201d", `"`}, {"\u2018", "'"}, {"\u2019", "'"}, {" \u2013", "-"}, {" \u2014", "--"}, {"\u00a0", "a blank"}} {
		if strings.Contains(text, sign.wrong) {
			return errors.New("it holds " + strings.TrimSpace(strings.ReplaceAll(sign.wrong, "\u00a0", "a no-break space")) + " where a shell wants " + sign.right +
				", as a word processor writes it: " + err.Error())
		}
	}
	return err
}

// asBash writes a command for cmd or PowerShell, as browsers copy it, for bash. Any other comes back as it is.
func asBash(text string) (string, error) {
	switch {
	case isPowerShell(text):
		return "", errors.New("this is PowerShell's Invoke-WebRequest: copy it as cURL instead")
	case strings.Contains(text, "^\n") || strings.Contains(text, "^\r\n") || strings.Contains(text, `^"`):
		return quoteAll(cmdWords(text)), nil
	case strings.Contains(text, "`\n") || strings.Contains(text, "`\r\n"):
		return quoteAll(powerShellWords(text)), nil
	}
	return text, nil
}

func isPowerShell(text string) bool {
	lower := strings.ToLower(text)
	return strings.Contains(lower, "invoke-webrequest") || strings.Contains(lower, "invoke-restmethod")
}

// quoteAll writes words for bash.
func quoteAll(words []string) string {
	for i, word := range words {
		words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

// cmdWords takes a command for cmd apart: ^ hides the sign behind it, or the end of the line, and within quotes
// \" and "" are a quote, as the programs themselves read it.
func cmdWords(text string) []string {
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '^' || i+1 >= len(text) {
			plain.WriteByte(text[i])
			continue
		}
		i++
		if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			i++
		}
		if text[i] != '\n' {
			plain.WriteByte(text[i])
		} else if i+1 < len(text) && text[i+1] == '\n' { // a line break that is meant
			plain.WriteByte('\n')
			i++
		}
	}
	text = plain.String()
	return splitQuoted(text, func(at int, quoted bool) (string, int) {
		slashes := 0
		for at+slashes < len(text) && text[at+slashes] == '\\' {
			slashes++
		}
		switch {
		case slashes > 0 && at+slashes < len(text) && text[at+slashes] == '"':
			if slashes%2 == 1 {
				return strings.Repeat(`\`, slashes/2) + `"`, slashes + 1
			}
			return strings.Repeat(`\`, slashes/2), slashes
		case slashes > 0:
			return strings.Repeat(`\`, slashes), slashes
		case quoted && text[at] == '"' && at+1 < len(text) && text[at+1] == '"':
			return `"`, 2
		}
		return "", 0
	}, `"`)
}

// powerShellWords takes a command for PowerShell apart: a backtick hides the sign behind it, or the end of the line.
func powerShellWords(text string) []string {
	return splitQuoted(text, func(at int, quoted bool) (string, int) {
		switch {
		case text[at] == '`' && at+1 < len(text) && text[at+1] == '\n':
			return "", 2
		case text[at] == '`' && at+2 < len(text) && text[at+1] == '\r':
			return "", 3
		case text[at] == '`' && at+1 < len(text):
			switch text[at+1] {
			case 'n':
				return "\n", 2
			case 't':
				return "\t", 2
			}
			return text[at+1 : at+2], 2
		case quoted && text[at] == '\\' && at+1 < len(text) && text[at+1] == '"':
			return `"`, 2
		case quoted && (text[at] == '"' || text[at] == '\'') && at+1 < len(text) && text[at+1] == text[at]:
			return text[at : at+1], 2
		}
		return "", 0
	}, `"'`)
}

// splitQuoted takes a text apart at its blanks outside quotes. special reads what means something else at a place, and
// says how many bytes that takes; 0: nothing.
func splitQuoted(text string, special func(at int, quoted bool) (string, int), quotes string) []string {
	var words []string
	var word strings.Builder
	quote, begun := byte(0), false
	for i := 0; i < len(text); {
		if quote != '\'' || text[i] == '\'' {
			if plain, length := special(i, quote != 0); length > 0 {
				word.WriteString(plain)
				begun = begun || plain != ""
				i += length
				continue
			}
		}
		switch c := text[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && strings.IndexByte(quotes, c) >= 0:
			quote, begun = c, true
		case quote == 0 && strings.IndexByte(" \t\r\n", c) >= 0:
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
		i++
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}
