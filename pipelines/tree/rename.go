package tree

import (
	"fmt"
	"path"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/tree/disk"
)

// Renamed returns a finding where the cluster's folder was another cluster's: its
// lock is that one's, which has no folder any more. Whatever that cluster left in
// root/ must then stay: nobody asked for it to be removed.
func Renamed(d *disk.Disk, cluster string) (*finding.Finding, error) {
	_, findings, err := ReadLock(d, cluster)
	for _, f := range findings {
		if f.Rule == RuleRenamed {
			return &f, err
		}
	}
	return nil, err
}

// renamedFrom returns the one other cluster whose files the lock lists, where that
// has no spec.yaml; else "".
func renamedFrom(d *disk.Disk, v *disk.View, l *lockfile.Lock) (string, error) {
	old := ""
	for p := range l.Files {
		of := layout.Owner(p)
		if of == "" || old != "" && of != old || !owned(of, p) {
			return "", nil
		}
		old = of
	}
	if old == "" {
		return "", nil
	}
	there, err := v.Exists(layout.Of(d.Dir(), old).Spec())
	if err != nil || there {
		return "", err
	}
	return old, nil
}

func renamed(dir, old, cluster string) finding.Finding {
	return finding.Finding{
		File: layout.Of(dir, cluster).Lock(), Cluster: cluster, Rule: RuleRenamed, Severity: finding.Error,
		Message: fmt.Sprintf("cluster %s was renamed to %s, and a running cluster cannot be: %s would be another cluster, and an empty one, and Argo CD would let go of %s with all that runs in it",
			old, cluster, cluster, old),
		Hint: fmt.Sprintf("Keep the name: git mv %s %s, and name: %s in its spec.yaml. If a new cluster in its place is meant, delete everything in %s but spec.yaml.",
			path.Join(dir, cluster), path.Join(dir, old), old, path.Join(dir, cluster)),
	}
}
