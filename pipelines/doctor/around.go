package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/position"
	"kasou/pipelines/report"
	"kasou/pipelines/workspace"
)

// around looks at what a build itself does not need, and the rest of the pipeline does:
// what is not there is a warning.
func (d *doctor) around(ctx context.Context, r *workspace.Workspace) {
	d.schemas(r)
	d.permissions(r)
	d.remote(ctx, r)
	d.workflows()
	d.hosts(ctx, r)
}

// warn adds a probe that failed, and a warning at its place.
func (d *doctor) warn(name string, at finding.Finding) {
	d.out.Probes = append(d.out.Probes, report.Probe{Name: name, Beside: true, Detail: at.Message})
	at.Rule, at.Severity, at.Message = RuleMissing, finding.Warning, name+": "+at.Message
	d.out.Findings = append(d.out.Findings, at)
}

func (d *doctor) schemas(r *workspace.Workspace) {
	versions, err := conform.Versions(r.Fleet.Spec.KubernetesVersions()...)
	detail := strings.Join(slices.Sorted(maps.Keys(versions)), ", ")
	if n := len(r.Fleet.Spec.Schemas); n > 0 {
		detail += fmt.Sprintf(", and %d of fleet.yaml", n)
	}
	d.probe("schemas", err, detail)
}

// permissions looks whether the clusters folder can be written, and writes nothing.
func (d *doctor) permissions(r *workspace.Workspace) {
	file, err := os.OpenFile(filepath.Join(d.Root, filepath.FromSlash(r.Fleet.File)), os.O_WRONLY, 0)
	if err == nil {
		err = file.Close()
	}
	d.probe("permissions", err, d.Dir+" can be written")
}

// remote compares the remotes of the repository with what Argo CD is told to read.
func (d *doctor) remote(ctx context.Context, r *workspace.Workspace) {
	if d.unread {
		return // which is said already
	}
	wanted := r.Fleet.Spec.Repository.URL
	at := r.Fleet.Finding(finding.Warning, RuleMissing, []string{"spec", "repository", "url"}, "", "")
	out, err := exec.CommandContext(ctx, "git", "-C", d.Root, "config", "--get-regexp", `^remote\..*\.url$`).Output()
	if err != nil {
		at.Message = "the repository has no remote, and Argo CD reads " + wanted
		at.Hint = "Run git remote add origin " + wanted + "."
		d.warn("remote", at)
		return
	}
	var others []string
	for line := range strings.Lines(string(out)) {
		_, remote, _ := strings.Cut(strings.TrimSpace(line), " ")
		if sameRemote(remote, wanted) {
			d.probe("remote", nil, wanted+", as Argo CD reads it")
			return
		}
		others = append(others, plainRemote(remote))
	}
	at.Message = fmt.Sprintf("Argo CD reads %s, and this clone is of %s", wanted, strings.Join(others, ", "))
	at.Hint = "Correct spec.repository.url, unless this is a fork."
	d.warn("remote", at)
}

// sameRemote reports whether two URLs are of one repository: by any scheme, with or
// without a user and .git.
func sameRemote(a, b string) bool { return plainRemote(a) == plainRemote(b) }

// scpRemote is a remote as ssh writes it, such as git@github.com:acme/platform.git.
var scpRemote = regexp.MustCompile(`^(?:[^/@]+@)?([^/:]+):([^/].*)$`)

// plainRemote returns the host and the path of a remote, without the user and password
// that may stand in it.
func plainRemote(remote string) string {
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		remote = strings.ToLower(u.Hostname()) + "/" + strings.Trim(u.Path, "/")
	} else if m := scpRemote.FindStringSubmatch(remote); m != nil {
		remote = strings.ToLower(m[1]) + "/" + strings.Trim(m[2], "/")
	}
	return strings.TrimSuffix(remote, ".git")
}

// workflow is what doctor reads of a workflow of GitHub Actions.
type workflow struct {
	Permissions any                    `json:"permissions"`
	Jobs        map[string]workflowJob `json:"jobs"`
}

