package pipelines_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"kasou/internal/fleettest"
	"kasou/internal/sealtest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/baseline"
	"kasou/pipelines/finding"
	"kasou/pipelines/host"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
)

const severalHosts = `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://git.example.com/platform.git"}
  argocd: {context: mgmt, sealing: {certificate: mgmt.crt}, projects: [{name: tenants, generated: true}]}
  hosts:
    eu-1: {kubernetesVersion: 1.34.1, serviceCIDR: 10.96.0.0/16, destination: {name: eu-1}, sealing: {certificate: eu-1.crt}, context: eu}
    us-1: {kubernetesVersion: 1.30.14, serviceCIDR: auto, destination: {server: "https://us-1.example.com"}, sealing: {certificate: us-1.crt}}
`

// spread is a fleet of the cluster a on eu-1 and b on us-1, whose charts render a Secret.
type spread struct {
	repo         fleettest.Repo
	options      pipelines.Options
	eu, us, mgmt sealtest.KeyPair
	// kubeconfigs are what the hosts have, by context.
	kubeconfigs map[string]fleettest.Kubeconfig
	mu          sync.Mutex
	// asked are the contexts that were opened.
	asked []string
}

func spreadFleet(t *testing.T) *spread {
	t.Helper()
	s := &spread{repo: fleettest.New(t, "1.34.1"), eu: sealtest.NewKeyPair(t), us: sealtest.NewKeyPair(t), mgmt: sealtest.NewKeyPair(t)}
	s.kubeconfigs = map[string]fleettest.Kubeconfig{"eu": fleettest.NewKubeconfig(t), "us-1": fleettest.NewKubeconfig(t)}
	for file, keys := range map[string]sealtest.KeyPair{"eu-1.crt": s.eu, "us-1.crt": s.us, "mgmt.crt": s.mgmt} {
		s.repo.Write(t, "clusters/"+file, keys.Certificate)
	}
	s.repo.Write(t, "clusters/fleet.yaml", []byte(severalHosts))
	s.repo.Copy(t, "charts/c.tgz", upstream.Chart(t, "vcluster-0.30.0"))
	s.on(t, "a", "eu-1", "")
	s.on(t, "b", "us-1", "")
	s.options = s.repo.Options(t, tools(t))
	hosts := map[string]func(string) (*host.Host, error){}
	for context, cluster := range map[string]string{"eu": "a", "us-1": "b"} {
		own := fleettest.Repo{Root: t.TempDir()} // a kubeconfig of its own
		hosts[context] = hostOf(t, own, map[string]string{
			"/version": `{"gitVersion": "v1.34.1"}`,
			"/apis/networking.k8s.io/v1/servicecidrs":                  rangesJSON(map[string]string{"eu": "10.96.0.0/16", "us-1": "10.7.0.0/16"}[context]),
			"/api/v1/namespaces/" + cluster + "/secrets/vc-" + cluster: strings.Replace(secretJSON("vc-"+cluster, "config", string(s.kubeconfigs[context].Data)), `"one"`, `"`+cluster+`"`, 1),
		})
	}
	s.options.OpenHost = func(context string) (*host.Host, error) {
		s.mu.Lock()
		s.asked = append(s.asked, context)
		s.mu.Unlock()
		if open, ok := hosts[context]; ok {
			return open("")
		}
		return nil, &host.ConfigError{Reason: fmt.Sprintf("context %q does not exist", context)}
	}
	return s
}

func (s *spread) on(t *testing.T, name, host, more string) {
	t.Helper()
	s.repo.Cluster(t, name, "  chart: {path: charts/c.tgz}\n  argocd: {project: tenants}\n  server: https://"+name+".example.com\n  host: "+host+"\n"+more)
}

func (s *spread) secret(t *testing.T, name string) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.repo.Root, "clusters", name, "manifests", "*", "templates", "*secret*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: the Secrets of %s are %v", err, name, files)
	}
	return s.repo.Read(t, strings.TrimPrefix(files[0], s.repo.Root+"/"))
}

