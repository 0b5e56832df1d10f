// SPDX-License-Identifier: GPL-3.0-or-later

// What stands before the simulator's SOAP endpoint: one login that can be wrong, a lock after five
// failures, sessions that end when told to, a licence that forbids, faults, and the rules that the
// simulator does not have (questions, VMware Tools, change versions).
package main

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

const lockAfter = 5 // Security.AccountLockFailures of ESXi

// front is the state of everything that is before the simulator.
type front struct {
	mu            sync.Mutex
	sessions      map[string]bool
	logins        int // that were right
	failures      int // since the last right one
	wrong         int // all of them
	free          bool
	apiOff        bool
	faults        []*fault
	reading       int // requests to /folder that are being answered
	most          int
	consolidation time.Duration // how long the removal of snapshots takes
	log           io.Writer
}

// check is the one place where a password is looked at, whichever way it came.
func (h *host) check(user, password string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	right := subtle.ConstantTimeCompare([]byte(user+"\x00"+password), []byte(h.user+"\x00"+h.password)) == 1
	if right && h.failures < lockAfter {
		h.failures = 0
		h.logins++
		return true
	}
	h.failures++
	h.wrong++
	return false
}

func (h *host) session(r *http.Request) bool {
	c, err := r.Cookie(soap.SessionCookieName)
	h.mu.Lock()
	defer h.mu.Unlock()
	return err == nil && h.sessions[c.Value]
}

// These change something: a free licence refuses them to the API.
var writes = map[string]bool{
	"PowerOnVM_Task": true, "PowerOffVM_Task": true, "ResetVM_Task": true, "SuspendVM_Task": true, "ShutdownGuest": true,
	"RebootGuest": true, "StandbyGuest": true, "ReconfigVM_Task": true, "Rename_Task": true, "CreateSnapshot_Task": true,
	"RemoveSnapshot_Task": true, "RemoveAllSnapshots_Task": true, "RevertToSnapshot_Task": true, "AnswerVM": true,
	"ReconfigureAutostart": true, "StartService": true, "StopService": true, "UpdateServicePolicy": true,
	"UnregisterVM": true, "Destroy_Task": true, "RegisterVM_Task": true, "CreateVM_Task": true, "DeleteDatastoreFile_Task": true,
	"MoveDatastoreFile_Task": true, "ConsolidateVMDisks_Task": true,
}

// These a person's VM must never see from a program that imports it.
var forbidden = map[string]bool{
	"UnregisterVM": true, "Destroy_Task": true, "DeleteDatastoreFile_Task": true, "MoveDatastoreFile_Task": true,
	"RevertToSnapshot_Task": true, "CreateVM_Task": true, "RegisterVM_Task": true,
}

var power = map[string]bool{"PowerOnVM_Task": true, "PowerOffVM_Task": true, "SuspendVM_Task": true, "ShutdownGuest": true}

// The texts that a host puts beside its faults.
var faultTexts = map[string]string{
	"InvalidLogin":      "Cannot complete login due to an incorrect user name or password.",
	"NotAuthenticated":  "The session is not authenticated.",
	"RestrictedVersion": "Current license or ESXi version prohibits execution of the requested operation.",
	"InvalidState":      "The operation is not allowed in the current state.",
	"ToolsUnavailable":  "Cannot complete operation because VMware Tools is not running in this virtual machine.",
	"InvalidPowerState": "The attempted operation cannot be performed in the current state (Powered off).",
	"TaskInProgress":    "The operation cannot be completed because another task is in progress.",
	"HostConfigFault":   "A general system error occurred.",
}

func faultXML(kind string) (int, string) {
	text := faultTexts[kind]
	if text == "" {
		text = "A general system error occurred: " + kind
	}
	inner := ""
	if kind == "NotAuthenticated" {
		inner = "<object type=\"Folder\">ha-folder-root</object><privilegeId>System.View</privilegeId>"
	}
	return 500, envelope(fmt.Sprintf("<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>%s</faultstring>"+
		"<detail><%sFault xmlns=\"urn:vim25\" xsi:type=\"%s\">%s</%sFault></detail></soapenv:Fault>", text, kind, kind, inner, kind))
}

func envelope(body string) string {
	return xml.Header + "<soapenv:Envelope xmlns:soapenc=\"http://schemas.xmlsoap.org/soap/encoding/\" " +
		"xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" " +
		"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<soapenv:Body>\n" + body +
		"\n</soapenv:Body>\n</soapenv:Envelope>"
}

// taskXML is the answer of METHOD to which a task belongs.
func taskXML(method string, task types.ManagedObjectReference) (int, string) {
	return 200, envelope(fmt.Sprintf("<%sResponse xmlns=\"urn:vim25\"><returnval type=\"Task\">%s</returnval></%sResponse>",
		method, task.Value, method))
}

