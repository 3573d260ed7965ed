package pipelines

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/history"
	"kasou/pipelines/host"
	"kasou/pipelines/layout"
	"kasou/pipelines/report"
	"kasou/pipelines/scaffold"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree/disk"
	"kasou/pipelines/workspace"
)

// Beginning is what a person tells Init.
type Beginning struct {
	// URL and Branch are what Argo CD reads; where they are empty, the remote of the
	// working copy and its branch.
	URL, Branch string
	// KubernetesVersion of the host; empty for what the host says where Live is set, and
	// else for a recent one.
	KubernetesVersion string
	// ServiceCIDR of the host; empty for what the host says where Live is set, and else
	// for none.
	ServiceCIDR string
	// Certificate is where the sealing certificate is: a file or an https URL. Empty: the
	// host where Live is set, and else none.
	Certificate string
	// Live asks the host for what is not given.
	Live bool
	// Action is what workflows use, OWNER/kasou@COMMIT # VERSION; empty makes none.
	Action string
}

// NoRemoteError says that nothing tells which repository Argo CD reads.
type NoRemoteError struct {
	// URL is the remote's, where there is one that Argo CD cannot read.
	URL string
}

func (e *NoRemoteError) Error() string {
	if e.URL != "" {
		return fmt.Sprintf("the repository %q is not one that Argo CD can read: name the repository, such as --url https://github.com/OWNER/REPOSITORY.git", e.URL)
	}
	return "no git remote says which repository Argo CD reads: run git remote add origin URL first, or name it with --url URL"
}

// Init writes the first files of a fleet's repository: fleet.yaml, the schemas,
// .gitattributes, workflows, and, while there is no cluster, what Argo CD is begun with.
// It overwrites nothing. The report's steps are what is left to do, in order. Where
// nobody says which repository Argo CD reads, the error is a *NoRemoteError, and nothing
// is written.
func Init(ctx context.Context, o Options, b Beginning) (*report.Report, error) {
	out := &report.Report{Command: "init"}
	i := beginning{Options: o, Beginning: b, out: out}
	wanted, err := i.options(ctx)
	if err != nil || out.Findings.Failed() || len(out.Unfinished) > 0 {
		return workspace.Sorted(out), err
	}
	files, err := scaffold.Files(wanted)
	if err != nil {
		return nil, err
	}
	if found, err := i.tried(files); err != nil || found.Failed() {
		out.Findings = append(out.Findings, found...)
		return workspace.Sorted(out), err
	}
	for _, f := range files {
		if err := i.create(f); err != nil {
			return nil, err
		}
	}
	f, found, err := fleet.Load(o.Root, o.Dir)
	if err != nil {
		return nil, err
	}
	if found.Failed() {
		out.Findings = append(out.Findings, found...)
		return workspace.Sorted(out), nil
	}
	if len(f.Clusters) == 0 && len(f.Retired) == 0 {
		built, err := Build(ctx, o)
		if err != nil {
			return nil, err
		}
		out.Fleet = append(out.Fleet, built.Fleet...)
		out.Findings, out.Unfinished = append(out.Findings, built.Findings...), append(out.Unfinished, built.Unfinished...)
	}
	out.Steps = i.left(f)
	return workspace.Sorted(out), nil
}

// beginning is Init at work.
type beginning struct {
	Options
	Beginning
	out *report.Report
}