type workflowJob struct {
	Permissions any `json:"permissions"`
	// Uses is a reusable workflow, in place of steps.
	Uses  string `json:"uses"`
	Steps []struct {
		Run  string `json:"run"`
		Uses string `json:"uses"`
		With struct {
			Command string `json:"command"`
			Publish string `json:"publish"`
		} `json:"with"`
	} `json:"steps"`
}

// workflowRun is one of kasou's pipelines in a job.
type workflowRun struct {
	pipeline string
	// pushes says that it is told to commit.
	pushes bool
}

// ownAction is kasou's action, of whatever owner and under whatever name with kasou in it,
// or that of the repository itself.
var ownAction = regexp.MustCompile(`^(?:\./|[^/@]+/[^/@]*kasou[^/@]*@.+)$`)

// runs returns what a job runs of kasou: by its action, by its reusable workflow
// (fleet-build.yaml), or by a command.
func (j workflowJob) runs() []workflowRun {
	var all []workflowRun
	if strings.Contains(j.Uses, "/fleet-build.yaml@") {
		all = append(all, workflowRun{"build", true})
	}
	for _, step := range j.Steps {
		if with := step.With; ownAction.MatchString(step.Uses) && with.Command != "none" {
			all = append(all, workflowRun{cmp.Or(with.Command, "ci"), with.Publish == "commit"})
		}
		for _, m := range runsKasou.FindAllStringSubmatch(step.Run, -1) {
			all = append(all, workflowRun{m[1], strings.Contains(m[2], "--publish commit")})
		}
	}
	return all
}

// runsKasou finds kasou's pipelines in a step; the first group is which.
var runsKasou = regexp.MustCompile(`(?:\./ci|kasou(?:\s+ci)?)\s+(build|check|drift|register|upgrade)\b([^\n]*)`)

// workflows looks which of kasou's pipelines the repository runs, and whether those that
// push may.
func (d *doctor) workflows() {
	files, _ := filepath.Glob(filepath.Join(d.Root, ".github", "workflows", "*.y*ml")) // the pattern is good
	found := map[string]string{}
	for _, file := range files {
		name := path.Join(".github/workflows", filepath.Base(file))
		data, err := os.ReadFile(file)
		var w workflow
		if err == nil {
			err = yaml.Unmarshal(data, &w)
		}
		if err != nil {
			d.warn("workflows", finding.Finding{File: name, Message: "it cannot be read", Hint: "Look whether it is YAML."})
			continue
		}
		for _, job := range slices.Sorted(maps.Keys(w.Jobs)) {
			d.job(name, data, w, job, found)
		}
	}
	if len(found) == 0 {
		d.note("workflows", "none runs kasou: kasou init --action OWNER/kasou@COMMIT writes them")
		return
	}
	var parts []string
	for _, pipeline := range slices.Sorted(maps.Keys(found)) {
		parts = append(parts, pipeline+" by "+found[pipeline])
	}
	d.probe("workflows", nil, strings.Join(parts, ", "))
}

// job notes in found which pipelines a job runs, and warns where one cannot push.
func (d *doctor) job(file string, data []byte, w workflow, name string, found map[string]string) {
	job := w.Jobs[name]
	at, granted := []string{"permissions"}, w.Permissions
	if job.Permissions != nil {
		at, granted = []string{"jobs", name, "permissions"}, job.Permissions
	}
	for _, run := range job.runs() {
		found[run.pipeline] = path.Base(file)
		if !run.pushes || granted == nil || mayWrite(granted) {
			continue
		}
		f := finding.Finding{File: file, Message: fmt.Sprintf("the job %s runs kasou %s and publishes by commit, and its token may not push", name, run.pipeline),
			Hint: "Write permissions: {contents: write} for the job."}
		if document, err := position.Parse(data, 0); err == nil {
			f.Line, f.Column = document.KeyAt(at...)
		}
		d.warn("workflows", f)
	}
}

// mayWrite reports whether permissions of a workflow let its token push.
func mayWrite(permissions any) bool {
	if all, ok := permissions.(string); ok {
		return all == "write-all"
	}
	each, _ := permissions.(map[string]any)
	return each["contents"] == "write"
}