// Each cluster is built for its host, sealed for its host, and registered for Argo CD's
// cluster, which is neither.
func TestAFleetOnSeveralHosts(t *testing.T) {
	s := spreadFleet(t)
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	if !slices.Equal(s.asked, []string{"us-1"}) {
		t.Errorf("asked for a service range: %q", s.asked)
	}
	for name, keys := range map[string]sealtest.KeyPair{"a": s.eu, "b": s.us} {
		if secret := keys.Unseal(t, s.secret(t, name)); len(secret.Data) == 0 {
			t.Errorf("%s: an empty Secret", name)
		}
	}
	for file, want := range map[string]string{
		"root/a.yaml": "name: eu-1", "root/b.yaml": "server: https://us-1.example.com", "a/lock.yaml": "name: eu-1", "b/lock.yaml": "serviceCIDR: 10.7.0.0/16",
		"b/values.yaml": "10.7.0.0/16", "bootstrap/root.yaml": "server: https://kubernetes.default.svc",
		"fleet.lock.yaml": "kubernetes-1.30", "bootstrap/project-tenants.yaml": "  - name: eu-1\n    namespace: a\n  - namespace: b\n    server: https://us-1.example.com\n",
	} {
		if text := string(s.repo.Read(t, "clusters/"+file)); !strings.Contains(text, want) {
			t.Errorf("%s lacks %q:\n%s", file, want, text)
		}
	}
	s.asked = nil
	r, err := pipelines.Register(t.Context(), s.options, pipelines.Registration{})
	fleettest.MustPass(t, r, err)
	slices.Sort(s.asked)
	if !slices.Equal(s.asked, []string{"eu", "us-1"}) {
		t.Errorf("asked for credentials: %q", s.asked)
	}
	for name, context := range map[string]string{"a": "eu", "b": "us-1"} {
		secret := s.mgmt.Unseal(t, s.repo.Read(t, "clusters/root/"+name+".cluster.yaml"))
		var config struct {
			TLS struct {
				CAData []byte `json:"caData"`
			} `json:"tlsClientConfig"`
		}
		if err := yaml.Unmarshal(secret.Data["config"], &config); err != nil || string(config.TLS.CAData) != string(s.kubeconfigs[context].CA) || secret.Namespace != "argocd" {
			t.Errorf("%s: %v, another credential, or in %s", name, err, secret.Namespace)
		}
	}
	fleettest.MustPass(t, pipe(t, pipelines.Check, s.options), nil)
}

// A host that is away makes its clusters unknown, and no other; so does Argo CD's cluster
// with its objects.
func TestAHostThatIsAway(t *testing.T) {
	s := spreadFleet(t)
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	open := s.options.OpenHost
	s.options.OpenHost = func(context string) (*host.Host, error) {
		if context == "us-1" {
			return nil, &host.ConfigError{Reason: `context "us-1" does not exist`}
		}
		return open(context)
	}
	r, err := pipelines.Register(t.Context(), s.options, pipelines.Registration{})
	if err != nil || r.Count(report.Changed) != 1 || len(r.Unfinished) != 1 || r.Unfinished[0].Cluster != "b" || !strings.Contains(r.Unfinished[0].Message, `"us-1"`) {
		t.Errorf("%v: %d changed, %v", err, r.Count(report.Changed), r.Unfinished)
	}
	r = findDrift(t, s.repo, s.options, pipelines.DriftOptions{Live: true})
	text := map[string]string{}
	for _, row := range r.Drift {
		if row.Unknown {
			text[row.Cluster] += row.Message + "\n"
		}
	}
	if !strings.Contains(text["b"], `host us-1: configuration of the host: context "us-1"`) || strings.Contains(text["a"], "us-1") {
		t.Errorf("unknown: %q", text)
	}
	if !strings.Contains(text[""], `Argo CD's cluster: configuration of the host: context "mgmt" does not exist`) {
		t.Errorf("of Argo CD's cluster: %q", text[""])
	}
}

// Another host is another, empty cluster; once that is accepted, its Secrets are sealed
// for that host.
func TestAClusterChangesItsHost(t *testing.T) {
	s := spreadFleet(t)
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	s.repo.Commit(t)
	s.on(t, "a", "us-1", "  serviceCIDR: 10.96.0.0/16\n")
	r := pipe(t, pipelines.Plan, s.options)
	if got := effects(r, "a"); got != "empty-cluster host" {
		fleettest.Print(t, r)
		t.Errorf("the plan is %q", got)
	}
	found(t, pipe(t, pipelines.Build, s.options), baseline.RuleRefused, finding.Error)
	s.on(t, "a", "us-1", "  serviceCIDR: 10.96.0.0/16\n  accept: [{change: host, from: eu-1, to: \"https://us-1.example.com\"}]\n")
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	s.us.Unseal(t, s.secret(t, "a"))
	fleettest.MustPass(t, pipe(t, pipelines.Check, s.options), nil)
}

