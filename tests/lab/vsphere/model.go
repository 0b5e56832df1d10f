// SPDX-License-Identifier: GPL-3.0-or-later

// The inventory as VMware's simulator keeps it: what power, snapshots, names and notes are is in its
// objects alone, and everything else (VMX files, vim-cmd) is told from there.
package main

import (
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

type store struct {
	name, uuid, dir string
	obj             *simulator.Datastore
}

type vm struct {
	host       *host
	spec       vmSpec
	dir        string // on this machine
	dirName    string // in the datastore
	disks      []*disk
	name       string
	annotation string
	obj        *simulator.VirtualMachine
	task       *simulator.Task // that removes its snapshots, while it runs
}

type host struct {
	options
	number  int // makes addresses differ between hosts
	stores  []*store
	vms     []*vm
	model   *simulator.Model
	sys     *simulator.HostSystem
	ctx     *simulator.Context
	dc      string // the path of the datacenter
	service *serviceSystem
	start   *autoStart
	front
}

// build makes the inventory: first the simulator's, empty, then ours in it.
func (h *host) build() error {
	h.model = simulator.ESX()
	if h.vcenter {
		h.model = simulator.VPX()
		h.model.Datacenter, h.model.Folder, h.model.Cluster = 1, 1, 0
	}
	h.model.Machine, h.model.Datastore = 0, 0
	if err := h.model.Create(); err != nil {
		return err
	}
	h.ctx = &simulator.Context{
		Context: context.Background(),
		Map:     simulator.Map,
		Session: &simulator.Session{Registry: simulator.NewRegistry()},
	}
	h.sys = simulator.Map.Any("HostSystem").(*simulator.HostSystem)
	h.number = int(crc32.ChecksumIEEE([]byte(h.name)) & 15)
	h.dc = "ha-datacenter"
	if h.vcenter {
		h.rename("Folder", "F0", "Lab")
		h.rename("Datacenter", "DC0", "Main + 1")
		h.dc = "Lab/Main + 1"
	}
	name := h.name + ".lab"
	simulator.Map.Update(h.sys, []types.PropertyChange{{Name: "name", Val: name}, {Name: "summary.config.name", Val: name}})
	h.about()
	h.services()
	if err := h.network(); err != nil {
		return err
	}
	if err := h.datastores(); err != nil {
		return err
	}
	return h.machines()
}

func (h *host) rename(kind, from, to string) {
	for _, e := range simulator.Map.All(kind) {
		if e.Entity().Name == from {
			simulator.Map.Update(e, []types.PropertyChange{{Name: "name", Val: to}})
		}
	}
}

// about: the version the host says it is of.
func (h *host) about() {
	si := simulator.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance)
	a := &si.Content.About
	a.Version, a.Build, a.ApiVersion = h.version, builds[h.version], h.version+".0"
	product := "ESXi"
	if h.vcenter {
		product = "vCenter Server"
	}
	a.Name = "VMware " + product
	a.FullName = fmt.Sprintf("VMware %s %s build-%s", product, a.Version, a.Build)
}

var builds = map[string]string{"5.5.0": "1331820", "6.5.0": "5969303", "7.0.3": "21424296", "8.0.2": "22380479"}

func (h *host) network() error {
	ns := simulator.Map.Get(*h.sys.ConfigManager.NetworkSystem).(*simulator.HostNetworkSystem)
	for _, g := range portGroups {
		spec := types.HostPortGroupSpec{Name: g.name, VlanId: g.vlan, VswitchName: "vSwitch0"}
		have := false
		for i := range ns.NetworkInfo.Portgroup {
			if ns.NetworkInfo.Portgroup[i].Spec.Name == g.name {
				ns.NetworkInfo.Portgroup[i].Spec.VlanId = g.vlan
				have = true
			}
		}
		if have {
			continue
		}
		if f := ns.AddPortGroup(h.ctx, &types.AddPortGroup{This: ns.Self, Portgrp: spec}).Fault(); f != nil {
			return fmt.Errorf("port group %s: %s", g.name, f.String)
		}
	}
	h.sys.Config.Network.Portgroup = ns.NetworkInfo.Portgroup
	if !h.vcenter {
		return nil
	}
	s := simulator.Map.Any("DistributedVirtualSwitch").(*simulator.DistributedVirtualSwitch)
	for _, g := range distributed {
		spec := types.DVPortgroupConfigSpec{Name: g.name, DefaultPortConfig: &types.VMwareDVSPortSetting{
			Vlan: &types.VmwareDistributedVirtualSwitchVlanIdSpec{VlanId: g.vlan}}}
		s.AddDVPortgroupTask(h.ctx, &types.AddDVPortgroup_Task{This: s.Self, Spec: []types.DVPortgroupConfigSpec{spec}})
		if portGroupKey(g.name) == "" {
			return fmt.Errorf("distributed port group %s was not made", g.name)
		}
	}
	return nil
}

