// SPDX-License-Identifier: GPL-3.0-or-later

// What the host holds, as tables: VMs, disks, port groups.
package main

type diskSpec struct {
	slot   string // of the VMX file: "scsi0:0"
	format string // see makeDisk
	mib    int64
	data   int64  // MiB of data, spread
	store  int    // which datastore
	mode   string // "independent-nonpersistent"; "": persistent
}

type nicSpec struct {
	model   string // "": left out, as old VMX files do
	network string
	mac     string
	kind    string // "static", "generated", "vpx"
}

type vmSpec struct {
	id          int
	name        string
	profiles    string // "all": everywhere, else the profiles that have it
	guest       string // of the VMX file, and what the API calls it
	guestID     string
	hw          int
	cpus, cores int
	memory      int // MiB
	efi, secure bool
	adapter     string // of the first SCSI controller
	annotation  string
	disks       []diskSpec
	nics        []nicSpec
	on          bool
	tools       bool // VMware Tools run while it does
	stubborn    bool // does not shut down though they do
	onboot      bool
	suspended   bool
	question    bool
	snapshot    bool
	encrypted   bool
	agent       bool // of vSphere's own, not to be shown
	vcenter     bool // only a vCenter has it
	invalid     bool // the host cannot read its VMX file
	os          string
	ip          string
	extra       string // more lines of the VMX file
}

type portGroup struct {
	name string
	vlan int32
}

var portGroups = []portGroup{
	{"VM Network", 0},
	{"Servers", 30},
	{"Trunk", 4095},
}

// The datastores: the second has a name that must be escaped wherever it appears.
var datastoreNames = []string{"datastore1", "nas 2+50%"}

// Port groups of the vCenter's distributed switch, named as its API names them.
var distributed = []portGroup{
	{"Prod%2fWeb", 50},
}

const webNotes = "Web shop\nOwner: J. \"Jo\" Doe | 100% uptime"

// Looks like a row of vim-cmd's list; there is no such VM.
const falseNotes = "before\n99     fake     [datastore1] a/a.vmx   otherGuest   vmx-07   x"

func linux(id int, name string, disk diskSpec) vmSpec {
	return vmSpec{id: id, name: name, profiles: "full", guest: "debian10-64", guestID: "debian10_64Guest",
		hw: 14, cpus: 1, cores: 1, memory: 256, adapter: "lsilogic", disks: []diskSpec{disk},
		nics: []nicSpec{{"vmxnet3", "VM Network", "", "generated"}}}
}

func with(v vmSpec, change func(*vmSpec)) vmSpec {
	change(&v)
	return v
}

