// SPDX-License-Identifier: GPL-3.0-or-later

// Managers that the simulator lacks: services (SSH is one) and what starts with the host.
package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type serviceSystem struct {
	mo.HostServiceSystem
	host *host
}

func (s *serviceSystem) find(id string) *types.HostService {
	for i := range s.ServiceInfo.Service {
		if s.ServiceInfo.Service[i].Key == id {
			return &s.ServiceInfo.Service[i]
		}
	}
	return nil
}

func (s *serviceSystem) set(id string, run bool) *soap.Fault {
	service := s.find(id)
	if service == nil {
		return simulator.Fault("no such service", &types.NotFound{})
	}
	if service.Running == run {
		return simulator.Fault("it is so already", &types.InvalidState{})
	}
	service.Running = run
	s.host.sys.Config.Service = &s.ServiceInfo
	if id == "TSM-SSH" {
		s.host.switchSSH(run)
	}
	return nil
}

func (s *serviceSystem) StartService(r *types.StartService) soap.HasFault {
	return &methods.StartServiceBody{Res: &types.StartServiceResponse{}, Fault_: s.set(r.Id, true)}
}

func (s *serviceSystem) StopService(r *types.StopService) soap.HasFault {
	return &methods.StopServiceBody{Res: &types.StopServiceResponse{}, Fault_: s.set(r.Id, false)}
}

func (s *serviceSystem) UpdateServicePolicy(r *types.UpdateServicePolicy) soap.HasFault {
	body := &methods.UpdateServicePolicyBody{Res: &types.UpdateServicePolicyResponse{}}
	if service := s.find(r.Id); service != nil {
		service.Policy = r.Policy
	} else {
		body.Fault_ = simulator.Fault("no such service", &types.NotFound{})
	}
	return body
}

type autoStart struct {
	mo.HostAutoStartManager
}

func (a *autoStart) ReconfigureAutostart(r *types.ReconfigureAutostart) soap.HasFault {
	if r.Spec.Defaults != nil && r.Spec.Defaults.Enabled != nil {
		a.Config.Defaults.Enabled = r.Spec.Defaults.Enabled
	}
	for _, info := range r.Spec.PowerInfo {
		a.set(info)
	}
	return &methods.ReconfigureAutostartBody{Res: &types.ReconfigureAutostartResponse{}}
}

// set changes, adds or, when it neither starts nor stops by itself, drops an entry.
func (a *autoStart) set(info types.AutoStartPowerInfo) {
	list := a.Config.PowerInfo[:0:0]
	done := info.StartAction == "none"
	for _, have := range a.Config.PowerInfo {
		if have.Key != info.Key {
			list = append(list, have)
		} else if !done {
			list = append(list, info)
			done = true
		}
	}
	if !done {
		list = append(list, info)
	}
	a.Config.PowerInfo = list
}

func (a *autoStart) starts(v *vm) bool {
	for _, info := range a.Config.PowerInfo {
		if info.Key == v.obj.Self {
			return info.StartAction == "powerOn"
		}
	}
	return false
}

func (v *vm) powerInfo(on bool) types.AutoStartPowerInfo {
	action := "none"
	if on {
		action = "powerOn"
	}
	return types.AutoStartPowerInfo{Key: v.obj.Self, StartOrder: -1, StartDelay: 120, WaitForHeartbeat: "systemDefault",
		StartAction: action, StopDelay: 120, StopAction: "systemDefault"}
}

// services puts the two managers where the host's configuration says they are.
func (h *host) services() {
	h.service = &serviceSystem{host: h}
	h.service.Self = *h.sys.ConfigManager.ServiceSystem
	h.service.ServiceInfo = *h.sys.Config.Service
	h.service.find("TSM-SSH").Running = h.ssh == "on"
	h.sys.Config.Service = &h.service.ServiceInfo
	simulator.Map.Put(h.service)
	h.start = &autoStart{}
	h.start.Self = *h.sys.ConfigManager.AutoStartManager
	h.start.Config = *h.sys.Config.AutoStart
	h.start.Config.Defaults.Enabled = types.NewBool(true)
	h.sys.Config.AutoStart = &h.start.Config
	simulator.Map.Put(h.start)
}