// options gathers what the files are to say. What is wrong with the certificate is among
// the findings, and a host that does not answer among what is unfinished.
func (i *beginning) options(ctx context.Context) (scaffold.Options, error) {
	s := scaffold.Options{Dir: i.Dir, KubernetesVersion: i.KubernetesVersion, ServiceCIDR: i.ServiceCIDR, Action: i.Action}
	if err := i.origin(ctx, &s); err != nil {
		return s, err
	}
	key, err := seal.ParseKey(i.SealKey)
	if err != nil {
		return s, &SettingError{Name: seal.KeyEnv, Err: err}
	}
	if key != nil {
		s.PublicKey = key.Public()
	}
	if i.Live {
		if err := i.ask(ctx, &s); err != nil {
			workspace.Unfinished(i.out, "", err)
			return s, ctx.Err()
		}
	}
	if i.Certificate == "" && !i.Live {
		return s, nil
	}
	data, from, err := certificateFrom(ctx, i.Options, i.Certificate)
	if err != nil {
		workspace.Unfinished(i.out, "", err)
		return s, ctx.Err()
	}
	_, problems := seal.ParseCertificate(data, time.Now())
	for _, p := range problems {
		p.Message = from + ": " + p.Message
		i.out.Findings = append(i.out.Findings, p)
	}
	s.Certificate = data
	return s, nil
}

// origin fills in the repository and the branch: as given, else of fleet.yaml, else of
// the remote.
func (i *beginning) origin(ctx context.Context, s *scaffold.Options) error {
	origin := history.Open(ctx, i.Root).Origin(ctx)
	s.URL, s.Branch = i.URL, cmp.Or(i.Branch, origin.Branch, "main")
	if f, found, err := fleet.Load(i.Root, i.Dir, fleet.SharedAlone()); err == nil && !found.Failed() {
		s.URL = f.Spec.Repository.URL
		if f.Spec.Repository.Revision != "HEAD" {
			s.Branch = f.Spec.Repository.Revision
		}
	}
	if s.URL == "" {
		s.URL = origin.URL
	}
	if s.URL == "" {
		return &NoRemoteError{}
	}
	if err := fleet.CheckRepository(s.URL); err != nil {
		return &NoRemoteError{URL: withoutPassword(s.URL)}
	}
	return nil
}

// withoutPassword keeps what may be shown of a URL that may hold anything.
func withoutPassword(raw string) string {
	if _, rest, ok := strings.Cut(raw, "@"); ok {
		return "…@" + rest
	}
	return raw
}

// ask asks the host for what nobody gave.
func (i *beginning) ask(ctx context.Context, s *scaffold.Options) error {
	if i.OpenHost == nil {
		return errors.New("there is no host cluster to ask")
	}
	asked, err := i.OpenHost(i.HostContext)
	if err != nil {
		return err
	}
	if s.KubernetesVersion == "" {
		if s.KubernetesVersion, err = asked.Version(ctx); err != nil {
			return err
		}
	}
	if s.ServiceCIDR != "" {
		return nil
	}
	found, err := host.ServiceCIDRs(ctx, asked)
	s.ServiceCIDR = found.CIDR
	return err
}

// certificateFrom reads the certificate, and says in words from where.
func certificateFrom(ctx context.Context, o Options, source string) (data []byte, from string, err error) {
	if source != "" {
		data, err = host.SealingCertificateFrom(ctx, source)
		return data, "the given source", err
	}
	if o.OpenHost == nil {
		return nil, "", errors.New("there is no host cluster to ask for its sealing certificate")
	}
	asked, err := o.OpenHost(o.HostContext)
	if err != nil {
		return nil, "", err
	}
	data, err = host.SealingCertificate(ctx, asked, "")
	return data, "the host's Sealed Secrets controller", err
}

// tried returns what is wrong with fleet.yaml as it would be written: what is there, Init
// does not write again.
func (i *beginning) tried(files []scaffold.File) (finding.List, error) {
	file := path.Join(i.Dir, layout.Fleet)
	if i.present(file) {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "kasou-init-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for _, f := range files {
		if f.Path == file {
			if err := disk.Create(dir, file, f.Data); err != nil {
				return nil, err
			}
		}
	}
	_, found, err := fleet.Load(dir, i.Dir, fleet.SharedAlone())
	return found, err
}

// create writes a file that is not there.
func (i *beginning) create(f scaffold.File) error {
	err := disk.Create(i.Root, f.Path, f.Data)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	i.out.Fleet = append(i.out.Fleet, report.Change{Path: f.Path, Kind: "create", Cause: "new"})
	return nil
}