// A host that Argo CD knows by another name from then on is the same cluster where that is
// sure, or where a person says so once.
func TestAHostGetsAnotherDestination(t *testing.T) {
	s := spreadFleet(t)
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	s.repo.Commit(t)
	const before = `destination: {server: "https://us-1.example.com"}`
	for after, want := range map[string]string{
		`destination: {server: "https://US-1.example.com:443/"}`:                   "applied",
		`destination: {name: us-1}`:                                                "empty-cluster host",
		`destination: {name: us-1}, sameAs: ["https://us-1.example.com:443"]`:      "applied",
		`destination: {name: us-1}, sameAs: ["https://us-1.example.com:6443"]`:     "empty-cluster host",
		`destination: {server: "https://us-1.example.com"}, sameAs: [us-1, other]`: "",
	} {
		s.repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(severalHosts, before, after, 1)))
		r := pipe(t, pipelines.Plan, s.options)
		if got := effects(r, "b"); got != want || effects(r, "a") != "" || r.Failed() != strings.HasPrefix(want, "empty") {
			fleettest.Print(t, r)
			t.Errorf("%s: the plan is %q, want %q", after, got, want)
		}
		// A person's word is told, and no silence in the same commit hides it.
		if byWord := strings.Contains(after, "com:443\"]"); has(r, baseline.RuleFleet) != byWord {
			t.Errorf("%s: told %v", after, !byWord)
		}
		s.repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(severalHosts, before, after, 1)+"  silence: [{rule: plan-fleet, reason: noise}]\n"))
		if quiet := pipe(t, pipelines.Plan, s.options); has(quiet, baseline.RuleFleet) != has(r, baseline.RuleFleet) {
			t.Errorf("%s: silenced", after)
		}
	}
}

// A range that was asked of one host does not hold on another.
func TestARangeIsOfItsHost(t *testing.T) {
	s := spreadFleet(t)
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	fleetFile := strings.Replace(severalHosts, "serviceCIDR: 10.96.0.0/16", "serviceCIDR: auto", 1)
	s.repo.Write(t, "clusters/fleet.yaml", []byte(fleetFile))
	s.on(t, "b", "eu-1", "")
	s.asked = nil
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	if !slices.Contains(s.asked, "eu") {
		t.Errorf("asked %q", s.asked)
	}
}

// A fact of one host builds its clusters anew, and no other.
func TestAFactOfOneHost(t *testing.T) {
	s := spreadFleet(t)
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	s.repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(severalHosts, "1.30.14", "1.31.4", 1)))
	r := pipe(t, pipelines.Build, s.options)
	fleettest.MustPass(t, r, nil)
	for _, c := range r.Clusters {
		if want := map[string]report.Status{"a": report.Unchanged, "b": report.Changed}[c.Name]; c.Status != want {
			t.Errorf("%s is %s", c.Name, c.Status)
		}
	}
}

func TestCertificatesOfHosts(t *testing.T) {
	s := spreadFleet(t)
	bare := strings.Replace(severalHosts, ", sealing: {certificate: us-1.crt}", "", 1)
	s.repo.Write(t, "clusters/fleet.yaml", []byte(bare))
	r := pipe(t, pipelines.Build, s.options)
	found(t, r, seal.RuleNoCertificate, finding.Error)
	for _, f := range r.Findings {
		if f.Rule == seal.RuleNoCertificate && (!strings.Contains(f.Message, "host us-1 has no sealing certificate") || !strings.Contains(f.Hint, "spec.hosts.us-1") || f.Line != 8) {
			t.Errorf("%s: %s", f.String(), f.Hint)
		}
	}
	s.repo.Write(t, "clusters/fleet.yaml", []byte(severalHosts))
	other := sealtest.NewKeyPair(t)
	s.repo.Write(t, "other.pem", other.Certificate)
	lock := func(source, into string) (*report.Report, error) {
		return pipelines.LockCertificate(t.Context(), s.options, source, into)
	}
	if _, err := lock(s.repo.Root+"/other.pem", ""); err == nil || !strings.Contains(err.Error(), "eu-1.crt, us-1.crt, mgmt.crt") {
		t.Errorf("which file: %v", err)
	}
	if _, err := lock(s.repo.Root+"/other.pem", "asia.crt"); err == nil {
		t.Error("a file that fleet.yaml does not name")
	}
	r, err := lock(s.repo.Root+"/other.pem", "us-1.crt")
	fleettest.MustPass(t, r, err)
	if string(s.repo.Read(t, "clusters/us-1.crt")) != string(other.Certificate) || string(s.repo.Read(t, "clusters/eu-1.crt")) != string(s.eu.Certificate) {
		t.Error("another file was pinned")
	}
	s.asked = nil
	if r, err = lock("", ""); err != nil || len(r.Unfinished) != 3 {
		t.Errorf("%v: %v", err, r.Unfinished) // none of the fakes has a controller
	}
	slices.Sort(s.asked)
	if !slices.Equal(s.asked, []string{"eu", "mgmt", "us-1"}) {
		t.Errorf("asked %q", s.asked)
	}
}