// portGroupKey: by what a VMX file names a port group of a distributed switch; "": it is none.
func portGroupKey(name string) string {
	for _, e := range simulator.Map.All("DistributedVirtualPortgroup") {
		if g := e.(*simulator.DistributedVirtualPortgroup); g.Config.Name == name {
			return g.Key
		}
	}
	return ""
}

func (h *host) datastores() error {
	ds := simulator.Map.Get(*h.sys.ConfigManager.DatastoreSystem).(*simulator.HostDatastoreSystem)
	for i, name := range datastoreNames {
		s := &store{name: name}
		s.uuid = fmt.Sprintf("%08x-%08x-%04x-%012x", 0x5f1d0c00+i, crc32.ChecksumIEEE([]byte(h.name+name)), 0x20+i, 0x0c2911223300+i)
		s.dir = filepath.Join(h.dir, "volumes", s.uuid)
		if err := os.MkdirAll(s.dir, 0755); err != nil {
			return err
		}
		link := filepath.Join(h.dir, "volumes", name)
		if err := os.Symlink(s.uuid, link); err != nil {
			return err
		}
		res := ds.CreateLocalDatastore(h.ctx, &types.CreateLocalDatastore{This: ds.Self, Name: name, Path: s.dir})
		if f := res.Fault(); f != nil {
			return fmt.Errorf("datastore %s: %s", name, f.String)
		}
		s.obj = simulator.Map.FindByName(name, ds.Datastore).(*simulator.Datastore)
		s.obj.Summary.Url = "ds:///vmfs/volumes/" + s.uuid + "/"
		s.obj.Summary.Type = "VMFS"
		s.obj.Summary.Capacity, s.obj.Summary.FreeSpace = 1<<40, 1<<39
		h.stores = append(h.stores, s)
	}
	return os.MkdirAll(filepath.Join(h.stores[0].dir, "iso"), 0755)
}

// machines makes the VMs of the profile, their files too.
func (h *host) machines() error {
	boot, err := os.ReadFile(filepath.Join(h.dir, "boot"))
	if err != nil {
		return err
	}
	for _, spec := range inventory {
		if (spec.profiles != "all" && spec.profiles != h.profile) || (spec.vcenter && !h.vcenter) {
			continue
		}
		if h.vcenter {
			for i := range spec.nics { // a vCenter gives addresses of its own
				if spec.nics[i].kind == "generated" {
					spec.nics[i].kind = "vpx"
				}
			}
		}
		v := &vm{host: h, spec: spec, name: spec.name, annotation: spec.annotation, dirName: spec.name}
		v.dir = filepath.Join(h.stores[0].dir, v.dirName)
		for i, d := range spec.disks {
			base := spec.name
			if i > 0 {
				base = fmt.Sprintf("%s_%d", spec.name, i)
			}
			v.disks = append(v.disks, &disk{spec: d, dir: filepath.Join(h.stores[d.store].dir, v.dirName), base: base,
				adapter: spec.adapter, boot: boot, cid: crc32.ChecksumIEEE([]byte(base)), seedName: base})
		}
		h.vms = append(h.vms, v)
		h.register(v)
	}
	errs := make(chan error, len(h.vms))
	for _, v := range h.vms {
		go func(v *vm) { errs <- v.files() }(v)
	}
	for range h.vms {
		if e := <-errs; e != nil {
			err = e
		}
	}
	h.writeLocked() // the files were not there before
	return err
}

func (v *vm) vmxPath() string {
	return fmt.Sprintf("[%s] %s/%s.vmx", v.host.stores[0].name, v.dirName, v.spec.name)
}