// left returns what a person has to do yet, in order.
func (i *beginning) left(f *fleet.Fleet) []report.Step {
	var steps []report.Step
	add := func(name, detail string, done bool) {
		state := report.StepLater
		switch {
		case done:
			return
		case len(steps) == 0:
			state = report.StepNext
		}
		steps = append(steps, report.Step{Name: name, State: state, Detail: detail})
	}
	file := path.Join(i.Dir, layout.Fleet)
	add("host", fmt.Sprintf("look whether the host runs Kubernetes %s, which %s says: kubectl version", f.Spec.Host.KubernetesVersion, file),
		i.Live || i.KubernetesVersion != "" || !i.created(file))
	unheeded := i.unheeded(f)
	add("flags", file+" was there, and stays as it is: write into it what you said by "+strings.Join(unheeded, ", "), len(unheeded) == 0)
	certificate := path.Join(i.Dir, scaffold.Certificate)
	add("certificate", "kasou lock --certificate FILE: "+certificate+" was there, and stays as it is", i.Certificate == "" || i.created(certificate))
	add("attributes", scaffold.GitAttributes+" is yours: add to it\n"+strings.Join(i.missingAttributes(), "\n"), len(i.missingAttributes()) == 0)
	add("certificate", "write into spec of "+file+"\nsealing: {certificate: "+scaffold.Certificate+"}\n"+
		"and run kasou lock --certificate, with kubectl at the host, or with a file behind it", f.Spec.Sealing != nil)
	add("seal key", "run kasou lock --seal-key: publicKey goes into spec.sealing of "+file+", the key into CI's secrets, bound to the branch that builds",
		f.Spec.Sealing != nil && f.Spec.Sealing.PublicKey != "")
	add("workflows", "run kasou init --action OWNER/kasou@COMMIT, where kasou's action is", i.Action != "" || i.present(".github/workflows/kasou-build.yaml"))
	add("cluster", "kasou new NAME --endpoint NAME.example.com", len(f.Clusters) > 0)
	add("build", "kasou build, and commit what it writes", false)
	add("push", "push; in CI, the environment kasou gets the secret "+seal.KeyEnv, false)
	add("bootstrap", "kubectl apply -f "+path.Join(i.Dir, layout.Bootstrap)+"/, once, where Argo CD runs", false)
	add("register", "kasou register, once the clusters run", false)
	return steps
}

// unheeded returns the flags that say something else than the fleet.yaml that was there.
func (i *beginning) unheeded(f *fleet.Fleet) []string {
	if i.created(f.File) {
		return nil
	}
	var flags []string
	for _, flag := range []struct{ name, said, has string }{
		{"--url", i.URL, f.Spec.Repository.URL}, {"--branch", i.Branch, f.Spec.Repository.Revision},
		{"--kubernetes-version", i.KubernetesVersion, f.Spec.Host.KubernetesVersion}, {"--service-cidr", i.ServiceCIDR, f.Spec.Host.ServiceCIDR},
	} {
		if flag.said != "" && flag.said != flag.has {
			flags = append(flags, flag.name)
		}
	}
	return flags
}

func (i *beginning) created(file string) bool {
	for _, c := range i.out.Fleet {
		if c.Path == file {
			return true
		}
	}
	return false
}

func (i *beginning) present(file string) bool {
	_, err := os.Lstat(filepath.Join(i.Root, filepath.FromSlash(file)))
	return err == nil
}

// missingAttributes returns the lines that a .gitattributes of a person's lacks.
func (i *beginning) missingAttributes() []string {
	data, err := os.ReadFile(filepath.Join(i.Root, scaffold.GitAttributes))
	if err != nil {
		return nil
	}
	have := map[string]bool{}
	for line := range bytes.Lines(data) {
		have[strings.TrimSpace(string(line))] = true
	}
	if have["* -text"] {
		return nil
	}
	var missing []string
	for _, line := range scaffold.Attributes(i.Dir) {
		if !have[line] {
			missing = append(missing, line)
		}
	}
	return missing
}
