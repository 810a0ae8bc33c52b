package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// pagePolicy lets the page load from this server only, and nothing be run or styled that is not a file of it.
const pagePolicy = "default-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"

const (
	// forever is for files whose name holds a hash of what is in them.
	forever = "public, max-age=31536000, immutable"
	// afresh is for files that must be asked for each time; the answer is short when they are the same.
	afresh = "no-cache"
)

// page is the web page: files in memory, as they are sent.
type page struct {
	index *pageFile
	files map[string]*pageFile
}

// pageFile is one file of the page.
type pageFile struct {
	content     []byte
	contentType string
	caching     string
	etag        string
	// zipped is the content in gzip, made when it is first asked for; nil where that does not pay.
	zipped func() []byte
}

// newPage reads the page's files. Links in index.html are relative to its base,
// which becomes the server's.
func newPage(files fs.FS, basePath string) (*page, error) {
	p := &page{files: map[string]*pageFile{}}
	if files == nil {
		return p, nil
	}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if name == "index.html" {
			base := []byte(`<base href="/" />`)
			if !bytes.Contains(content, base) {
				return errors.New("index.html has no base to set")
			}
			content = bytes.Replace(content, base, fmt.Appendf(nil, `<base href="%s/" />`, basePath), 1)
		}
		p.files[name] = newPageFile(name, content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the page: %w", err)
	}
	p.index = p.files["index.html"]
	return p, nil
}

func newPageFile(name string, content []byte) *pageFile {
	sum := sha256.Sum256(content)
	f := &pageFile{
		content: content, contentType: mime.TypeByExtension(path.Ext(name)), caching: afresh,
		etag: `"` + hex.EncodeToString(sum[:8]) + `"`,
	}
	if strings.HasPrefix(name, "assets/") {
		f.caching = forever
	}
	switch path.Ext(name) {
	case ".js":
		f.contentType = "text/javascript; charset=utf-8"
	case ".woff2":
		f.contentType = "font/woff2" // compressed in itself
		return f
	}
	f.zipped = sync.OnceValue(func() []byte {
		var out bytes.Buffer
		w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is a valid one
		_, _ = w.Write(content)                                 // memory does not fail
		_ = w.Close()
		return out.Bytes()
	})
	return f
}

// send answers with the file, or that the caller has it.
func (f *pageFile) send(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, f.caching)
	c.Set(fiber.HeaderETag, f.etag)
	c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
	c.Vary(fiber.HeaderAcceptEncoding)
	if c.Get(fiber.HeaderIfNoneMatch) == f.etag {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, f.contentType)
	if f.zipped != nil && c.Get(fiber.HeaderAcceptEncoding) != "" && c.AcceptsEncodings("gzip") == "gzip" {
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(f.zipped())
	}
	return c.Send(f.content)
}

func (s *Server) servePage(c *fiber.Ctx) error {
	if s.page.index == nil {
		return fiber.ErrNotFound
	}
	return s.page.index.send(c)
}

// servePages serves what no route takes: the files of the page, and the page
// itself at the addresses that it gives to what it shows. That only to who asks
// for a page, so that a wrong address of the API stays an error.
func (s *Server) servePages(c *fiber.Ctx) error {
	err := c.Next()
	var refused *fiber.Error
	if !errors.As(err, &refused) || refused.Code != fiber.StatusNotFound || c.Locals(routeKey{}) != nil {
		return err
	}
	name, below := strings.CutPrefix(c.Path(), s.options.BasePath+"/")
	f, found := s.page.files[name]
	switch {
	case !below || found && f == s.page.index || c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead:
		return err
	case found:
	case strings.HasPrefix(name, "assets/") || strings.HasPrefix(name, "api/") || s.page.index == nil || !wantsPage(c):
		return err
	default:
		f = s.page.index
	}
	c.Locals(routeKey{}, "/*")
	return f.send(c)
}

// wantsPage reports whether the caller names HTML among what it takes: a browser
// that goes to an address does, one that loads data and curl do not.
func wantsPage(c *fiber.Ctx) bool {
	return strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML)
}
