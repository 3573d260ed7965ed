package tree

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree/disk"
)

// deployedEnds are the ends of the file names that Argo CD's directory source
// reads, hidden files and links among them (manifestFile in
// reposerver/repository/repository.go of Argo CD 3.5).
var deployedEnds = []string{".yaml", ".yml", ".json", ".jsonnet"}

// Unknown returns an error finding for each file in the folder, at any depth, that Argo
// CD would deploy and known does not name. cluster is empty for a folder that belongs to
// none, such as root/. The folder, and the paths that known gets, are from the repo's
// root.
func Unknown(d *disk.Disk, cluster, folder string, known func(p string) bool) (finding.List, error) {
	files, err := d.Files(folder)
	var found finding.List
	for _, at := range files {
		if isDeployed(at) && !known(at) {
			found = append(found, unknownFile(cluster, at))
		}
	}
	if obstacle := obstacleIn(err, cluster); obstacle != nil {
		return append(found, *obstacle), nil
	}
	return found, err
}

// UnknownFile returns an error finding where the file p, from the repo's root,
// is there.
func UnknownFile(d *disk.Disk, cluster, p string) (finding.List, error) {
	files, err := d.Files(path.Dir(p))
	if _, there := slices.BinarySearch(files, p); there {
		return finding.List{unknownFile(cluster, p)}, nil
	}
	return nil, err
}

func unknownFile(cluster, at string) finding.Finding {
	return finding.Finding{
		File: at, Cluster: cluster, Rule: RuleUnknownFile, Severity: finding.Error,
		Message: "kasou did not write this file, and Argo CD would deploy it",
		Hint:    "Delete it. What belongs to a cluster beside its chart goes into clusters/NAME/extra/; anything else into an Application of its own, outside of the clusters folder.",
	}
}

// MoreThan reports whether the files in the folder that Argo CD would deploy, at any depth,
// have more than so many bytes. It looks no further than it has to: a large fleet has tens of
// thousands. A folder that is not there, or is no folder, has none.
func MoreThan(d *disk.Disk, folder string, bytes int64) (bool, error) {
	v := d.View()
	defer v.Close()
	err := v.Walk(folder, func(p string, entry fs.DirEntry) error {
		if !isDeployed(p) {
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another run has just taken it away
		}
		if err != nil {
			return err
		}
		if bytes -= info.Size(); bytes < 0 {
			return errMore
		}
		return nil
	})
	if obstacleIn(err, "") != nil {
		return false, nil // which Unknown reports
	}
	if errors.Is(err, errMore) {
		return true, nil
	}
	return false, err
}

var errMore = errors.New("it has more")

// Deployed returns what Argo CD deploys for a cluster as it stands on disk,
// whoever wrote it: all manifests, the Application, and the sealed cluster
// Secret where there is one. A link or a folder in the way is an error.
func Deployed(d *disk.Disk, cluster string) (manifest.Files, error) {
	v := d.View()
	defer v.Close()
	files := manifest.Files{}
	keep := func(p string) error {
		data, err := v.Read(p)
		if data != nil {
			files[p] = slices.Clone(data)
		}
		return err
	}
	at := layout.Of(d.Dir(), cluster)
	for _, file := range []string{at.Application(), at.Registration()} {
		if err := keep(file); err != nil {
			return nil, err
		}
	}
	return files, deployed(v, at.Manifest(), keep)
}

// deployed calls visit for each file below the folder that Argo CD deploys.
func deployed(v *disk.View, folder string, visit func(p string) error) error {
	return v.Walk(folder, func(p string, _ fs.DirEntry) error {
		if !isDeployed(p) {
			return nil
		}
		return visit(p)
	})
}

func isDeployed(p string) bool { return slices.Contains(deployedEnds, path.Ext(p)) }
