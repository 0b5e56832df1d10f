// SPDX-License-Identifier: GPL-3.0-or-later

// What vim-cmd, esxcli and vmware print on an ESXi host, from the same inventory as the API's.
package main

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

type shellCommand struct {
	name string
	vm   bool // the first argument is a VM's number
	run  func(h *host, v *vm, args []string) (int, string)
}

var vimCommands = []shellCommand{
	{"vmsvc/getallvms", false, getAllVMs},
	{"vmsvc/get.summary", true, getSummary},
	{"vmsvc/get.guest", true, getGuest},
	{"vmsvc/get.config", true, getConfig},
	{"vmsvc/get.tasklist", true, taskList},
	{"vimsvc/task_info", false, taskInfo},
	{"vmsvc/power.getstate", true, getState},
	{"vmsvc/power.on", true, powerOn},
	{"vmsvc/power.off", true, powerOff},
	{"vmsvc/power.shutdown", true, powerShutdown},
	{"vmsvc/snapshot.get", true, snapshotGet},
	{"vmsvc/snapshot.create", true, snapshotCreate},
	{"vmsvc/snapshot.removeall", true, snapshotRemoveAll},
	{"vmsvc/message", true, message},
	{"vmsvc/reload", true, func(h *host, v *vm, args []string) (int, string) {
		simulator.Map.WithLock(v.obj, v.sync)
		return 0, ""
	}},
	{"hostsvc/autostartmanager/get_autostartseq", false, autostartSeq},
	{"hostsvc/autostartmanager/get_defaults", false, func(h *host, v *vm, args []string) (int, string) {
		return 0, fmt.Sprintf("(vim.host.AutoStartManager.SystemDefaults) {\n   enabled = %t, \n   startDelay = 120, \n"+
			"   stopDelay = 120, \n   waitForHeartbeat = false, \n   stopAction = \"PowerOff\"\n}\n", *h.start.Config.Defaults.Enabled)
	}},
	{"hostsvc/autostartmanager/enable_autostart", false, func(h *host, v *vm, args []string) (int, string) {
		h.start.Config.Defaults.Enabled = types.NewBool(len(args) > 0 && args[0] == "true")
		return 0, "Enabled AutoStart\n"
	}},
	{"hostsvc/autostartmanager/update_autostartentry", true, autostartUpdate},
}

// vimCmd answers "vim-cmd ARGS": often with status 0, whatever went wrong.
func (h *host) vimCmd(args []string) (int, string) {
	if len(args) == 0 {
		return 0, "Commands available under /:\nhbrsvc/       internalsvc/  solo/         vmsvc/        \nhostsvc/      proxysvc/     vimsvc/       help\n"
	}
	for _, c := range vimCommands {
		if c.name != args[0] {
			continue
		}
		if !c.vm {
			return c.run(h, nil, args[1:])
		}
		if len(args) < 2 {
			return 255, "Insufficient arguments.\nUsage: " + args[0] + " vmid\n"
		}
		for _, v := range h.vms {
			if v.obj.Self.Value == args[1] && !v.spec.invalid {
				return c.run(h, v, args[2:])
			}
		}
		return 0, fmt.Sprintf("Unable to find a VM corresponding to \"%s\"\n", args[1])
	}
	return 255, "Invalid command '" + args[0][strings.LastIndex(args[0], "/")+1:] + "'.\n"
}

func (h *host) sorted() []*vm {
	list := append([]*vm(nil), h.vms...)
	sort.Slice(list, func(i, k int) bool { return list[i].spec.id < list[k].spec.id })
	return list
}