var inventory = []vmSpec{
	{id: 1, name: "web-modern", profiles: "all", guest: "debian12-64", guestID: "debian12_64Guest", hw: 19,
		cpus: 2, cores: 2, memory: 1024, adapter: "pvscsi", annotation: webNotes, on: true, tools: true,
		onboot: true, os: "Debian GNU/Linux 12 (bookworm)", ip: "192.0.2.11",
		disks: []diskSpec{{"scsi0:0", "flat", 64, 24, 0, ""}, {"scsi0:1", "thin", 24, 6, 0, ""}},
		nics: []nicSpec{{"vmxnet3", "VM Network", "00:50:56:01:02:03", "static"},
			{"vmxnet3", "Servers", "00:0c:29:aa:bb:01", "generated"}}},
	{id: 2, name: "old-lenny", profiles: "all", guest: "debian5", guestID: "debian5Guest", hw: 4,
		cpus: 1, cores: 1, memory: 256, annotation: "do not touch", os: "Debian GNU/Linux 5 (lenny)",
		disks: []diskSpec{{"ide0:0", "flat", 32, 8, 0, ""}},
		nics:  []nicSpec{{"", "VM Network", "00:0c:29:aa:bb:02", "generated"}}},
	{id: 3, name: "win2019", profiles: "full", guest: "windows9srv-64", guestID: "windows9Server64Guest", hw: 14,
		cpus: 4, cores: 2, memory: 4096, efi: true, secure: true, adapter: "lsisas1068",
		os:    "Microsoft Windows Server 2019 (64-bit)",
		disks: []diskSpec{{"scsi0:0", "flat", 48, 12, 0, ""}},
		nics:  []nicSpec{{"e1000e", "Servers", "00:50:56:01:02:04", "static"}}},
	{id: 4, name: "hardy", profiles: "full", guest: "ubuntu", guestID: "ubuntuGuest", hw: 7,
		cpus: 3, cores: 1, memory: 384, adapter: "buslogic", annotation: falseNotes,
		disks: []diskSpec{{"scsi0:10", "flat", 8, 2, 0, ""}, {"scsi0:2", "flat", 10, 3, 0, ""}},
		nics: []nicSpec{{"e1000", "VM Network", "00:50:56:01:02:05", "static"},
			{"vlance", "Servers", "00:0c:29:aa:bb:05", "generated"}}},
	{id: 7, name: "gone", profiles: "full", invalid: true},
	linux(10, "fmt-thick", diskSpec{"scsi0:0", "flat", 16, 16, 0, ""}),
	linux(11, "fmt-thin", diskSpec{"scsi0:0", "thin", 16, 4, 0, ""}),
	linux(12, "fmt-monolithicFlat", diskSpec{"scsi0:0", "monolithicFlat", 16, 4, 0, ""}),
	linux(13, "fmt-twoGbMaxExtentFlat", diskSpec{"scsi0:0", "twoGbMaxExtentFlat", 17, 6, 0, ""}),
	linux(14, "fmt-monolithicSparse", diskSpec{"scsi0:0", "monolithicSparse", 16, 4, 0, ""}),
	linux(15, "fmt-twoGbMaxExtentSparse", diskSpec{"scsi0:0", "twoGbMaxExtentSparse", 17, 6, 0, ""}),
	linux(16, "fmt-streamOptimized", diskSpec{"scsi0:0", "streamOptimized", 16, 4, 0, ""}),
	linux(17, "fmt-sata", diskSpec{"sata0:0", "flat", 8, 2, 0, ""}),
	linux(18, "fmt-nvme", diskSpec{"nvme0:0", "flat", 8, 2, 0, ""}),
	with(linux(20, "odd ü 100%+&#1", diskSpec{"scsi0:0", "flat", 8, 2, 0, ""}), func(v *vmSpec) {
		v.annotation = "déjà vu"
	}),
	with(linux(21, "two-stores", diskSpec{"scsi0:0", "flat", 8, 2, 0, ""}), func(v *vmSpec) {
		v.disks = append(v.disks, diskSpec{"scsi0:1", "thin", 8, 2, 1, ""})
	}),
	with(linux(22, "stubborn", diskSpec{"scsi0:0", "flat", 8, 2, 0, ""}), func(v *vmSpec) {
		v.on, v.tools, v.stubborn = true, true, true
	}),
	with(linux(23, "no-tools", diskSpec{"scsi0:0", "flat", 8, 2, 0, ""}), func(v *vmSpec) {
		v.on = true
	}),
	with(linux(30, "bad-rdm", diskSpec{"scsi0:0", "flat", 8, 2, 0, ""}), func(v *vmSpec) {
		v.disks = append(v.disks, diskSpec{"scsi0:1", "rdm", 8, 0, 0, ""})
	}),
	with(linux(31, "bad-snapshot", diskSpec{"scsi0:0", "delta", 16, 4, 0, ""}), func(v *vmSpec) {
		v.snapshot = true
	}),
	linux(32, "bad-nonpersistent", diskSpec{"scsi0:0", "flat", 8, 2, 0, "independent-nonpersistent"}),
	with(linux(33, "bad-sharedbus", diskSpec{"scsi0:0", "flat", 8, 2, 0, ""}), func(v *vmSpec) {
		v.disks = append(v.disks, diskSpec{"scsi1:0", "flat", 8, 2, 0, ""})
		v.extra = "scsi1.present = \"TRUE\"\nscsi1.virtualDev = \"lsisas1068\"\nscsi1.sharedBus = \"physical\"\n"
	}),
	with(linux(34, "bad-encrypted", diskSpec{"scsi0:0", "flat", 8, 2, 0, ""}), func(v *vmSpec) {
		v.encrypted = true
	}),
	with(linux(35, "bad-suspended", diskSpec{"scsi0:0", "flat", 8, 2, 0, ""}), func(v *vmSpec) {
		v.suspended = true
	}),
	linux(36, "bad-noextent", diskSpec{"scsi0:0", "noextent", 8, 2, 0, ""}),
	linux(37, "bad-short", diskSpec{"scsi0:0", "short", 8, 2, 0, ""}),
	linux(38, "bad-long", diskSpec{"scsi0:0", "long", 8, 2, 0, ""}),
	with(linux(39, "bad-question", diskSpec{"scsi0:0", "flat", 8, 2, 0, ""}), func(v *vmSpec) {
		v.on, v.question = true, true
	}),
	with(linux(24, "distributed", diskSpec{"scsi0:0", "flat", 8, 2, 0, ""}), func(v *vmSpec) {
		v.vcenter = true
		v.nics[0].network = distributed[0].name
	}),
	with(linux(40, "vCLS-0a1b2c3d", diskSpec{"scsi0:0", "thin", 2, 0, 0, ""}), func(v *vmSpec) {
		v.agent, v.vcenter = true, true
	}),
}
