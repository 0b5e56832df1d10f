// SPDX-License-Identifier: GPL-3.0-or-later

// What `vmkfstools -t0 DISK.vmdk` prints on an ESXi host: where the blocks of a disk lie in the VMFS.
// Here a hole of a thin disk's file is what is not allocated, of another's what is not yet zeroed.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const seekData = 3

// run is a run of bytes: data, or none.
type run struct {
	start, end int64
	data       bool
}

// runs are those of a file by blocks of a MiB, as VMFS has them; data at the end of a hole's block is data.
func runs(f *os.File, size int64) []run {
	var list []run
	add := func(start, end int64, data bool) {
		if n := len(list); n > 0 && list[n-1].data == data {
			list[n-1].end = end
		} else {
			list = append(list, run{start, end, data})
		}
	}
	for at := int64(0); at < size; at += mib {
		end := at + mib
		if end > size {
			end = size
		}
		data, err := syscall.Seek(int(f.Fd()), at, seekData)
		add(at, end, err == nil && data < end)
	}
	return list
}

// mapping of a flat disk: its descriptor names one file beside it. LIES: of the data only the first run is told.
func (h *host) mapping(path string, lies bool) (int, string) {
	real := filepath.Join(h.dir, strings.TrimPrefix(path, "/vmfs"))
	flat := strings.TrimSuffix(real, ".vmdk") + "-flat.vmdk"
	text, err := os.ReadFile(real)
	if err != nil || !strings.HasPrefix(path, "/vmfs/volumes/") {
		return 255, fmt.Sprintf("Failed to open '%s': The system cannot find the file specified (25).\n", path)
	}
	if h.inUse(flat) {
		return 255, fmt.Sprintf("Failed to open '%s': Failed to lock the file (16392).\n", path)
	}
	f, err := os.Open(flat)
	if err != nil {
		return 255, fmt.Sprintf("Failed to open '%s': The file specified is not a virtual disk (15).\n", path)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 255, err.Error() + "\n"
	}
	hole := "VMFS Z- LVID:"
	if strings.Contains(string(text), "thinProvisioned") {
		hole = "NOMP -- :"
	}
	out := fmt.Sprintf("Mapping for file %s (%d bytes in size):\n", path, st.Size())
	for i, r := range runs(f, st.Size()) {
		mark := "VMFS -- LVID:"
		if !r.data || (lies && i > 0) {
			mark = hole
		}
		place := "5f3e1a2b-0c4d5e6f-7a8b-001122334455/5f3e1a2a-9c8d7e6f-5a4b-001122334455/1:"
		if mark == "NOMP -- :" {
			place = ""
		}
		out += fmt.Sprintf("[%12d:%12d] --> [%s%s(%12d --> %12d)]\n", r.start, r.end-r.start, mark, place, r.start, r.end)
	}
	return 0, out
}

// vmkfstools knows -t0 alone; of what else there is much would change a disk.
func (h *host) vmkfstools(args []string) (int, string) {
	entry := record{"via": "vmkfstools", "args": args}
	var status int
	var out string
	if len(args) != 2 || args[0] != "-t0" {
		entry["violation"] = "nothing but -t0 is asked of vmkfstools"
		status, out = 255, "Extra arguments at the end of the command line.\n"
	} else if f := h.take("vmkfstools", args[1]); f != nil {
		entry["fault"] = f.String()
		if f.kind == "map-lies" {
			status, out = h.mapping(args[1], true)
		} else {
			out = strings.ReplaceAll(f.arg, "\\n", "\n") + "\n"
		}
	} else {
		status, out = h.mapping(args[1], false)
	}
	entry["status"] = status
	h.record(entry)
	return status, out
}