// getAllVMs: columns are as wide as what is longest in them; a note has its line ends as they are.
func getAllVMs(h *host, _ *vm, _ []string) (int, string) {
	rows := [][]string{{"Vmid", "Name", "File", "Guest OS", "Version", "Annotation"}}
	out := ""
	for _, v := range h.sorted() {
		if v.spec.invalid {
			out += fmt.Sprintf("Skipping invalid VM '%s'\n", v.obj.Self.Value)
			continue
		}
		rows = append(rows, []string{v.obj.Self.Value, v.name, v.vmxPath(), v.spec.guestID, fmt.Sprintf("vmx-%02d", v.spec.hw),
			v.annotation})
	}
	var width [5]int
	for _, r := range rows {
		for i := range width {
			if len(r[i]) > width[i] {
				width[i] = len(r[i])
			}
		}
	}
	for _, r := range rows {
		for i := range width {
			gap := 3
			if i == 0 { // "Vmid" has more room
				gap = 6 - width[0] + 4
			}
			if gap < 3 {
				gap = 3
			}
			out += fmt.Sprintf("%-*s", width[i]+gap, r[i])
		}
		out += r[5] + "\n"
	}
	return 0, out
}

// text is a string in the layout of VMware's object dumps.
func text(s string) string {
	return "\"" + strings.NewReplacer("\\", "\\\\", "\"", "\\\"").Replace(s) + "\""
}

func maybe(s string) string {
	if s == "" {
		return "<unset>"
	}
	return text(s)
}

func question(v *vm, indent string) string {
	q := v.obj.Runtime.Question
	if q == nil {
		return "(vim.vm.QuestionInfo) null"
	}
	return fmt.Sprintf("(vim.vm.QuestionInfo) {\n%s   id = %s, \n%s   text = %s, \n%s}", indent, text(q.Id), indent, text(q.Text), indent)
}

func getSummary(h *host, v *vm, _ []string) (int, string) {
	o, s := v.obj, v.spec
	var b strings.Builder
	b.WriteString("Listsummary:\n\n(vim.vm.Summary) {\n")
	fmt.Fprintf(&b, "   vm = 'vim.VirtualMachine:%s', \n   runtime = (vim.vm.RuntimeInfo) {\n      device = <unset>, \n"+
		"      host = 'vim.HostSystem:ha-host', \n      connectionState = %s, \n      powerState = %s, \n"+
		"      faultToleranceState = \"notConfigured\", \n      toolsInstallerMounted = false, \n"+
		"      suspendTime = <unset>, \n      bootTime = <unset>, \n      suspendInterval = 0, \n"+
		"      question = %s, \n      memoryOverhead = <unset>, \n      maxCpuUsage = 4800, \n"+
		"      maxMemoryUsage = %d, \n      snapshotInBackground = <unset>, \n      consolidationNeeded = false\n   }, \n",
		o.Self.Value, text(string(o.Runtime.ConnectionState)), text(string(o.Runtime.PowerState)), question(v, "      "), s.memory)
	fmt.Fprintf(&b, "   guest = (vim.vm.Summary.GuestSummary) {\n      guestId = %s, \n      guestFullName = %s, \n"+
		"      toolsStatus = %s, \n      toolsVersionStatus = \"guestToolsCurrent\", \n      toolsRunningStatus = %s, \n"+
		"      hostName = %s, \n      ipAddress = %s\n   }, \n", maybe(o.Guest.GuestId), maybe(o.Guest.GuestFullName),
		text(string(o.Guest.ToolsStatus)), text(o.Guest.ToolsRunningStatus), maybe(o.Guest.HostName), maybe(o.Guest.IpAddress))
	fmt.Fprintf(&b, "   config = (vim.vm.Summary.ConfigSummary) {\n      name = %s, \n      template = %t, \n      vmPathName = %s, \n"+
		"      memorySizeMB = %d, \n      cpuReservation = 0, \n      memoryReservation = 0, \n      numCpu = %d, \n"+
		"      numEthernetCards = %d, \n      numVirtualDisks = %d, \n      uuid = %s, \n      instanceUuid = %s, \n"+
		"      guestId = %s, \n      guestFullName = %s, \n      annotation = %s, \n      product = (vim.vApp.ProductInfo) null, \n"+
		"      installBootRequired = false, \n      ftInfo = (vim.vm.FaultToleranceConfigInfo) null\n   }, \n",
		text(v.name), s.template, text(v.vmxPath()), s.memory, s.cpus, len(s.nics), len(s.disks), text(v.uuid()), text(o.Config.InstanceUuid),
		text(s.guestID), text(fullName(s)), text(v.annotation))
	fmt.Fprintf(&b, "   storage = (vim.vm.Summary.StorageSummary) {\n      committed = %d, \n      uncommitted = 0, \n"+
		"      unshared = %d, \n      timestamp = \"2026-01-01T00:00:00Z\"\n   }, \n", o.Summary.Storage.Committed, o.Summary.Storage.Unshared)
	b.WriteString("   quickStats = (vim.vm.Summary.QuickStats) {\n      overallCpuUsage = 0, \n      guestHeartbeatStatus = \"gray\"\n   }, \n" +
		"   overallStatus = \"green\"\n}\n\n")
	return 0, b.String()
}

