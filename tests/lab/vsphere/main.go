// SPDX-License-Identifier: GPL-3.0-or-later

// vsphere-sim: an ESXi host (or a vCenter) for tests, on VMware's own simulator library. Started by
// `vmferry-lab esxi`, which hands it listening sockets; see tests/lab/esxi.c.
//
//	vsphere-sim serve --dir DIR …            the host; says "ready" on its standard output
//	vsphere-sim client SOCKET COMMAND ARG…   a command of the host's shell
//	vsphere-sim auth SOCKET                  its PAM: user in PAM_USER, password on standard input
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
)

type options struct {
	dir, name, addr, user, password string
	profile, version, ssh           string
	sshPort                         int
	vcenter, oldTLS                 bool
	sshFD                           *os.File // to the process that holds sshd; nil: there is none
}

// The descriptors that vmferry-lab hands over.
const (
	fdAPI = 3
	fdCtl = 4
	fdSSH = 5
)

func main() {
	if len(os.Args) > 3 && os.Args[1] == "client" {
		os.Exit(client(os.Args[2], os.Args[3:]))
	}
	if len(os.Args) == 3 && os.Args[1] == "auth" {
		text, _ := io.ReadAll(os.Stdin)
		os.Exit(client(os.Args[2], []string{"auth", os.Getenv("PAM_USER"), strings.TrimRight(string(text), "\x00\n")}))
	}
	if len(os.Args) < 2 || os.Args[1] != "serve" {
		fmt.Fprintln(os.Stderr, "vsphere-sim is started by vmferry-lab esxi")
		os.Exit(2)
	}
	if err := serve(os.Args[2:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func parse(args []string) (*host, error) {
	h := &host{}
	h.sessions = map[string]bool{}
	f := flag.NewFlagSet("vsphere-sim", flag.ContinueOnError)
	f.StringVar(&h.dir, "dir", "", "")
	f.StringVar(&h.name, "name", "esx1", "")
	f.StringVar(&h.addr, "addr", "127.0.0.1", "")
	f.StringVar(&h.user, "user", "root", "")
	f.StringVar(&h.profile, "profile", "full", "")
	f.StringVar(&h.version, "version", "7.0.3", "")
	f.StringVar(&h.ssh, "ssh", "none", "")
	f.IntVar(&h.sshPort, "ssh-port", 0, "")
	f.BoolVar(&h.vcenter, "vcenter", false, "")
	f.BoolVar(&h.oldTLS, "old-tls", false, "")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if builds[h.version] == "" {
		return nil, fmt.Errorf("there is no version '%s': 5.5.0, 6.5.0, 7.0.3 and 8.0.2 are known", h.version)
	}
	if h.ssh != "none" {
		h.sshFD = os.NewFile(fdSSH, "ssh")
	}
	password, err := os.ReadFile(filepath.Join(h.dir, "password"))
	h.password = strings.TrimSpace(string(password))
	return h, err
}

func serve(args []string) error {
	log.SetOutput(io.Discard)
	h, err := parse(args)
	if err != nil {
		return err
	}
	if h.log, err = os.OpenFile(filepath.Join(h.dir, "requests.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0600); err != nil {
		return err
	}
	if err = h.build(); err != nil {
		return err
	}
	for _, v := range h.vms {
		if v.spec.onboot {
			h.start.set(v.powerInfo(true))
		}
	}
	api, err := net.FileListener(os.NewFile(fdAPI, "api"))
	if err != nil {
		return err
	}
	ctl, err := net.FileListener(os.NewFile(fdCtl, "ctl"))
	if err != nil {
		return err
	}
	if h.ssh == "on" {
		h.switchSSH(true)
	}
	certificate, err := h.certificate()
	if err != nil {
		return err
	}
	go h.serveCtl(ctl)
	fmt.Println("ready")
	return h.server(certificate).ServeTLS(&listener{api, h}, "", "")
}

// listener ends connections at once while nothing is to answer.
type listener struct {
	net.Listener
	host *host
}

func (l *listener) off() bool {
	l.host.mu.Lock()
	defer l.host.mu.Unlock()
	return l.host.apiOff
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || !l.off() {
			return c, err
		}
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

func (h *host) server(certificate tls.Certificate) *http.Server {
	h.model.Service.Listen = &url.URL{User: url.UserPassword(h.user, h.password)}
	h.model.Service.RegisterSDK(simulator.Map)
	mux := http.NewServeMux()
	mux.HandleFunc("/sdk", h.serveSDK)
	mux.HandleFunc("/sdk/vimServiceVersions.xml", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<namespaces version=\"1.0\"><namespace><name>urn:vim25</name>"+
			"<version>%s.0</version></namespace></namespaces>\n", h.version)
	})
	mux.HandleFunc("/folder", h.serveFolder)
	mux.HandleFunc("/folder/", h.serveFolder)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		page(w, http.StatusOK, "VMware ESXi", "<p>Welcome</p>")
	})
	guard := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (&listener{nil, h}).off() {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, r)
	})
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if h.oldTLS {
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
		config.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
	}
	s := &http.Server{Handler: guard, TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0)}
	if h.version[0] < '8' { // only then do hosts speak HTTP/2
		s.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	return s
}

// certificate makes one that the host signed itself, as a host's is; its fingerprint goes to a file.
func (h *host) certificate() (tls.Certificate, error) {
	var key crypto.Signer
	var err error
	if h.oldTLS {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * 365 * time.Hour),
		Subject:  pkix.Name{CommonName: h.name + ".lab", Organization: []string{"VMware, Inc"}, OrganizationalUnit: []string{"VMware ESX Server Default Certificate"}},
		DNSNames: []string{h.name + ".lab"}, IPAddresses: []net.IP{net.ParseIP(h.addr)}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	sum := sha256.Sum256(der)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	if err = os.WriteFile(filepath.Join(h.dir, "fingerprint"), []byte(strings.Join(parts, ":")+"\n"), 0644); err != nil {
		return tls.Certificate{}, err
	}
	pemText := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	err = os.WriteFile(filepath.Join(h.dir, "cert.pem"), pemText, 0644)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
