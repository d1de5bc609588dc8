package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// answer is what a handler answered.
type answer struct {
	StatusCode int
	Header     http.Header
	Body       *bytes.Buffer
}

func get(t *testing.T, h http.Handler, path string, header ...string) answer {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Result().Header, w.Body} //nolint:bodyclose // a recorder's body needs no closing
}

func read(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAddresses(t *testing.T) {
	h := Handler(Config{Meet: true})
	for path, want := range map[string]int{
		"/":                              200,
		"/?from=somewhere":               200,
		"/m/friday-supper":               200,
		"/m/friday-supper/":              200,
		"/m/friday-supper?name=A&join=1": 200,
		"/m/%E6%9D%B1":                   200,
		"/m/":                            404,
		"/m/a/b":                         404,
		"/assets/meet.js":                200,
		"/assets/meet.css":               200,
		"/assets/theme.js":               200,
		"/assets/icon.svg":               200,
		"/assets/":                       404,
		"/assets/nothing.js":             404,
		"/index.html":                    404,
		"/assets/%2e%2e/web.go":          404,
		"/favicon.ico":                   301,
		"/elsewhere":                     404,
	} {
		if got := get(t, h, path); got.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, got.StatusCode, want)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %d", w.Code)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/", nil))
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD /: %d, %d bytes, length %q", w.Code, w.Body.Len(), w.Header().Get("Content-Length"))
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	for _, meet := range []bool{true, false} {
		h := Handler(Config{Meet: meet})
		for _, path := range []string{"/", "/m/x", "/assets/meet.js", "/nowhere"} {
			header := get(t, h, path).Header
			if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: Content-Security-Policy %q", path, csp)
			}
			if p := header.Get("Permissions-Policy"); !strings.Contains(p, "camera=(self), microphone=(self), display-capture=(self)") {
				t.Errorf("%s: Permissions-Policy %q", path, p)
			}
			if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%s: %v", path, header)
			}
		}
	}
}

// The policy forbids inline scripts and styles, so the pages must have none.
func TestPagesHaveNothingInline(t *testing.T) {
	for _, meet := range []bool{true, false} {
		page := read(t, get(t, Handler(Config{Meet: meet}), "/").Body)
		for _, inline := range []string{`<script>`, `<style`, ` style="`, ` onclick=`, ` onload=`, `javascript:`} {
			if strings.Contains(page, inline) {
				t.Errorf("meet %v: the page has %s", meet, inline)
			}
		}
	}
}

var assetRef = regexp.MustCompile(`"(/assets/[^"]+)"`)

func TestAssetsThatThePageNamesAreKeptForGood(t *testing.T) {
	h := Handler(Config{Meet: true})
	refs := assetRef.FindAllStringSubmatch(read(t, get(t, h, "/m/x").Body), -1)
	if len(refs) < 4 {
		t.Fatalf("the page names only %v", refs)
	}
	for _, ref := range refs {
		r := get(t, h, ref[1])
		if r.StatusCode != http.StatusOK || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, Cache-Control %q", ref[1], r.StatusCode, r.Header.Get("Cache-Control"))
		}
	}
	for _, path := range []string{"/", "/assets/meet.js", "/assets/meet.js?v=0123456789abcdef"} {
		if c := get(t, h, path).Header.Get("Cache-Control"); c != "no-cache" {
			t.Errorf("%s: Cache-Control %q", path, c)
		}
	}
}

func TestGzip(t *testing.T) {
	h := Handler(Config{Meet: true})
	plain := get(t, h, "/assets/meet.js")
	zipped := get(t, h, "/assets/meet.js", "Accept-Encoding", "br, gzip;q=0.8")
	if plain.Header.Get("Content-Encoding") != "" || zipped.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("Content-Encoding %q and %q", plain.Header.Get("Content-Encoding"), zipped.Header.Get("Content-Encoding"))
	}
	if plain.Header.Get("ETag") == zipped.Header.Get("ETag") {
		t.Error("both forms have one ETag")
	}
	z, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if read(t, z) != read(t, plain.Body) {
		t.Error("zipped and plain differ")
	}
	for _, r := range []answer{plain, zipped} {
		if r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Vary %q", r.Header.Get("Vary"))
		}
	}
	for accept, want := range map[string]bool{"": false, "gzip": true, "GZIP": true, "deflate": false, "gzip;q=0": false, "gzip; q=0.5": true, "gzip;q=x": false, "xgzip": false} {
		if got := acceptsGzip(accept); got != want {
			t.Errorf("Accept-Encoding %q: %v", accept, got)
		}
	}
	if font := get(t, h, "/assets/figtree-latin-wght-normal.woff2", "Accept-Encoding", "gzip"); font.Header.Get("Content-Encoding") != "" || font.Header.Get("Content-Type") != "font/woff2" {
		t.Errorf("the font: %v", font.Header)
	}
}

func TestNotModified(t *testing.T) {
	h := Handler(Config{Meet: true})
	for _, encoding := range []string{"", "gzip"} {
		tag := get(t, h, "/", "Accept-Encoding", encoding).Header.Get("ETag")
		for _, asked := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			r := get(t, h, "/", "Accept-Encoding", encoding, "If-None-Match", asked)
			if r.StatusCode != http.StatusNotModified || read(t, r.Body) != "" || r.Header.Get("ETag") != tag {
				t.Errorf("If-None-Match %s: %d", asked, r.StatusCode)
			}
		}
		if r := get(t, h, "/", "Accept-Encoding", encoding, "If-None-Match", `"other"`); r.StatusCode != http.StatusOK {
			t.Errorf("another tag: %d", r.StatusCode)
		}
	}
}

func TestWithoutMeet(t *testing.T) {
	h := Handler(Config{})
	for _, path := range []string{"/", "/m/friday-supper"} {
		r := get(t, h, path)
		if body := read(t, r.Body); r.StatusCode != http.StatusNotFound || !strings.Contains(body, "No meetings for guests here") || strings.Contains(body, "meet.js") {
			t.Errorf("%s: %d %s", path, r.StatusCode, body)
		}
	}
	if r := get(t, h, "/assets/meet.css"); r.StatusCode != http.StatusOK {
		t.Errorf("its style: %d", r.StatusCode)
	}
}

// What is for work on the page only must not reach people.
func TestBuildIsARelease(t *testing.T) {
	script := read(t, get(t, Handler(Config{Meet: true}), "/assets/meet.js").Body)
	for _, word := range []string{"captureStream", "Hohenstein", "sourceMappingURL"} {
		if strings.Contains(script, word) {
			t.Errorf("meet.js has %q, which is of the mock room or of development", word)
		}
	}
	if !strings.Contains(script, "/v1/meet/") {
		t.Error("meet.js asks for no tokens")
	}
}

func TestUnfinishedBuild(t *testing.T) {
	if _, err := load(fstest.MapFS{"assets/meet.js": {Data: []byte("x")}}); err == nil {
		t.Error("a build without index.html was taken")
	}
}