func getGuest(h *host, v *vm, _ []string) (int, string) {
	g := v.obj.Guest
	var b strings.Builder
	fmt.Fprintf(&b, "Guest information:\n\n(vim.vm.GuestInfo) {\n   toolsStatus = %s, \n   toolsVersionStatus = \"guestToolsCurrent\", \n"+
		"   toolsRunningStatus = %s, \n   toolsVersion = %s, \n   guestId = %s, \n   guestFamily = <unset>, \n"+
		"   guestFullName = %s, \n   hostName = %s, \n   ipAddress = %s, \n", text(string(g.ToolsStatus)), text(g.ToolsRunningStatus),
		text(g.ToolsVersion), maybe(g.GuestId), maybe(g.GuestFullName), maybe(g.HostName), maybe(g.IpAddress))
	if len(g.Net) == 0 {
		b.WriteString("   net = <unset>, \n")
	} else {
		b.WriteString("   net = (vim.vm.GuestInfo.NicInfo) [\n")
		for _, n := range g.Net {
			var list []string
			for _, a := range n.IpAddress {
				list = append(list, "         "+text(a))
			}
			fmt.Fprintf(&b, "      (vim.vm.GuestInfo.NicInfo) {\n         network = %s, \n         ipAddress = (string) [\n%s\n         ], \n"+
				"         macAddress = %s, \n         connected = true, \n         deviceConfigId = %d\n      }\n", text(n.Network),
				strings.Join(list, ", \n"), text(n.MacAddress), n.DeviceConfigId)
		}
		b.WriteString("   ], \n")
	}
	fmt.Fprintf(&b, "   guestState = %s\n}\n\n", text(g.GuestState))
	return 0, b.String()
}

func getConfig(h *host, v *vm, _ []string) (int, string) {
	c := v.obj.Config
	return 0, fmt.Sprintf("Configuration:\n\n(vim.vm.ConfigInfo) {\n   changeVersion = %s, \n   modified = \"1970-01-01T00:00:00Z\", \n"+
		"   name = %s, \n   guestFullName = %s, \n   version = %s, \n   uuid = %s, \n   template = false, \n   guestId = %s, \n"+
		"   annotation = %s, \n   files = (vim.vm.FileInfo) {\n      vmPathName = %s\n   }, \n   firmware = %s\n}\n\n",
		text(c.ChangeVersion), text(v.name), text(fullName(v.spec)), text(c.Version), text(c.Uuid), text(c.GuestId),
		text(v.annotation), text(v.vmxPath()), text(c.Firmware))
}

func getState(h *host, v *vm, _ []string) (int, string) {
	state := map[types.VirtualMachinePowerState]string{"poweredOn": "Powered on", "poweredOff": "Powered off", "suspended": "Suspended"}
	return 0, "Retrieved runtime info\n" + state[v.obj.Runtime.PowerState] + "\n"
}

