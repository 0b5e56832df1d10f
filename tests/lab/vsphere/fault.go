// SPDX-License-Identifier: GPL-3.0-or-later

// Faults on order: [after K] [times N] KIND [ARGUMENT] [PATTERN].
package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

type fault struct {
	kind, where string
	arg         string
	pattern     *regexp.Regexp
	after       int
	times       int // 0: always
}

// The kinds, where they apply, and whether they have an argument.
var faultKinds = []struct {
	kind, where string
	arg         string
	text        string
}{
	{"503", "folder", "", "answers 503 Service Unavailable"},
	{"status", "folder", "STATUS", "answers that status"},
	{"no-range", "folder", "", "ignores Range: 200 and the whole file"},
	{"wrong-range", "folder", "", "Content-Range of other bytes than asked for"},
	{"html", "folder", "", "a page of HTML in place of the data"},
	{"cut", "folder", "BYTES", "the connection ends after so many of the answer"},
	{"slow", "folder", "MS", "the answer waits so long"},
	{"flip", "folder", "", "one byte of the answer is another"},
	{"short", "folder", "BYTES", "the file is so much shorter"},
	{"expire", "folder", "", "all sessions end before the request is looked at"},
	{"sdk", "sdk", "FAULT", "the call (PATTERN) fails with that fault: NotAuthenticated, 503, cut …"},
	{"vim-cmd", "vim-cmd", "TEXT", "the command (PATTERN) only prints that"},
	{"map-lies", "vmkfstools", "", "vmkfstools -t0 calls data of the disk (PATTERN) not allocated"},
	{"map", "vmkfstools", "TEXT", "vmkfstools -t0 only prints that; \\n ends a line"},
}

func (f *fault) String() string {
	text := f.kind
	if f.arg != "" {
		text += " " + f.arg
	}
	if f.pattern != nil {
		text += " " + f.pattern.String()
	}
	return fmt.Sprintf("after %d times %d %s", f.after, f.times, text)
}

func parseFault(args []string) (*fault, error) {
	f := &fault{times: 1}
	for len(args) > 1 && (args[0] == "after" || args[0] == "times") {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%s wants a number", args[0])
		}
		if args[0] == "after" {
			f.after = n
		} else {
			f.times = n
		}
		args = args[2:]
	}
	for _, k := range faultKinds {
		if len(args) == 0 || args[0] != k.kind {
			continue
		}
		f.kind, f.where, args = k.kind, k.where, args[1:]
		if k.arg != "" {
			if len(args) == 0 {
				return nil, fmt.Errorf("fault %s wants %s", k.kind, k.arg)
			}
			f.arg, args = args[0], args[1:]
		}
		if len(args) == 1 {
			re, err := regexp.Compile(args[0])
			if err != nil {
				return nil, err
			}
			f.pattern, args = re, nil
		}
		if len(args) != 0 {
			return nil, fmt.Errorf("too many words")
		}
		return f, nil
	}
	return nil, fmt.Errorf("faults: [after K] [times N (0: always)] KIND [ARGUMENT] [PATTERN], of\n%s", faultHelp())
}

func faultHelp() string {
	var b strings.Builder
	for _, k := range faultKinds {
		fmt.Fprintf(&b, "  %-22s %s\n", strings.TrimSpace(k.kind+" "+k.arg), k.text)
	}
	return b.String()
}

// take is the first fault that is meant for this request, and counts it down; nil: none.
func (h *host) take(where, what string) *fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, f := range h.faults {
		if f.where != where || (f.pattern != nil && !f.pattern.MatchString(what)) {
			continue
		}
		if f.after > 0 {
			f.after--
			continue
		}
		if f.times == 1 {
			h.faults = append(h.faults[:i:i], h.faults[i+1:]...)
		} else if f.times > 1 {
			f.times--
		}
		return f
	}
	return nil
}

func (f *fault) number() int64 {
	n, _ := strconv.ParseInt(f.arg, 10, 64)
	return n
}
