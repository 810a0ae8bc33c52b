package crontab

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strings"

	"schedule-server/pkg/job"
)

// formPart is a part of a form.
type formPart struct{ name, value, contentType string }

// form adds a part to a form; files says that @ and < name a file.
func (c *call) form(text string, files bool) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is no part of a form: write name=value", clip(text))
	}
	part := formPart{name: name, value: value}
	if files && (strings.HasPrefix(value, "@") || strings.HasPrefix(value, "<")) {
		return errors.New(needsFile)
	}
	if files {
		if at := strings.LastIndex(value, ";type="); at >= 0 {
			part.value, part.contentType = value[:at], value[at+len(";type="):]
		}
		if len(part.value) > 1 && part.value[0] == '"' && part.value[len(part.value)-1] == '"' {
			part.value = part.value[1 : len(part.value)-1]
		}
	}
	c.parts = append(c.parts, part)
	return nil
}

// writeForm writes the parts as multipart/form-data. The boundary follows from them, so that the same command is the same job.
func (c *call) writeForm() {
	sum := sha256.New()
	for _, part := range c.parts {
		fmt.Fprintf(sum, "%q", []string{part.name, part.value, part.contentType})
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.SetBoundary("form-" + hex.EncodeToString(sum.Sum(nil)[:16])) // it is made of letters that a boundary may have
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "%0D", "\n", "%0A")
	for _, part := range c.parts {
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + escape.Replace(part.name) + `"`}}
		if part.contentType != "" {
			header.Set("Content-Type", part.contentType)
		}
		if into, err := w.CreatePart(header); err == nil { // a Buffer takes everything
			_, _ = into.Write([]byte(part.value))
		}
	}
	_ = w.Close()
	body := b.String()
	c.body, c.formBody = &body, false
	if c.headers == nil {
		c.headers = map[string]string{}
	}
	defaultHeader(c.headers, "Content-Type", w.FormDataContentType())
}

// urlQuery adds to the query of the URL: "+" takes the text as it stands.
func (c *call) urlQuery(text string) error {
	if plain, ok := strings.CutPrefix(text, "+"); ok {
		c.query = append(c.query, plain)
		return nil
	}
	name, value, named := strings.Cut(text, "=")
	if !named {
		name, value = "", text
	}
	value = strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	if named && name != "" {
		value = name + "=" + value
	}
	c.query = append(c.query, value)
	return nil
}

// keepLiteral sends {{ as it stands: a command that was written for curl knows no templates of ours. One that names a
// secret of ours does.
func (c *call) keepLiteral(r *job.Request) {
	if len(r.SecretNames()) > 0 {
		return
	}
	texts := []string{r.URL, string(r.Body)}
	for _, value := range r.Headers {
		texts = append(texts, value)
	}
	for _, text := range texts {
		if job.HasTemplate(text) {
			r.Literal = true
			c.warn("{{ is sent as it stands, with literal")
			return
		}
	}
}