func (v *vm) suspended() bool {
	return v.obj.Runtime.PowerState == types.VirtualMachinePowerStateSuspended
}

func (v *vm) on() bool {
	return v.obj.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
}

// register puts the VM into the simulator's inventory, field by field: what the simulator makes of a
// RegisterVM has files and devices of its own.
func (h *host) register(v *vm) {
	o := &simulator.VirtualMachine{}
	s := v.spec
	o.Self = types.ManagedObjectReference{Type: "VirtualMachine", Value: fmt.Sprint(s.id)}
	if h.vcenter {
		o.Self.Value = fmt.Sprintf("vm-%d", 100+s.id)
	}
	v.obj = o
	ref := h.sys.Self
	o.Runtime = types.VirtualMachineRuntimeInfo{Host: &ref, PowerState: types.VirtualMachinePowerStatePoweredOff,
		ConnectionState: types.VirtualMachineConnectionStateConnected}
	o.Name = s.name
	o.Guest = &types.GuestInfo{}
	o.Summary.Vm = &o.Self
	o.Layout = &types.VirtualMachineFileLayout{}
	o.LayoutEx = &types.VirtualMachineFileLayoutEx{Timestamp: time.Now()}
	o.Storage = &types.VirtualMachineStorageInfo{Timestamp: time.Now()}
	o.Datastore = []types.ManagedObjectReference{h.stores[0].obj.Self}
	if s.invalid {
		o.Runtime.ConnectionState = types.VirtualMachineConnectionStateInvalid
		o.Name = "/vmfs/volumes/" + h.stores[0].uuid + "/gone/gone.vmx"
		o.Summary.Config.VmPathName = v.vmxPath()
	} else {
		v.configure()
	}
	if s.on {
		o.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOn
	}
	if s.suspended {
		o.Runtime.PowerState = types.VirtualMachinePowerStateSuspended
	}
	if s.question {
		v.ask()
	}
	h.place(v)
	if s.snapshot {
		v.addSnapshot("before update")
	}
	v.sync()
}

// place hangs the VM where one finds it: folder, host, pool, datastore.
func (h *host) place(v *vm) {
	var folder *simulator.Folder
	for _, e := range simulator.Map.All("Folder") {
		f := e.(*simulator.Folder)
		if strings.Join(f.ChildType, " ") == "Folder VirtualMachine VirtualApp" || f.Name == "vm" {
			folder = f
		}
	}
	if h.vcenter {
		for _, e := range simulator.Map.All("Folder") {
			if f := e.(*simulator.Folder); f.Parent != nil && *f.Parent == folder.Self {
				folder = f
			}
		}
	}
	pool := simulator.Map.Any("ResourcePool").(*simulator.ResourcePool)
	v.obj.ResourcePool = &pool.Self
	simulator.Map.PutEntity(folder, v.obj)
	folder.ChildEntity = append(folder.ChildEntity, v.obj.Self)
	h.sys.Vm = append(h.sys.Vm, v.obj.Self)
	pool.Vm = append(pool.Vm, v.obj.Self)
	h.stores[0].obj.Vm = append(h.stores[0].obj.Vm, v.obj.Self)
}