// --host-context would send every question to one host.
func TestHostContextWithSeveralHosts(t *testing.T) {
	s := spreadFleet(t)
	s.options.HostContext = "eu"
	if _, err := pipelines.Build(t.Context(), s.options); err == nil || !strings.Contains(err.Error(), "--host-context: the fleet has several hosts") {
		t.Errorf("%v", err)
	}
}

// Once Argo CD's cluster has a certificate of its own, a registration that was sealed for
// a host does not unseal there.
func TestRegistrationsAreSealedForArgoCD(t *testing.T) {
	s := spreadFleet(t)
	shared := strings.Replace(severalHosts, "sealing: {certificate: mgmt.crt}, ", "", 1) + "  sealing: {certificate: eu-1.crt}\n"
	s.repo.Write(t, "clusters/fleet.yaml", []byte(shared))
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	r, err := pipelines.Register(t.Context(), s.options, pipelines.Registration{})
	fleettest.MustPass(t, r, err)
	s.eu.Unseal(t, s.repo.Read(t, "clusters/root/b.cluster.yaml"))
	s.repo.Write(t, "clusters/fleet.yaml", []byte(severalHosts))
	rendered := string(s.secret(t, "a"))
	r, err = pipelines.Register(t.Context(), s.options, pipelines.Registration{})
	fleettest.MustPass(t, r, err)
	for _, name := range []string{"a", "b"} {
		s.mgmt.Unseal(t, s.repo.Read(t, "clusters/root/"+name+".cluster.yaml"))
	}
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	if string(s.secret(t, "a")) != rendered {
		t.Error("a Secret of the chart was sealed anew, too")
	}
}

// A host that gets a name, or another one, is the same cluster: nothing is sealed anew.
func TestAHostIsRenamed(t *testing.T) {
	s := spreadFleet(t)
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	s.repo.Commit(t)
	rendered := string(s.secret(t, "a"))
	s.repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(severalHosts, "    eu-1: {", "    frankfurt: {", 1)))
	s.on(t, "a", "frankfurt", "")
	r := pipe(t, pipelines.Build, s.options)
	fleettest.MustPass(t, r, nil)
	if effects(r, "a") != "" || string(s.secret(t, "a")) != rendered {
		t.Errorf("steps %q, or sealed anew", effects(r, "a"))
	}
	lock := string(s.repo.Read(t, "clusters/a/lock.yaml"))
	if !strings.Contains(lock, "name: frankfurt") {
		t.Error("the lock does not name it")
	}
	s.repo.Write(t, "clusters/a/lock.yaml", []byte(strings.Replace(lock, "name: frankfurt", "name: us-1", 1)))
	if r := pipe(t, pipelines.Check, s.options); !r.Failed() {
		t.Error("an edited lock passes")
	}
}

func TestDoctorAsksEachHost(t *testing.T) {
	s := spreadFleet(t)
	r := pipe(t, pipelines.Doctor, s.options)
	said := map[string]string{}
	for _, p := range r.Probes {
		said[p.Name] += fmt.Sprintln(p.OK, p.Detail)
	}
	for name, want := range map[string]string{
		"host eu-1": "true host https://", "host us-1": "has Kubernetes 1.34.1, and fleet.yaml says 1.30.14",
		"argocd": `context "mgmt" does not exist`, "sealing": "mgmt.crt good until",
	} {
		if !strings.Contains(said[name], want) {
			t.Errorf("%s: %q, want %q", name, said[name], want)
		}
	}
	for _, f := range r.Findings {
		if strings.Contains(f.Message, "1.30.14") && (f.Line != 8 || !strings.Contains(f.Hint, "spec.hosts.us-1.kubernetesVersion")) {
			t.Errorf("%s %s", f.String(), f.Hint)
		}
	}
}

