// SPDX-License-Identifier: GPL-3.0-or-later

// VMX files as ESXi writes them.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// vmxEscape: a VMX value has its quotes, bars and line ends as |XX.
func vmxEscape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '|' || c < ' ':
			fmt.Fprintf(&b, "|%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

type vmxText struct{ strings.Builder }

func (t *vmxText) set(key, format string, a ...interface{}) {
	fmt.Fprintf(t, "%s = \"%s\"\n", key, vmxEscape(fmt.Sprintf(format, a...)))
}

// uuidBytes are what a VM's UUID is made of: the prefix of ESXi's own and its number.
func (v *vm) uuidBytes() [16]byte {
	u := [16]byte{0x56, 0x4d, 0x3a, 0x11, 0x5c, 0x6f, 0x42, 0x07, 0x9a, 0x10, 0x00, 0x0c, 0x29}
	u[13], u[14], u[15] = byte(len(v.spec.name)), byte(v.spec.id>>8), byte(v.spec.id)
	return u
}

// uuidVMX is how a VMX file writes it.
func (v *vm) uuidVMX() string {
	u := v.uuidBytes()
	return fmt.Sprintf("% x-% x", u[:8], u[8:])
}

func (v *vm) uuid() string {
	u := v.uuidBytes()
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func (v *vm) mac(i int) string {
	if m := v.spec.nics[i].mac; m != "" {
		return m
	}
	return fmt.Sprintf("00:0c:29:%02x:%02x:%02x", 0x40+v.host.number, v.spec.id, i)
}

func (v *vm) controllers(t *vmxText) {
	if v.spec.adapter != "" {
		t.set("scsi0.virtualDev", "%s", v.spec.adapter)
		t.set("scsi0.present", "TRUE")
	}
	for _, d := range v.spec.disks {
		for _, bus := range []string{"sata0", "nvme0"} {
			if strings.HasPrefix(d.slot, bus) {
				t.set(bus+".present", "TRUE")
			}
		}
	}
}

func (v *vm) diskLines(t *vmxText) {
	for _, d := range v.disks {
		s := d.spec
		kind := "scsi-hardDisk"
		if strings.HasPrefix(s.slot, "ide") {
			kind = "ata-hardDisk"
		} else if !strings.HasPrefix(s.slot, "scsi") {
			kind = "disk"
		}
		file := d.fileName()
		if s.store != 0 { // elsewhere than the VMX file: by its full path, with the datastore's UUID
			file = "/vmfs/volumes/" + v.host.stores[s.store].uuid + "/" + v.dirName + "/" + file
		}
		if s.format == "rdm" {
			t.set(s.slot+".deviceType", "rawDisk")
		} else {
			t.set(s.slot+".deviceType", kind)
		}
		t.set(s.slot+".fileName", "%s", file)
		if s.mode != "" {
			t.set(s.slot+".mode", "%s", s.mode)
		}
		t.set("sched."+s.slot+".shares", "normal")
		t.set(s.slot+".present", "TRUE")
	}
	t.set("ide1:0.deviceType", "cdrom-image")
	t.set("ide1:0.fileName", "/vmfs/volumes/%s/iso/tools.iso", v.host.stores[0].uuid)
	t.set("ide1:0.startConnected", "FALSE")
	t.set("ide1:0.present", "TRUE")
}

func (v *vm) nicLines(t *vmxText) {
	for i, n := range v.spec.nics {
		p := fmt.Sprintf("ethernet%d.", i)
		if n.model != "" {
			t.set(p+"virtualDev", "%s", n.model)
		}
		if key := portGroupKey(n.network); key != "" {
			t.set(p+"dvs.switchId", "50 2d 1f 00 6a 3c 4e 11-9a 10 00 0c 29 11 22 33")
			t.set(p+"dvs.portId", "%d", v.spec.id)
			t.set(p+"dvs.portgroupId", "%s", key)
			t.set(p+"dvs.connectionId", "1804289383")
		} else {
			t.set(p+"networkName", "%s", n.network)
		}
		t.set(p+"addressType", "%s", n.kind)
		if n.kind == "static" {
			t.set(p+"address", "%s", v.mac(i))
		} else {
			t.set(p+"generatedAddress", "%s", v.mac(i))
			t.set(p+"generatedAddressOffset", "%d", 10*i)
		}
		t.set(p+"uptCompatibility", "TRUE")
		t.set(p+"present", "TRUE")
	}
}

// vmx is the whole file, for the VM as it is now.
func (v *vm) vmx() string {
	t := new(vmxText)
	s := v.spec
	t.set(".encoding", "UTF-8")
	t.set("config.version", "8")
	t.set("virtualHW.version", "%d", s.hw)
	t.set("nvram", "%s.nvram", s.name)
	t.set("svga.present", "TRUE")
	t.set("vmci0.present", "TRUE")
	t.set("floppy0.present", "FALSE")
	t.set("numvcpus", "%d", s.cpus)
	if s.cores > 1 {
		t.set("cpuid.coresPerSocket", "%d", s.cores)
	}
	t.set("memSize", "%d", s.memory)
	if s.efi {
		t.set("firmware", "efi")
	}
	if s.secure {
		t.set("uefi.secureBoot.enabled", "TRUE")
	}
	v.controllers(t)
	v.diskLines(t)
	v.nicLines(t)
	t.set("displayName", "%s", v.name)
	t.set("guestOS", "%s", s.guest)
	if v.annotation != "" {
		t.set("annotation", "%s", v.annotation)
	}
	t.set("disk.EnableUUID", "TRUE")
	t.set("toolScripts.afterPowerOn", "TRUE")
	t.set("uuid.bios", "%s", v.uuidVMX())
	t.set("uuid.location", "%s", v.uuidVMX())
	t.set("pciBridge0.present", "TRUE")
	t.set("extendedConfigFile", "%s.vmxf", s.name)
	t.set("tools.syncTime", "FALSE")
	if s.os != "" {
		t.set("guestOS.detailed.data", "prettyName='%s'", s.os)
	}
	if v.suspended() {
		t.set("checkpoint.vmState", "%s-5f0c1d2e.vmss", s.name)
	} else {
		t.set("checkpoint.vmState", "")
	}
	if s.encrypted {
		t.set("encryption.keySafe", "vmware:key/list/(pair/(fqid/<VMWARE-NULL>/lab/0001,HMAC-SHA-256,AAAA))")
		t.set("encryption.data", "AAAA")
	}
	if s.agent {
		t.set("HDCS.agent", "TRUE")
	}
	t.WriteString(s.extra)
	return t.String()
}

// save writes the VMX file, as a whole.
func (v *vm) save() error {
	path := filepath.Join(v.dir, v.spec.name+".vmx")
	if err := os.WriteFile(path+"~", []byte(v.vmx()), 0755); err != nil {
		return err
	}
	return os.Rename(path+"~", path)
}

// files makes everything the VM consists of.
func (v *vm) files() error {
	if v.spec.invalid {
		return nil // its directory is gone
	}
	for _, d := range v.disks {
		if err := os.MkdirAll(d.dir, 0755); err != nil {
			return err
		}
		if err := d.make(); err != nil {
			return fmt.Errorf("disk %s of %s: %s", d.base, v.spec.name, err)
		}
	}
	if v.spec.suspended {
		os.WriteFile(filepath.Join(v.dir, v.spec.name+"-5f0c1d2e.vmss"), []byte("state\n"), 0600)
	}
	os.WriteFile(filepath.Join(v.dir, v.spec.name+".nvram"), make([]byte, 8684), 0600)
	os.WriteFile(filepath.Join(v.dir, v.spec.name+".vmsd"), nil, 0600)
	os.WriteFile(filepath.Join(v.dir, "vmware.log"), []byte("2026-01-01T00:00:00.000Z| vmx| I005: Log\n"), 0600)
	return v.save()
}