func (h *host) serveSDK(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost {
		http.Error(w, "", http.StatusMethodNotAllowed)
		return
	}
	m, err := simulator.UnmarshalBody(types.TypeFunc(), body)
	if err != nil {
		m = &simulator.Method{Name: "?"}
	}
	entry := record{"via": "sdk", "method": m.Name, "object": m.This.Value, "session": h.session(r)}
	status, text := h.answer(w, r, m, body, entry)
	entry["status"] = status
	if status != 200 {
		entry["answer"] = text
	}
	h.record(entry)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

func (h *host) answer(w http.ResponseWriter, r *http.Request, m *simulator.Method, body []byte, entry record) (int, string) {
	in := h.session(r)
	if f := h.take("sdk", m.Name); f != nil {
		entry["fault"] = f.String()
		if f.arg == "cut" {
			panic(http.ErrAbortHandler)
		}
		if f.arg == "503" {
			return 503, "<html><body>503 Service Unavailable</body></html>"
		}
		return faultXML(f.arg)
	}
	switch {
	case forbidden[m.Name]:
		entry["violation"] = "nothing of the source is ever removed"
		return faultXML("NoPermission")
	case m.Name == "RetrieveServiceContent" || m.Name == "CurrentTime":
	case m.Name == "Login":
		l := m.Body.(*types.Login)
		entry["user"] = l.UserName
		if in || !h.check(l.UserName, l.Password) {
			return faultXML("InvalidLogin")
		}
	case !in:
		return faultXML("NotAuthenticated")
	}
	h.mu.Lock()
	free := h.free
	h.mu.Unlock()
	if free && writes[m.Name] {
		return faultXML("RestrictedVersion")
	}
	if status, text := h.ours(m); status != 0 {
		return status, text
	}
	status, text := h.delegate(w, r, m, body, in)
	if status == 200 {
		h.follow(m, body, entry)
	}
	return status, text
}

// ours are the calls in which the simulator knows less than a host.
func (h *host) ours(m *simulator.Method) (int, string) {
	v := h.find(m.This)
	if v == nil {
		return 0, ""
	}
	if power[m.Name] && v.obj.Runtime.Question != nil {
		return faultXML("InvalidState")
	}
	if v.consolidates() && (power[m.Name] || m.Name == "RemoveAllSnapshots_Task") {
		return faultXML("TaskInProgress")
	}
	switch m.Name {
	case "RemoveAllSnapshots_Task":
		return taskXML(m.Name, v.removeAll().Self)
	case "ShutdownGuest":
		if fault := v.shutdown(); fault != "" {
			return faultXML(fault)
		}
		return 200, envelope("<ShutdownGuestResponse xmlns=\"urn:vim25\"></ShutdownGuestResponse>")
	case "AnswerVM":
		a := m.Body.(*types.AnswerVM)
		if !v.reply(a.QuestionId, a.AnswerChoice) {
			return faultXML("ConcurrentAccess")
		}
		return 200, envelope("<AnswerVMResponse xmlns=\"urn:vim25\"></AnswerVMResponse>")
	case "ReconfigVM_Task":
		spec := m.Body.(*types.ReconfigVM_Task).Spec
		if spec.ChangeVersion != "" && spec.ChangeVersion != v.obj.Config.ChangeVersion {
			task := simulator.CreateTask(v.obj, "reconfigVm", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
				return nil, &types.ConcurrentAccess{}
			})
			return taskXML(m.Name, task.Run())
		}
	}
	return 0, ""
}

// delegate lets the simulator answer. Of its cookies it gets only those that are still good.
func (h *host) delegate(w http.ResponseWriter, r *http.Request, m *simulator.Method, body []byte, in bool) (int, string) {
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	if !in {
		again.Header.Del("Cookie")
	}
	rec := httptest.NewRecorder()
	h.model.Service.ServeSDK(rec, again)
	for _, c := range (&http.Response{Header: rec.Header()}).Cookies() {
		if c.Name == soap.SessionCookieName {
			h.mu.Lock()
			h.sessions[c.Value] = true
			h.mu.Unlock()
			w.Header().Set("Set-Cookie", c.Name+"=\""+c.Value+"\"; Path=/; HttpOnly; Secure; ")
		}
	}
	if m.Name == "Logout" {
		c, _ := r.Cookie(soap.SessionCookieName)
		h.mu.Lock()
		delete(h.sessions, c.Value)
		h.mu.Unlock()
	}
	return rec.Code, rec.Body.String()
}

var emptied = regexp.MustCompile(`<annotation>\s*</annotation>|<annotation\s*/>`)

// follow does what on a host follows from a change.
func (h *host) follow(m *simulator.Method, body []byte, entry record) {
	if !writes[m.Name] {
		return
	}
	v := h.find(m.This)
	if m.Name == "RemoveSnapshot_Task" {
		for _, v = range h.vms {
			simulator.Map.WithLock(v.obj, v.merge)
		}
		return
	}
	if v == nil {
		return
	}
	entry["vm"] = v.spec.name
	simulator.Map.WithLock(v.obj, func() {
		switch m.Name {
		case "ReconfigVM_Task":
			if emptied.Match(body) { // the simulator takes an empty text for none
				v.obj.Config.Annotation = ""
			}
			v.changed()
		default:
			v.sync()
		}
	})
}

// shutdown asks the guest to go down, which it does a little later; else the fault.
func (v *vm) shutdown() string {
	switch {
	case !v.on():
		return "InvalidPowerState"
	case !v.spec.tools:
		return "ToolsUnavailable"
	case v.spec.stubborn:
		return ""
	}
	time.AfterFunc(300*time.Millisecond, func() { v.power(false) })
	return ""
}

// power switches at once, as PowerOff does; "" or the fault.
func (v *vm) power(on bool) string {
	fault := ""
	if v.consolidates() {
		return "TaskInProgress"
	}
	if v.obj.Runtime.Question != nil {
		return "InvalidState"
	}
	simulator.Map.WithLock(v.obj, func() {
		if v.on() == on {
			fault = "InvalidPowerState"
			return
		}
		if on {
			v.obj.PowerOnVMTask(v.host.ctx, &types.PowerOnVM_Task{This: v.obj.Self})
		} else {
			v.obj.PowerOffVMTask(v.host.ctx, &types.PowerOffVM_Task{This: v.obj.Self})
		}
		v.sync()
	})
	return fault
}

func (v *vm) reply(id, key string) bool {
	q := v.obj.Runtime.Question
	if q == nil || q.Id != id {
		return false
	}
	simulator.Map.WithLock(v.obj, func() {
		v.obj.Runtime.Question = nil
		v.sync()
	})
	return true
}
