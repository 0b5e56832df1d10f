// SPDX-License-Identifier: GPL-3.0-or-later

// The files of VMs: VMX files as ESXi writes them, and disks in each form that VMDK has. The sparse
// forms are made by qemu-img, the others by hand, since ESXi's are not quite those of Workstation.
package main

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const mib = 1 << 20

func next(s *uint64) uint64 {
	*s ^= *s << 13
	*s ^= *s >> 7
	*s ^= *s << 17
	return *s
}

// fill writes a boot sector and DATA MiB of content, spread over the disk with holes between, always
// the same for the same name: two of three runs do not compress, the third looks like text.
func fill(f *os.File, name string, size, data int64, boot []byte) error {
	if err := f.Truncate(size * mib); err != nil {
		return err
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	seed := h.Sum64()
	run := make([]byte, mib)
	for i := int64(0); i < data; i++ {
		s := seed*0x9e3779b97f4a7c15 + uint64(i) + 1
		for k := 0; k < mib; k += 8 {
			r := next(&s)
			if i%3 == 2 {
				r = 0x6161616161616161 + (r & 0x0f0f0f0f0f0f0f0f)
			}
			binary.LittleEndian.PutUint64(run[k:], r)
		}
		if _, err := f.WriteAt(run, i*(size/data)*mib); err != nil {
			return err
		}
	}
	_, err := f.WriteAt(boot, 0)
	return err
}

func rawFile(path, name string, size, data int64, boot []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = fill(f, name, size, data, boot)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// descriptor is the text of a VMDK file; EXTENTS are its lines.
func descriptor(kind string, extents []string, cid uint32, adapter, more, ddb string, sectors int64) string {
	if adapter == "" || adapter == "pvscsi" || adapter == "lsisas1068" {
		adapter = "lsilogic"
	}
	return fmt.Sprintf("# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=%08x\n%s"+
		"createType=\"%s\"\n\n# Extent description\n%s\n\n# The Disk Data Base \n#DDB\n\n"+
		"ddb.adapterType = \"%s\"\nddb.geometry.cylinders = \"%d\"\nddb.geometry.heads = \"64\"\n"+
		"ddb.geometry.sectors = \"32\"\nddb.longContentID = \"%032x\"\n%s"+
		"ddb.toolsInstallType = \"4\"\nddb.toolsVersion = \"12352\"\n"+
		"ddb.uuid = \"60 00 C2 9d %02x 5e 5d 1c-58 21 9a %02x 1f 0e 6a 3d\"\n"+
		"ddb.virtualHWVersion = \"14\"\n",
		cid, more, kind, strings.Join(extents, "\n"), adapter, sectors/2048, cid, ddb, cid&255, cid>>8&255)
}

func convert(raw, subformat, out string) error {
	cmd := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat="+subformat, raw, out)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("qemu-img convert %s: %s", out, strings.TrimSpace(string(text)))
	}
	return nil
}

// disk is where one lies: DIR/BASE.vmdk is what the VMX file names.
type disk struct {
	spec     diskSpec
	dir      string
	base     string
	adapter  string
	boot     []byte
	cid      uint32
	seedName string
}

func (d *disk) path(suffix string) string {
	return filepath.Join(d.dir, d.base+suffix)
}

func (d *disk) write(suffix, text string) error {
	return os.WriteFile(d.path(suffix), []byte(text), 0600)
}

func (d *disk) vmfs(kind, ddb string, flat int64) error {
	sectors := d.spec.mib * 2048
	if err := rawFile(d.path("-flat.vmdk"), d.seedName, d.spec.mib, d.spec.data, d.boot); err != nil {
		return err
	}
	if flat != d.spec.mib*mib {
		if err := os.Truncate(d.path("-flat.vmdk"), flat); err != nil {
			return err
		}
	}
	extent := fmt.Sprintf("RW %d VMFS \"%s-flat.vmdk\"", sectors, d.base)
	return d.write(".vmdk", descriptor(kind, []string{extent}, d.cid, d.adapter, "parentCID=ffffffff\n", ddb, sectors))
}

// split makes the two forms in pieces. Their extents are as small as the disk is, and not of 2 GB:
// what counts is that there are several, of unlike size.
func (d *disk) split(flat bool) error {
	sizes := []int64{7, 6, d.spec.mib - 13}
	raw := d.path(".tmp")
	if err := rawFile(raw, d.seedName, d.spec.mib, d.spec.data, d.boot); err != nil {
		return err
	}
	defer os.Remove(raw)
	all, err := os.ReadFile(raw)
	if err != nil {
		return err
	}
	kind, letter, word := "twoGbMaxExtentSparse", "s", "SPARSE"
	if flat {
		kind, letter, word = "twoGbMaxExtentFlat", "f", "FLAT"
	}
	var extents []string
	at := int64(0)
	for i, size := range sizes {
		name := fmt.Sprintf("%s-%s%03d.vmdk", d.base, letter, i+1)
		piece := filepath.Join(d.dir, name)
		line := fmt.Sprintf("RW %d %s \"%s\"", size*2048, word, name)
		if err = sparseCopy(piece, all[at*mib:(at+size)*mib]); err != nil {
			return err
		}
		if flat {
			line += " 0"
		} else {
			if err = convert(piece, kind, piece+".part.vmdk"); err != nil {
				return err
			}
			os.Remove(piece + ".part.vmdk")
			if err = os.Rename(piece+".part-s001.vmdk", piece); err != nil {
				return err
			}
		}
		extents = append(extents, line)
		at += size
	}
	return d.write(".vmdk", descriptor(kind, extents, d.cid, d.adapter, "parentCID=ffffffff\n", "", d.spec.mib*2048))
}

// sparseCopy writes DATA, leaving holes where it is zero.
func sparseCopy(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err = f.Truncate(int64(len(data))); err != nil {
		return err
	}
	for at := 0; at < len(data); at += 65536 {
		end := at + 65536
		if end > len(data) {
			end = len(data)
		}
		if strings.Trim(string(data[at:end]), "\x00") == "" {
			continue
		}
		if _, err = f.WriteAt(data[at:end], int64(at)); err != nil {
			return err
		}
	}
	return nil
}

// delta makes a base and a snapshot's disk over it, which the VMX file names. Its data is no real
// seSparse, only its magic number; dropping the snapshot (see drop) writes it into the base.
func (d *disk) delta() error {
	sectors := d.spec.mib * 2048
	if err := d.vmfs("vmfs", "ddb.thinProvisioned = \"1\"\n", d.spec.mib*mib); err != nil {
		return err
	}
	more := fmt.Sprintf("parentCID=%08x\nparentFileNameHint=\"%s.vmdk\"\n", d.cid, d.base)
	extent := fmt.Sprintf("RW %d SESPARSE \"%s-000001-sesparse.vmdk\"", sectors, d.base)
	if err := d.write("-000001.vmdk", descriptor("seSparse", []string{extent}, d.cid+1, d.adapter, more, "", sectors)); err != nil {
		return err
	}
	head := make([]byte, 65536)
	binary.LittleEndian.PutUint64(head, 0x00000000cafebabe)
	copy(head[512:], "written after the snapshot was taken\n")
	if err := os.WriteFile(d.path("-000001-sesparse.vmdk"), head, 0600); err != nil {
		return err
	}
	return d.write(".vmsd", fmt.Sprintf(".encoding = \"UTF-8\"\nsnapshot.lastUID = \"1\"\nsnapshot.current = \"1\"\n"+
		"snapshot0.uid = \"1\"\nsnapshot0.filename = \"%s-Snapshot1.vmsn\"\nsnapshot0.displayName = \"before update\"\n"+
		"snapshot.numSnapshots = \"1\"\n", d.base))
}

// drop merges the snapshot's disk: the VMX file is to name the base from then on.
func (d *disk) drop() error {
	text := make([]byte, 512)
	f, err := os.Open(d.path("-000001-sesparse.vmdk"))
	if err != nil {
		return err
	}
	_, err = f.ReadAt(text, 512)
	f.Close()
	if err != nil {
		return err
	}
	base, err := os.OpenFile(d.path("-flat.vmdk"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer base.Close()
	if _, err = base.WriteAt(text, d.spec.mib*mib-512); err != nil {
		return err
	}
	os.Remove(d.path("-000001.vmdk"))
	os.Remove(d.path("-000001-sesparse.vmdk"))
	return nil
}

func (d *disk) rdm() error {
	sectors := d.spec.mib * 2048
	extent := fmt.Sprintf("RW %d VMFSRDM \"%s-rdm.vmdk\"", sectors, d.base)
	if err := d.write("-rdm.vmdk", ""); err != nil {
		return err
	}
	return d.write(".vmdk", descriptor("vmfsRawDeviceMap", []string{extent}, d.cid, d.adapter, "parentCID=ffffffff\n", "", sectors))
}

func (d *disk) sparse(subformat string) error {
	raw := d.path(".tmp")
	if err := rawFile(raw, d.seedName, d.spec.mib, d.spec.data, d.boot); err != nil {
		return err
	}
	defer os.Remove(raw)
	return convert(raw, subformat, d.path(".vmdk"))
}

func (d *disk) make() error {
	size := d.spec.mib * mib
	switch d.spec.format {
	case "flat":
		return d.vmfs("vmfs", "", size)
	case "thin":
		return d.vmfs("vmfs", "ddb.thinProvisioned = \"1\"\n", size)
	case "short":
		return d.vmfs("vmfs", "", size-mib)
	case "long":
		return d.vmfs("vmfs", "", size+mib)
	case "noextent":
		if err := d.vmfs("vmfs", "", size); err != nil {
			return err
		}
		return os.Remove(d.path("-flat.vmdk"))
	case "twoGbMaxExtentFlat", "twoGbMaxExtentSparse":
		return d.split(d.spec.format == "twoGbMaxExtentFlat")
	case "delta":
		return d.delta()
	case "rdm":
		return d.rdm()
	}
	return d.sparse(d.spec.format)
}

// fileName is what the VMX file calls the disk.
func (d *disk) fileName() string {
	if d.spec.format == "delta" {
		if _, err := os.Stat(d.path("-000001.vmdk")); err == nil {
			return d.base + "-000001.vmdk"
		}
	}
	return d.base + ".vmdk"
}