// hosts looks whether the hosts and Argo CD's cluster answer, side by side. Only specs with
// serviceCIDR: auto, register and drift --live need them.
func (d *doctor) hosts(ctx context.Context, r *workspace.Workspace) {
	if d.OpenHost == nil {
		return
	}
	names := r.Fleet.Spec.HostNames()
	probes := workspace.Each(ctx, len(names), names, func(ctx context.Context, name string) hostProbe {
		p := answers(ctx, r, name)
		p.name = strings.TrimPrefix(fleet.HostTitle(name), "the ")
		return p
	}, nil)
	argocd, err := r.Hosts.ArgoCD()
	switch own := r.Hosts.Of(fleet.Cluster{Spec: fleet.ClusterSpec{Host: names[0]}}); {
	case err != nil:
		at := r.Fleet.Finding(finding.Warning, RuleMissing, []string{"spec", "argocd"}, err.Error(), "Write spec.argocd.context; without it kasou drift --live and retire --live do not see Argo CD.")
		probes = append(probes, hostProbe{name: "argocd", wrong: &at})
	case len(names) > 1 || argocd != own:
		version, err := versionOf(ctx, argocd)
		p := hostProbe{name: "argocd", detail: "Argo CD's cluster answers, Kubernetes " + version}
		if err != nil {
			p.wrong = &finding.Finding{Message: err.Error(), Hint: strings.TrimSpace(host.Hint(err) + " Correct spec.argocd.context; without it kasou drift --live and retire --live do not see Argo CD.")}
		}
		probes = append(probes, p)
	}
	for _, p := range probes {
		switch {
		case p.wrong != nil:
			d.warn(p.name, *p.wrong)
		case p.unasked:
			d.note(p.name, p.detail)
		default:
			d.probe(p.name, nil, p.detail)
		}
	}
}

// hostProbe is what one cluster answers.
type hostProbe struct {
	name, detail string
	// unasked says that there is no kubeconfig for it.
	unasked bool
	wrong   *finding.Finding
}

// versionOf asks a cluster for its version. The error names the cluster.
func versionOf(ctx context.Context, a *workspace.Asked) (string, error) {
	const patience = 20 * time.Second
	asked, err := a.Open()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	version, err := asked.Version(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", patience)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", shown(asked), err)
	}
	return version, nil
}

func shown(asked *host.Host) string {
	return strings.TrimSpace(cmp.Or(asked.Context(), "no context") + " " + asked.Server())
}

// answers asks the host of a name whether it is the one that fleet.yaml describes.
func answers(ctx context.Context, r *workspace.Workspace, name string) hostProbe {
	a := r.Hosts.Of(fleet.Cluster{Spec: fleet.ClusterSpec{Host: name}})
	field, choose := fleet.HostField(name, "kubernetesVersion"), "--host-context"
	if name != "" {
		choose = strings.Join(fleet.HostField(name, "context"), ".")
	}
	asked, err := a.Open()
	if err != nil {
		return hostProbe{unasked: true, detail: "kasou register and drift --live will not run here: " + err.Error()}
	}
	version, err := versionOf(ctx, a)
	if err != nil {
		return hostProbe{wrong: &finding.Finding{Message: err.Error(), Hint: strings.TrimSpace(host.Hint(err) + " Choose the host with " + choose + "; without it only kasou register and drift --live fail.")}}
	}
	if wanted := r.Fleet.Spec.HostOf(name).KubernetesVersion; minor(version) != minor(wanted) {
		at := r.Fleet.Finding(finding.Warning, RuleMissing, field,
			fmt.Sprintf("%s has Kubernetes %s, and fleet.yaml says %s", shown(asked), version, wanted),
			"Correct "+strings.Join(field, ".")+", or choose the host with "+choose+".")
		return hostProbe{wrong: &at}
	}
	return hostProbe{detail: shown(asked) + " answers, Kubernetes " + version}
}

// minor returns a Kubernetes version up to its minor one, such as 1.34.
func minor(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}
