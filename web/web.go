// Package web serves the pages that are built into the binary: the meeting page
// at / and /m/{room}, and what they load from /assets/.
//
// The files come from meet/dist, which `npm run build` in meet makes and which is
// committed, so that nothing but Go is needed to build the server. Their names
// never change; the page asks for them with a version in the query, made of
// their contents, so that caches may keep them for good.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"sort"
	"strconv"
	"strings"
)

//go:embed meet/dist
var built embed.FS

// Config says which pages there are.
type Config struct {
	// Meet serves the meeting page. Without it, its addresses say in words
	// that this server has none.
	Meet bool
}

// contentSecurityPolicy allows what the page has of its own and nothing else:
// no inline script or style, no other origin. Cameras and other streams come by
// srcObject, which no policy governs.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; " +
	"img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'self'"

// permissionsPolicy gives the devices to the page itself, never to a frame in it.
const permissionsPolicy = "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), " +
	"autoplay=(self), fullscreen=(self), screen-wake-lock=(self), clipboard-write=(self), " +
	"geolocation=(), payment=(), usb=(), serial=(), hid=(), midi=()"

// Handler serves the pages. Every other address is not found.
func Handler(c Config) http.Handler {
	root, err := fs.Sub(built, "meet/dist")
	if err != nil {
		panic("web: " + err.Error()) // the name is that of the embedding above
	}
	pages, err := load(root)
	if err != nil {
		panic("web: " + err.Error()) // embedded files can always be read
	}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", assets(pages))
	index := pages["index.html"]
	if !c.Meet {
		index = newFile("off.html", []byte(offPage(pages)))
		index.status = http.StatusNotFound
	}
	mux.Handle("GET /{$}", index)
	mux.Handle("GET /m/{room}", index)
	mux.Handle("GET /m/{room}/{$}", index)
	mux.Handle("GET /favicon.ico", http.RedirectHandler("/assets/icon.svg", http.StatusMovedPermanently))
	return secure(mux)
}

// secure adds the headers that every answer carries.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("Permissions-Policy", permissionsPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the name of a room is the key to it
		next.ServeHTTP(w, r)
	})
}

// file is one embedded file, ready to be sent.
type file struct {
	contentType string
	body        []byte
	zipped      []byte // nil if that would not make it smaller
	version     string // of its contents, in the query of those who ask for it
	status      int    // 0: 200
}

func newFile(name string, body []byte) *file {
	sum := sha256.Sum256(body)
	f := &file{contentType: contentTypeOf(name), body: body, version: hex.EncodeToString(sum[:8])}
	var zipped bytes.Buffer
	z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		panic("web: " + err.Error()) // the level is one of gzip's own
	}
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
	if zipped.Len() < len(body)*9/10 {
		f.zipped = zipped.Bytes()
	}
	return f
}

// contentTypeOf does not ask the system, whose tables differ.
func contentTypeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// load reads the built files. Wherever one of them names another as
// /assets/NAME in double quotes, the version of that other is added.
func load(root fs.FS) (map[string]*file, error) {
	files := map[string]*file{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files[name] = newFile(name, body)
		return nil
	})
	if err != nil {
		return nil, err
	}
	index, ok := files["index.html"]
	if !ok {
		return nil, fmt.Errorf("meet/dist has no index.html: run npm run build in web/meet")
	}
	files["index.html"] = newFile("index.html", []byte(withVersions(string(index.body), files)))
	return files, nil
}

func withVersions(page string, files map[string]*file) string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, `"/`+name+`"`, `"/`+name+`?v=`+files[name].version+`"`)
	}
	return strings.NewReplacer(pairs...).Replace(page)
}

// assets serves the files that the pages load.
func assets(files map[string]*file) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		f.ServeHTTP(w, r)
	})
}

// ServeHTTP sends the file, zipped to those who take that, or says that the
// asker's copy is still good.
func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	body, tag := f.body, `"`+f.version+`"`
	if f.zipped != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			body, tag = f.zipped, `"`+f.version+`-gzip"`
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", tag)
	if v := r.URL.Query().Get("v"); v != "" && v == f.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache") // kept, but asked about each time
	}
	if f.status == 0 && matches(r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if f.status != 0 {
		w.WriteHeader(f.status)
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the asker is gone: nobody to tell
	}
}

// acceptsGzip reads an Accept-Encoding (RFC 9110, section 12.5.3) as far as it
// speaks of gzip.
func acceptsGzip(header string) bool {
	for item := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q, found := strings.CutPrefix(strings.TrimSpace(parameters), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			return !found || err == nil && weight > 0
		}
	}
	return false
}

// matches says whether an If-None-Match names the tag (RFC 9110, section 13.1.2).
func matches(header, tag string) bool {
	for item := range strings.SplitSeq(header, ",") {
		item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
		if item == tag || item == "*" {
			return true
		}
	}
	return false
}

// offPage is what a server without the meeting page says in its place.
func offPage(files map[string]*file) string {
	return withVersions(`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Tertulia</title>
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="robots" content="noindex" />
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
    <script src="/assets/theme.js"></script>
    <link rel="stylesheet" href="/assets/meet.css" />
  </head>
  <body>
    <main class="closed-house">
      <img src="/assets/icon.svg" width="52" height="52" alt="" />
      <h1>No meetings for guests here</h1>
      <p class="soft">This Tertulia server works for applications that bring their own pages. Ask whoever sent you here for their address.</p>
    </main>
  </body>
</html>
`, files)
}
