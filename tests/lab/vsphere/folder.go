// SPDX-License-Identifier: GPL-3.0-or-later

// /folder: the files of datastores over HTTPS, as ESXi serves them.
package main

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func (h *host) serveFolder(w http.ResponseWriter, r *http.Request) {
	entry := record{"via": "folder", "method": r.Method, "path": strings.TrimPrefix(r.URL.Path, "/folder"),
		"query": r.URL.RawQuery, "range": r.Header.Get("Range")}
	h.mu.Lock()
	h.reading++
	if h.reading > h.most {
		h.most = h.reading
	}
	h.mu.Unlock()
	out := &counter{ResponseWriter: w, status: 200, cut: -1}
	defer func() {
		h.mu.Lock()
		h.reading--
		h.mu.Unlock()
		entry["status"], entry["bytes"] = out.status, out.n
		h.record(entry)
	}()
	h.folder(out, r, entry)
}

// counter knows what was sent, and cuts or changes it where a fault says so.
type counter struct {
	http.ResponseWriter
	status int
	n      int64
	cut    int64 // -1: not
	flip   bool
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(p []byte) (int, error) {
	if c.cut >= 0 && c.n+int64(len(p)) > c.cut {
		n, _ := c.ResponseWriter.Write(p[:c.cut-c.n])
		c.n += int64(n)
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	if c.flip && len(p) > 0 {
		p = append([]byte(nil), p...)
		p[len(p)/2] ^= 1
		c.flip = false
	}
	n, err := c.ResponseWriter.Write(p)
	c.n += int64(n)
	return n, err
}

func page(w http.ResponseWriter, status int, title, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!DOCTYPE html>\n<html><head><title>%s</title></head><body><h1>%s</h1>%s</body></html>\n", title, title, body)
}

func (h *host) folder(w *counter, r *http.Request, entry record) {
	f := h.take("folder", r.URL.Path)
	if f != nil {
		entry["fault"] = f.String()
	}
	if f != nil && f.kind == "expire" {
		h.expire()
	}
	user, password, basic := r.BasicAuth()
	if basic {
		entry["basic"] = true
	}
	if !h.session(r) && (!basic || !h.check(user, password)) {
		w.Header().Set("WWW-Authenticate", "Basic realm=\"VMware HTTP server\"")
		page(w, http.StatusUnauthorized, "401 Unauthorized", "")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		entry["violation"] = "nothing is ever written to a datastore"
		page(w, http.StatusForbidden, "403 Forbidden", "")
		return
	}
	if f != nil && h.broken(w, f) {
		return
	}
	path, file, ok := h.locate(r)
	if !ok {
		page(w, http.StatusNotFound, "404 Not Found", "")
		return
	}
	if file == nil {
		h.listing(w, r, path)
		return
	}
	defer file.Close()
	if r.Method == http.MethodGet && h.inUse(path) { // a file's size is no secret: HEAD only looks it up
		entry["locked"] = true
		page(w, http.StatusInternalServerError, "500 Internal Server Error", "<p>Failed to lock the file</p>")
		return
	}
	h.send(w, r, file, f)
}

// broken: faults that need no file.
func (h *host) broken(w *counter, f *fault) bool {
	switch f.kind {
	case "503":
		page(w, http.StatusServiceUnavailable, "503 Service Unavailable", "")
	case "status":
		page(w, int(f.number()), fmt.Sprintf("%d", f.number()), "")
	case "html":
		page(w, http.StatusOK, "VMware ESXi", "<p>Log in</p>")
	case "slow":
		time.Sleep(time.Duration(f.number()) * time.Millisecond)
		return false
	default:
		return false
	}
	return true
}

// named: A is what was asked for, once decoded or, as virt-v2v sends it, twice.
func named(a, want string) bool {
	again, err := url.PathUnescape(a)
	return a == want || (err == nil && again == want)
}

// locate: the file, open, or nil when it is a directory. PATH "": the list of datastores.
func (h *host) locate(r *http.Request) (string, *os.File, bool) {
	q := r.URL.Query()
	dc, ds := q.Get("dcPath"), q.Get("dsName")
	if dc == "" && !h.vcenter {
		dc = h.dc
	}
	if !named(dc, h.dc) {
		return "", nil, false
	}
	rest := strings.TrimPrefix(r.URL.Path, "/folder")
	if ds == "" {
		return "", nil, rest == "" || rest == "/"
	}
	for _, s := range h.stores {
		if !named(ds, s.name) {
			continue
		}
		path := filepath.Join(s.dir, filepath.Clean("/"+rest))
		st, err := os.Stat(path)
		if err != nil {
			return "", nil, false
		}
		if st.IsDir() {
			return path, nil, true
		}
		file, err := os.Open(path)
		return path, file, err == nil
	}
	return "", nil, false
}

// inUse: a running VM holds its disks, but not the descriptors and its VMX file.
func (h *host) inUse(path string) bool {
	for _, v := range h.vms {
		if v.spec.invalid || !v.on() {
			continue
		}
		for _, d := range v.disks {
			base := filepath.Join(d.dir, d.base)
			rest := strings.TrimPrefix(path, base)
			if rest != path && strings.HasPrefix(rest, "-") && strings.HasSuffix(rest, ".vmdk") && rest != "-000001.vmdk" {
				return true
			}
			if path == base+".vmdk" && (d.spec.format == "monolithicSparse" || d.spec.format == "streamOptimized") {
				return true
			}
		}
	}
	return false
}

func (h *host) listing(w *counter, r *http.Request, path string) {
	var b strings.Builder
	names := []string{}
	if path == "" {
		for _, s := range h.stores {
			names = append(names, s.name)
		}
	} else if list, err := os.ReadDir(path); err == nil {
		for _, e := range list {
			names = append(names, e.Name())
		}
	}
	for _, n := range names {
		fmt.Fprintf(&b, "<tr><td><a href=\"%s\">%s</a></td></tr>\n", html.EscapeString(url.PathEscape(n)), html.EscapeString(n))
	}
	page(w, http.StatusOK, "Index of "+html.EscapeString(r.URL.Path), "<table>"+b.String()+"</table>")
}

// send is http.ServeContent, which knows all about ranges, with the faults of a transfer.
func (h *host) send(w *counter, r *http.Request, file *os.File, f *fault) {
	st, err := file.Stat()
	if err != nil {
		page(w, http.StatusInternalServerError, "500 Internal Server Error", "")
		return
	}
	var content io.ReadSeeker = file
	w.Header().Set("Content-Type", "application/octet-stream")
	kind := ""
	if f != nil {
		kind = f.kind
	}
	switch kind {
	case "no-range":
		r.Header.Del("Range")
	case "cut":
		w.cut = f.number()
	case "flip":
		w.flip = true
	case "short":
		size := st.Size() - f.number()
		content = io.NewSectionReader(file, 0, size)
	case "wrong-range":
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-511/%d", st.Size()))
		w.Header().Set("Content-Length", "512")
		w.WriteHeader(http.StatusPartialContent)
		io.Copy(w, bytes.NewReader(make([]byte, 512)))
		return
	}
	http.ServeContent(w, r, "", st.ModTime(), content)
}

func (h *host) expire() {
	h.mu.Lock()
	h.sessions = map[string]bool{}
	h.mu.Unlock()
}
