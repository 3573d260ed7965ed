package seal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

// maximumCertificate bounds what is read: a certificate has a few KB.
const maximumCertificate = 1 << 20

// LoadCertificates reads the certificates that fleet.yaml names, from the clusters folder
// and nowhere outside it, and checks them at the time now. It returns those about which
// no finding is an error, and what is found about each, by their files. Findings stand
// where fleet.yaml names the file.
func LoadCertificates(f *fleet.Fleet, now time.Time) (map[string]*Certificate, map[string]finding.List) {
	all, findings := map[string]*Certificate{}, map[string]finding.List{}
	for _, named := range f.Spec.Certificates() {
		certificate, found := loadCertificate(f, named, now)
		findings[named.File] = found
		if certificate != nil {
			all[named.File] = certificate
		}
	}
	return all, findings
}

func loadCertificate(f *fleet.Fleet, named fleet.CertificateFile, now time.Time) (*Certificate, finding.List) {
	name, at := named.File, named.Field
	data, err := readInside(filepath.Join(f.Root, filepath.FromSlash(f.Dir)), name)
	if err != nil {
		return nil, finding.List{f.Finding(finding.Error, RuleCertificateFile, at,
			fmt.Sprintf("the sealing certificate %s cannot be read: %v", name, finding.Cause(err)), fetchHint)}
	}
	certificate, problems := ParseCertificate(data, now)
	placed := make(finding.List, 0, len(problems))
	for _, p := range problems {
		placed = append(placed, f.Finding(p.Severity, p.Rule, at, name+": "+p.Message, p.Hint))
	}
	if placed.Failed() {
		return nil, placed
	}
	return &certificate, placed
}

// readInside reads a regular file below dir; no link leads it out.
func readInside(dir, name string) (data []byte, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	name = filepath.FromSlash(name)
	// Before opening: a named pipe would block the open.
	info, err := root.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() > maximumCertificate:
		return nil, errors.New("it is larger than a certificate can be")
	}
	return root.ReadFile(name)
}