// configure: the settings, as far as anybody asks the API for them and not the VMX file.
func (v *vm) configure() {
	s, o := v.spec, v.obj
	r := types.DefaultResourceConfigSpec()
	o.Config = &types.VirtualMachineConfigInfo{
		Name: s.name, Template: s.template, GuestId: s.guestID, GuestFullName: fullName(s), Version: fmt.Sprintf("vmx-%02d", s.hw),
		Annotation: s.annotation, Uuid: v.uuid(), InstanceUuid: "52" + v.uuid()[2:], Firmware: "bios",
		ChangeVersion: "2026-01-01T00:00:00.000001Z", Modified: time.Now(),
		MemoryAllocation: &r.MemoryAllocation, CpuAllocation: &r.CpuAllocation,
		BootOptions: &types.VirtualMachineBootOptions{EfiSecureBootEnabled: types.NewBool(s.secure)},
		Tools:       &types.ToolsConfigInfo{},
		Hardware:    types.VirtualHardware{NumCPU: int32(s.cpus), NumCoresPerSocket: int32(s.cores), MemoryMB: int32(s.memory)},
		Files: types.VirtualMachineFileInfo{VmPathName: v.vmxPath(), LogDirectory: v.folder(),
			SnapshotDirectory: v.folder(), SuspendDirectory: v.folder()},
	}
	if s.efi {
		o.Config.Firmware = "efi"
	}
	if s.os != "" {
		o.Config.ExtraConfig = append(o.Config.ExtraConfig,
			&types.OptionValue{Key: "guestOS.detailed.data", Value: "prettyName='" + s.os + "'"})
	}
	if s.agent {
		o.Config.ExtraConfig = append(o.Config.ExtraConfig, &types.OptionValue{Key: "HDCS.agent", Value: "TRUE"})
		o.Config.ManagedBy = &types.ManagedByInfo{ExtensionKey: "com.vmware.vim.eam", Type: "cluster-agent"}
	}
	if s.encrypted {
		o.Config.KeyId = &types.CryptoKeyId{KeyId: "lab", ProviderId: &types.KeyProviderId{Id: "lab"}}
	}
	o.Config.Hardware.Device = v.devices()
}

func (v *vm) folder() string {
	return fmt.Sprintf("[%s] %s", v.host.stores[0].name, v.dirName)
}

func fullName(s vmSpec) string {
	if s.os != "" {
		return s.os
	}
	return s.guestID
}

func (v *vm) devices() []types.BaseVirtualDevice {
	var list []types.BaseVirtualDevice
	list = append(list, &types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{
		VirtualController: types.VirtualController{VirtualDevice: types.VirtualDevice{Key: 1000}}}})
	for i, d := range v.disks {
		unit := int32(i)
		name := fmt.Sprintf("[%s] %s/%s", v.host.stores[d.spec.store].name, v.dirName, d.base+".vmdk")
		ref := v.host.stores[d.spec.store].obj.Self
		list = append(list, &types.VirtualDisk{VirtualDevice: types.VirtualDevice{Key: int32(2000 + i), ControllerKey: 1000,
			UnitNumber: &unit, DeviceInfo: &types.Description{Label: fmt.Sprintf("Hard disk %d", i+1)},
			Backing: &types.VirtualDiskFlatVer2BackingInfo{DiskMode: "persistent",
				VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: name, Datastore: &ref}}},
			CapacityInKB: d.spec.mib * 1024, CapacityInBytes: d.spec.mib * mib})
	}
	for i, n := range v.spec.nics {
		list = append(list, &types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: types.VirtualEthernetCard{
			VirtualDevice: types.VirtualDevice{Key: int32(4000 + i), DeviceInfo: &types.Description{Label: fmt.Sprintf("Network adapter %d", i+1)},
				Backing: &types.VirtualEthernetCardNetworkBackingInfo{
					VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: n.network}}},
			AddressType: n.kind, MacAddress: v.mac(i)}}})
	}
	return list
}