// A certificate of one host that cannot seal fails its clusters, and no other; that of
// Argo CD's cluster is everybody's.
func TestACertificateOfOneHostExpires(t *testing.T) {
	s := spreadFleet(t)
	expired := sealtest.Certify(t, s.us.Private, &s.us.Private.PublicKey, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute))
	s.repo.Write(t, "clusters/us-1.crt", expired)
	r := pipe(t, pipelines.Build, s.options)
	if len(r.Clusters) != 2 || r.Clusters[0].Status != report.Changed || r.Clusters[1].Status != report.Failed {
		fleettest.Print(t, r)
		t.Error("want a written, and b failed")
	}
	found(t, r, seal.RuleCertificateValidity, finding.Error)
	for _, f := range r.Findings {
		if f.Rule == seal.RuleCertificateValidity && (f.Cluster != "b" || f.File != "clusters/fleet.yaml" || f.Line != 8 || !strings.Contains(f.Message, "us-1.crt: ")) {
			t.Errorf("%+v", f)
		}
	}
	found(t, pipe(t, pipelines.Check, s.options), seal.RuleCertificateValidity, finding.Error)
	r = pipe(t, pipelines.Doctor, s.options)
	found(t, r, seal.RuleCertificateValidity, finding.Error)
	if !slices.ContainsFunc(r.Probes, func(p report.Probe) bool {
		return !p.OK && p.Name == "sealing" && strings.Contains(p.Detail, "us-1.crt cannot seal")
	}) {
		fleettest.Print(t, r)
		t.Error("doctor finds nothing wrong with it")
	}
	s.repo.Write(t, "clusters/us-1.crt", s.us.Certificate)
	s.repo.Write(t, "clusters/mgmt.crt", expired)
	if r := pipe(t, pipelines.Build, s.options); len(r.Clusters) > 0 || !r.Failed() {
		fleettest.Print(t, r)
		t.Error("want nothing to be written")
	}
}

// A certificate that cannot seal is not passed over where no cluster is on its host.
func TestAnExpiredCertificateOfAnEmptyHost(t *testing.T) {
	s := spreadFleet(t)
	s.on(t, "b", "eu-1", "")
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	s.repo.Write(t, "clusters/us-1.crt", sealtest.Certify(t, s.us.Private, &s.us.Private.PublicKey, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)))
	r := pipe(t, pipelines.Check, s.options)
	found(t, r, seal.RuleCertificateValidity, finding.Warning)
	if r.Failed() {
		fleettest.Print(t, r)
		t.Error("it fails clusters of another host")
	}
}

// By which context kasou asks a cluster, no generated file shows: what changes there is told.
func TestAnotherContext(t *testing.T) {
	s := spreadFleet(t)
	fleettest.MustPass(t, pipe(t, pipelines.Build, s.options), nil)
	s.repo.Commit(t)
	for text, want := range map[string]string{
		severalHosts: "",
		strings.Replace(severalHosts, `destination: {server: "https://us-1.example.com"}`, `destination: {server: "https://us-1.example.com"}, context: us-1`, 1):      "", // the default
		strings.Replace(severalHosts, `destination: {server: "https://us-1.example.com"}`, `destination: {server: "https://us-1.example.com"}, context: elsewhere`, 1): "host us-1 by the context elsewhere in place of the context us-1",
	} {
		s.repo.Write(t, "clusters/fleet.yaml", []byte(text))
		for _, p := range []pipelines.Pipeline{pipelines.Plan, pipelines.Check} {
			r := pipe(t, p, s.options)
			if want != "" {
				said(t, r, baseline.RuleFleet, "kasou asks "+want+": service ranges, Secrets and credentials", "Make sure")
			} else if has(r, baseline.RuleFleet) {
				fleettest.Print(t, r)
				t.Error("it is told without a change")
			}
		}
	}
}

// The same of a single host, and of Argo CD's cluster; a flag of the run is not a change.
func TestAnotherContextOfTheSingleHost(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	repo.Commit(t)
	original := string(repo.Read(t, "clusters/fleet.yaml"))
	host := strings.Replace(original, "host: {", "host: {context: elsewhere, ", 1)
	for text, want := range map[string]string{
		host: "the host by the context elsewhere in place of the current context",
		original + "  argocd: {context: management}\n": "Argo CD's cluster by the context management in place of the current context",
	} {
		repo.Write(t, "clusters/fleet.yaml", []byte(text))
		said(t, pipe(t, pipelines.Check, options), baseline.RuleFleet, "kasou asks "+want, "")
	}
	repo.Write(t, "clusters/fleet.yaml", []byte(original))
	options.HostContext = "by-hand"
	if r := pipe(t, pipelines.Check, options); has(r, baseline.RuleFleet) {
		t.Error("--host-context is taken for a change of fleet.yaml")
	}
}