// dump is a fault as vim-cmd prints it.
func dump(kind string) string {
	return fmt.Sprintf("(vim.fault.%s) {\n   faultCause = (vmodl.MethodFault) null, \n   faultMessage = <unset>\n   msg = %s\n}\n",
		kind, text(faultTexts[kind]))
}

func powerOn(h *host, v *vm, _ []string) (int, string) {
	if v.power(true) != "" {
		return 1, "Powering on VM:\nPower on failed\n"
	}
	return 0, "Powering on VM:\n"
}

func powerOff(h *host, v *vm, _ []string) (int, string) {
	if fault := v.power(false); fault != "" {
		return 1, "Powering off VM:\nPower off failed\n" + dump(fault)
	}
	return 0, "Powering off VM:\n"
}

func powerShutdown(h *host, v *vm, _ []string) (int, string) {
	fault := ""
	if v.obj.Runtime.Question != nil {
		fault = "InvalidState"
	} else {
		fault = v.shutdown()
	}
	if fault != "" {
		return 0, dump(fault)
	}
	return 0, ""
}

func snapshotGet(h *host, v *vm, _ []string) (int, string) {
	out := "Get Snapshot:\n"
	if v.obj.Snapshot != nil {
		out += snapshotTree(v.obj.Snapshot.RootSnapshotList, "", "ROOT")
	}
	return 0, out
}

func snapshotTree(list []types.VirtualMachineSnapshotTree, lead, kind string) string {
	out := ""
	for _, t := range list {
		out += lead + "|-" + kind + "\n"
		in := lead + "--Snapshot "
		out += fmt.Sprintf("%sName        : %s\n%sId        : %d\n%sDesciption  : %s\n%sCreated On  : 1/1/2026 0:0:0\n"+
			"%sState       : powered off\n", in, t.Name, in, t.Id, in, t.Description, in, in) // so it is spelled
		out += snapshotTree(t.ChildSnapshotList, lead+"--", "CHILD")
	}
	return out
}

func snapshotCreate(h *host, v *vm, args []string) (int, string) {
	name := "snapshot"
	if len(args) > 0 {
		name = args[0]
	}
	simulator.Map.WithLock(v.obj, func() { v.addSnapshot(name) })
	return 0, "Create Snapshot:\n"
}

func message(h *host, v *vm, args []string) (int, string) {
	q := v.obj.Runtime.Question
	if q == nil {
		return 0, "No message.\n"
	}
	if len(args) == 2 {
		if !v.reply(args[0], args[1]) {
			return 0, dump("InvalidArgument")
		}
		return 0, ""
	}
	out := fmt.Sprintf("Virtual machine message %s:\n%s\n", q.Id, q.Text)
	for i, c := range q.Choice.ChoiceInfo {
		d := c.GetElementDescription()
		mark := ""
		if int32(i) == q.Choice.DefaultIndex {
			mark = " [default]"
		}
		out += fmt.Sprintf("   %s. %s (%s)%s\n", d.Key, d.Label, d.Summary, mark)
	}
	return 0, out + "Answered: No\n"
}

func autostartSeq(h *host, _ *vm, _ []string) (int, string) {
	var list []string
	for _, p := range h.start.Config.PowerInfo {
		list = append(list, fmt.Sprintf("   (vim.host.AutoStartManager.AutoPowerInfo) {\n      key = 'vim.VirtualMachine:%s', \n"+
			"      startOrder = %d, \n      startDelay = %d, \n      waitForHeartbeat = %s, \n      startAction = %s, \n"+
			"      stopDelay = %d, \n      stopAction = %s\n   }", p.Key.Value, p.StartOrder, p.StartDelay, text(string(p.WaitForHeartbeat)),
			text(p.StartAction), p.StopDelay, text(p.StopAction)))
	}
	if len(list) == 0 {
		return 0, "(vim.host.AutoStartManager.AutoPowerInfo) []\n"
	}
	return 0, "(vim.host.AutoStartManager.AutoPowerInfo) [\n" + strings.Join(list, ", \n") + "\n]\n"
}

