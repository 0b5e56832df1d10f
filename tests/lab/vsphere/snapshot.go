// SPDX-License-Identifier: GPL-3.0-or-later

// The removal of snapshots, which on a host takes as long as there is to be written: the list is empty at
// once, the VM's disks follow when the task ends.
package main

import (
	"fmt"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// removeAll begins a task that lasts as `ctl consolidation` says, also when it says so later. The lock of
// the VM is not held.
func (v *vm) removeAll() *simulator.Task {
	h := v.host
	begun := time.Now()
	task := simulator.CreateTask(v.obj, "removeAllSnapshots", func(t *simulator.Task) (types.AnyType, types.BaseMethodFault) {
		for {
			h.mu.Lock()
			lasts := h.consolidation
			h.mu.Unlock()
			if time.Since(begun) >= lasts {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		simulator.Map.WithLock(v.obj, func() {
			v.task = nil
			v.merge()
		})
		return nil, nil
	})
	task.Info.State = types.TaskInfoStateRunning
	simulator.Map.WithLock(v.obj, func() {
		v.obj.RemoveAllSnapshotsTask(h.ctx, &types.RemoveAllSnapshots_Task{This: v.obj.Self})
		v.obj.RecentTask = append(v.obj.RecentTask, task.Self)
		v.task = task
	})
	go task.Run()
	return task
}

// consolidates: does such a task run? Until it ends the VM does nothing else.
func (v *vm) consolidates() bool {
	return v.task != nil
}

func snapshotRemoveAll(h *host, v *vm, _ []string) (int, string) {
	if v.consolidates() {
		return 0, "Remove All Snapshots:\n" + dump("TaskInProgress")
	}
	v.removeAll()
	return 0, "Remove All Snapshots:\n"
}

func (v *vm) taskName() string {
	return "haTask-" + v.obj.Self.Value + "-vim.VirtualMachine.removeAllSnapshots-4711"
}

func taskList(h *host, v *vm, _ []string) (int, string) {
	if !v.consolidates() {
		return 0, "(ManagedObjectReference) []\n"
	}
	return 0, fmt.Sprintf("(ManagedObjectReference) [\n   'vim.Task:%s'\n]\n", v.taskName())
}

func taskInfo(h *host, _ *vm, args []string) (int, string) {
	for _, v := range h.vms {
		if len(args) == 1 && v.consolidates() && v.taskName() == args[0] {
			return 0, "(vim.TaskInfo) {\n   key = \"" + args[0] + "\", \n   state = \"running\", \n   cancelled = false\n}\n"
		}
	}
	return 0, "(vmodl.fault.ManagedObjectNotFound) {\n}\n"
}
