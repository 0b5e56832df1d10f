// SPDX-License-Identifier: GPL-3.0-or-later

// The control socket: `vmferry-lab ctl`, the commands in the host's shell and its PAM talk to it. A
// request is one JSON array of strings on a line, the answer {"status": N, "out": "…"}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

type record map[string]interface{}

func (h *host) record(r record) {
	r["time"] = time.Now().UTC().Format(time.RFC3339Nano)
	line, _ := json.Marshal(r)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log.Write(append(line, '\n'))
}

const ctlHelp = `requests                what was asked of the host so far (requests.jsonl)
logins                  how often somebody logged in, or did not
sessions                how many are open
folder-most             how many requests to /folder were answered at once
state                   the VMs
unlock                  forgets failed logins
expire                  ends all sessions
ssh on|off|cut          the service, as the API switches it; cut: ends what is open
api on|off              nothing answers at the API's port
consolidation MS        how long the removal of snapshots takes (0), also one that runs
licence free|full       a free licence refuses changes through the API
vm NAME on|off|suspend|ask|snapshot|edit|tools|no-tools
tool NAME on|off        a command of the shell
fault list|clear
fault [after K] [times N (0: always)] KIND [ARGUMENT] [PATTERN]
`

type ctlCommand struct {
	name string
	run  func(h *host, args []string) (int, string)
}

var ctlCommands []ctlCommand

func init() {
	ctlCommands = []ctlCommand{
		{"requests", ctlRequests},
		{"logins", func(h *host, _ []string) (int, string) {
			return 0, fmt.Sprintf("right %d wrong %d locked %t\n", h.logins, h.wrong, h.failures >= lockAfter)
		}},
		{"sessions", func(h *host, _ []string) (int, string) { return 0, fmt.Sprintf("%d\n", len(h.sessions)) }},
		{"folder-most", func(h *host, _ []string) (int, string) { return 0, fmt.Sprintf("%d\n", h.most) }},
		{"unlock", func(h *host, _ []string) (int, string) { h.failures = 0; return 0, "" }},
		{"expire", func(h *host, _ []string) (int, string) { h.sessions = map[string]bool{}; return 0, "" }},
		{"licence", func(h *host, a []string) (int, string) { h.free = a[0] == "free"; return 0, "" }},
		{"consolidation", ctlConsolidation},
		{"fault", ctlFault},
	}
}

func ctlRequests(h *host, _ []string) (int, string) {
	text, err := os.ReadFile(filepath.Join(h.dir, "requests.jsonl"))
	if err != nil {
		return 1, err.Error() + "\n"
	}
	return 0, string(text)
}

func ctlConsolidation(h *host, args []string) (int, string) {
	if len(args) != 1 {
		return 2, ctlHelp
	}
	ms, err := strconv.Atoi(args[0])
	if err != nil || ms < 0 {
		return 2, ctlHelp
	}
	h.consolidation = time.Duration(ms) * time.Millisecond
	return 0, ""
}

func ctlFault(h *host, args []string) (int, string) {
	switch strings.Join(args, " ") {
	case "", "help":
		return 0, faultHelp()
	case "clear":
		h.faults = nil
		return 0, ""
	case "list":
		out := ""
		for _, f := range h.faults {
			out += f.String() + "\n"
		}
		return 0, out
	}
	f, err := parseFault(args)
	if err != nil {
		return 2, err.Error() + "\n"
	}
	h.faults = append(h.faults, f)
	return 0, ""
}

// command answers one request. Those of the table run with the lock of front held.
func (h *host) command(args []string) (int, string) {
	if len(args) == 0 {
		return 0, ctlHelp
	}
	name, rest := args[0], args[1:]
	switch name {
	case "vim-cmd", "esxcli":
		return h.shell(name, rest)
	case "vmkfstools":
		return h.vmkfstools(rest)
	case "vmware":
		return 0, fmt.Sprintf("VMware ESXi %s build-%s\n", h.version, builds[h.version])
	case "auth":
		return h.auth(rest)
	case "state":
		return h.state()
	case "vm":
		return h.change(rest)
	case "tool":
		return h.tool(rest)
	case "ssh", "api":
		if len(rest) == 1 && strings.Contains("on off cut", rest[0]) {
			return h.switchService(name, rest[0])
		}
	}
	for _, c := range ctlCommands {
		if c.name == name && (name != "licence" || len(rest) == 1) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return c.run(h, rest)
		}
	}
	return 2, ctlHelp
}