// autostartUpdate: VMID StartAction StartDelay StartOrder StopAction StopDelay WaitForHeartbeat
func autostartUpdate(h *host, v *vm, args []string) (int, string) {
	if len(args) != 6 {
		return 255, "Insufficient arguments.\nUsage: update_autostartentry VMId StartAction StartDelay StartOrder StopAction StopDelay WaitForHeartbeat\n"
	}
	delay, e1 := strconv.Atoi(args[1])
	order, e2 := strconv.Atoi(args[2])
	stop, e3 := strconv.Atoi(args[4])
	if e1 != nil || e2 != nil || e3 != nil {
		return 0, "A specified parameter was not correct: spec.powerInfo\n"
	}
	action := args[0]
	if strings.EqualFold(action, "powerOn") {
		action = "powerOn"
	} else if strings.EqualFold(action, "none") {
		action = "none"
	} else {
		return 0, "A specified parameter was not correct: spec.powerInfo.startAction\n"
	}
	h.start.set(types.AutoStartPowerInfo{Key: v.obj.Self, StartOrder: int32(order), StartDelay: int32(delay),
		WaitForHeartbeat: types.AutoStartWaitHeartbeatSetting(args[5]), StartAction: action, StopDelay: int32(stop), StopAction: args[3]})
	return 0, "Updated AutoStart order.\n"
}

// esxcli answers the two of its commands that a reader of VMs needs.
func (h *host) esxcli(args []string) (int, string) {
	switch strings.Join(args, " ") {
	case "network vswitch standard portgroup list":
		return 0, h.portGroupList()
	case "storage filesystem list":
		rows := [][]string{{"Mount Point", "Volume Name", "UUID", "Mounted", "Type", "Size", "Free"}}
		for _, s := range h.stores {
			rows = append(rows, []string{"/vmfs/volumes/" + s.uuid, s.name, s.uuid, "true", "VMFS-6", "1099511627776", "549755813888"})
		}
		return 0, table(rows, 5)
	case "system version get":
		return 0, fmt.Sprintf("   Product: VMware ESXi\n   Version: %s\n   Build: Releasebuild-%s\n   Update: 3\n   Patch: 0\n", h.version, builds[h.version])
	}
	return 1, "Error: Unknown command or namespace " + strings.Join(args, " ") + "\n"
}

func (h *host) portGroupList() string {
	rows := [][]string{{"Name", "Virtual Switch", "Active Clients", "VLAN ID"}}
	for _, g := range h.sys.Config.Network.Portgroup {
		used := 0
		for _, v := range h.vms {
			for _, n := range v.spec.nics {
				if n.network == g.Spec.Name && v.on() {
					used++
				}
			}
		}
		rows = append(rows, []string{g.Spec.Name, g.Spec.VswitchName, fmt.Sprint(used), fmt.Sprint(g.Spec.VlanId)})
	}
	sort.Slice(rows[1:], func(i, k int) bool { return rows[1+i][0] < rows[1+k][0] })
	return table(rows, 2)
}

// table is esxcli's: columns from NUMBERS on are flush right, dashes below the heads.
func table(rows [][]string, numbers int) string {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			if len(c) > width[i] {
				width[i] = len(c)
			}
		}
	}
	out := ""
	for k, r := range rows {
		cells := make([]string, len(r))
		dashes := make([]string, len(r))
		for i, c := range r {
			if i >= numbers && k > 0 {
				cells[i] = fmt.Sprintf("%*s", width[i], c)
			} else if i == len(r)-1 {
				cells[i] = c
			} else {
				cells[i] = fmt.Sprintf("%-*s", width[i], c)
			}
			dashes[i] = strings.Repeat("-", width[i])
		}
		out += strings.Join(cells, "  ") + "\n"
		if k == 0 {
			out += strings.Join(dashes, "  ") + "\n"
		}
	}
	return out
}