// sync makes everything follow from what changed: the summary, what Tools say, the VMX file.
func (v *vm) sync() {
	o, s := v.obj, v.spec
	if s.invalid {
		o.Summary.Runtime = o.Runtime
		return
	}
	if o.Name != v.name { // renamed by an entity's task, which knows no configuration
		o.Config.Name = o.Name
	}
	v.name, v.annotation = o.Config.Name, o.Config.Annotation
	o.Name = v.name
	o.Summary.Config = types.VirtualMachineConfigSummary{Name: v.name, Template: s.template, VmPathName: v.vmxPath(), MemorySizeMB: int32(s.memory),
		NumCpu: int32(s.cpus), NumEthernetCards: int32(len(s.nics)), NumVirtualDisks: int32(len(s.disks)), Uuid: v.uuid(),
		InstanceUuid: o.Config.InstanceUuid, GuestId: s.guestID, GuestFullName: fullName(s), Annotation: v.annotation}
	o.Guest = &types.GuestInfo{ToolsStatus: "toolsNotInstalled", ToolsRunningStatus: "guestToolsNotRunning", ToolsVersion: "0",
		GuestState: "notRunning"}
	if s.tools {
		o.Guest.ToolsStatus, o.Guest.ToolsVersion = "toolsNotRunning", "12352"
	}
	if v.on() && s.tools {
		o.Guest.ToolsStatus, o.Guest.ToolsRunningStatus, o.Guest.GuestState = "toolsOk", "guestToolsRunning", "running"
		o.Guest.GuestId, o.Guest.GuestFullName, o.Guest.HostName, o.Guest.IpAddress = s.guestID, fullName(s), s.name, s.ip
		if s.ip != "" {
			o.Guest.Net = []types.GuestNicInfo{{Network: s.nics[0].network, MacAddress: v.mac(0), Connected: true,
				DeviceConfigId: 4000, IpAddress: []string{s.ip, "fe80::250:56ff:fe01:203"}}}
		}
	}
	o.Summary.Guest = &types.VirtualMachineGuestSummary{ToolsStatus: o.Guest.ToolsStatus, ToolsRunningStatus: o.Guest.ToolsRunningStatus,
		GuestId: o.Guest.GuestId, GuestFullName: o.Guest.GuestFullName, HostName: o.Guest.HostName, IpAddress: o.Guest.IpAddress}
	used := int64(0)
	for _, d := range v.disks {
		used += d.spec.mib * mib
	}
	o.Summary.Storage = &types.VirtualMachineStorageSummary{Committed: used, Unshared: used, Timestamp: time.Now()}
	o.Summary.Runtime = o.Runtime
	o.Summary.OverallStatus = "green"
	v.host.writeLocked()
	if _, err := os.Stat(v.dir); err == nil {
		if err = v.save(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// writeLocked tells the host's shell which files are busy: those of disks of running VMs.
func (h *host) writeLocked() {
	var b strings.Builder
	for _, v := range h.vms {
		if v.spec.invalid || !v.on() {
			continue
		}
		for _, d := range v.disks {
			files, _ := filepath.Glob(globQuote(d.path("")) + "*.vmdk")
			for _, f := range files {
				if h.inUse(f) {
					b.WriteString("/vmfs" + strings.TrimPrefix(f, h.dir) + "\n")
				}
			}
		}
	}
	os.WriteFile(filepath.Join(h.dir, "state", "locked"), []byte(b.String()), 0644)
}

func globQuote(s string) string {
	return strings.NewReplacer("[", "\\[", "*", "\\*", "?", "\\?", "\\", "\\\\").Replace(s)
}

// changed gives the settings a new version, which a change that names the old one contradicts.
func (v *vm) changed() {
	v.obj.Config.Modified = time.Now()
	v.obj.Config.ChangeVersion = time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	v.sync()
}

func (v *vm) ask() {
	v.obj.Runtime.Question = &types.VirtualMachineQuestionInfo{
		Id:   "27",
		Text: "msg.uuid.altered:This virtual machine might have been moved or copied.",
		Choice: types.ChoiceOption{DefaultIndex: 2, ChoiceInfo: []types.BaseElementDescription{
			choice("0", "Cancel"), choice("1", "I Moved It"), choice("2", "I Copied It")}},
	}
}

func choice(key, label string) *types.ElementDescription {
	return &types.ElementDescription{Description: types.Description{Label: label, Summary: label}, Key: key}
}

func (v *vm) addSnapshot(name string) {
	v.obj.CreateSnapshotTask(&types.CreateSnapshot_Task{This: v.obj.Self, Name: name, Description: "by the lab,\nin two lines"})
}

func (v *vm) snapshots() int {
	if v.obj.Snapshot == nil {
		return 0
	}
	return count(v.obj.Snapshot.RootSnapshotList)
}

func count(list []types.VirtualMachineSnapshotTree) int {
	n := len(list)
	for i := range list {
		n += count(list[i].ChildSnapshotList)
	}
	return n
}

// merge writes what lay in snapshots into the disks, once there is none.
func (v *vm) merge() {
	if v.snapshots() != 0 {
		return
	}
	for _, d := range v.disks {
		if d.spec.format == "delta" && strings.HasSuffix(d.fileName(), "-000001.vmdk") {
			if err := d.drop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
	v.changed()
}

// find is the VM of a reference, nil if it is none.
func (h *host) find(ref types.ManagedObjectReference) *vm {
	for _, v := range h.vms {
		if v.obj.Self == ref {
			return v
		}
	}
	return nil
}

var _ mo.Reference = (*serviceSystem)(nil)