func (h *host) shell(name string, args []string) (int, string) {
	entry := record{"via": name, "args": args}
	var status int
	var out string
	if f := h.take("vim-cmd", strings.Join(args, " ")); f != nil {
		entry["fault"] = f.String()
		out = f.arg + "\n"
	} else if name == "esxcli" {
		status, out = h.esxcli(args)
	} else {
		status, out = h.vimCmd(args)
	}
	entry["status"] = status
	h.record(entry)
	return status, out
}

func (h *host) auth(args []string) (int, string) {
	good := len(args) == 2 && h.check(args[0], args[1])
	h.record(record{"via": "ssh-auth", "good": good})
	if good {
		return 0, ""
	}
	return 1, ""
}

func (h *host) state() (int, string) {
	var list []record
	for _, v := range h.sorted() {
		r := record{"id": v.obj.Self.Value, "name": v.name, "power": v.obj.Runtime.PowerState, "snapshots": v.snapshots(),
			"annotation": v.annotation, "onboot": h.start.starts(v), "question": v.obj.Runtime.Question != nil, "vmx": v.dir + "/" + v.spec.name + ".vmx"}
		var disks []string
		for _, d := range v.disks {
			disks = append(disks, filepath.Join(d.dir, d.fileName()))
		}
		r["disks"] = disks
		list = append(list, r)
	}
	out, _ := json.MarshalIndent(list, "", " ")
	return 0, string(out) + "\n"
}

// change does to a VM what its owner may do at any time, past all checks.
func (h *host) change(args []string) (int, string) {
	if len(args) != 2 {
		return 2, ctlHelp
	}
	for _, v := range h.vms {
		if v.spec.name != args[0] {
			continue
		}
		status := 0
		simulator.Map.WithLock(v.obj, func() {
			switch args[1] {
			case "on":
				v.obj.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOn
			case "off":
				v.obj.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOff
			case "suspend":
				v.obj.Runtime.PowerState = types.VirtualMachinePowerStateSuspended
			case "ask":
				v.ask()
			case "snapshot":
				v.addSnapshot("by hand")
			case "edit":
				v.obj.Config.Annotation += "\nedited"
				v.changed()
			case "tools", "no-tools":
				v.spec.tools = args[1] == "tools"
			default:
				status = 2
			}
			v.sync()
		})
		return status, ""
	}
	return 1, "there is no VM " + args[0] + "\n"
}

// tool takes a command out of the host's shell, or puts it back.
func (h *host) tool(args []string) (int, string) {
	if len(args) != 2 || strings.Contains(args[0], "/") {
		return 2, ctlHelp
	}
	path := filepath.Join(h.dir, "bin", args[0])
	var err error
	if args[1] == "off" {
		err = os.Rename(path, path+".off")
	} else {
		err = os.Rename(path+".off", path)
	}
	if err != nil {
		return 1, err.Error() + "\n"
	}
	return 0, ""
}

func (h *host) switchService(name, to string) (int, string) {
	if name == "api" {
		h.mu.Lock()
		h.apiOff = to == "off"
		h.mu.Unlock()
		return 0, ""
	}
	if to == "cut" {
		h.sshCommand("c")
		return 0, ""
	}
	h.service.set("TSM-SSH", to == "on")
	return 0, ""
}

func (h *host) sshCommand(c string) {
	if h.sshFD != nil {
		h.sshFD.Write([]byte(c))
	}
}

// switchSSH tells the process that holds sshd, and waits until it is so.
func (h *host) switchSSH(on bool) {
	if h.sshFD == nil {
		return
	}
	h.sshCommand(map[bool]string{true: "1", false: "0"}[on])
	for i := 0; i < 500; i++ {
		c, err := net.Dial("tcp", fmt.Sprintf("%s:%d", h.addr, h.sshPort))
		if err == nil {
			c.Close()
		}
		if (err == nil) == on {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (h *host) serveCtl(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			var args []string
			line, err := bufio.NewReader(c).ReadBytes('\n')
			if (err != nil && err != io.EOF) || json.Unmarshal(line, &args) != nil {
				return
			}
			status, out := h.command(args)
			json.NewEncoder(c).Encode(map[string]interface{}{"status": status, "out": out})
		}()
	}
}

// client is this program as a command in the host's shell (or its PAM's): asks, prints, and its status.
func client(socket string, args []string) int {
	c, err := net.Dial("unix", socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer c.Close()
	if err = json.NewEncoder(c).Encode(args); err != nil {
		return 1
	}
	var answer struct {
		Status int    `json:"status"`
		Out    string `json:"out"`
	}
	if err = json.NewDecoder(c).Decode(&answer); err != nil {
		return 1
	}
	fmt.Print(answer.Out)
	return answer.Status
}
