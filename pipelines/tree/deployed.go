package tree

import (
	"path"
	"slices"
)

// Deployed gives what Argo CD deploys for a cluster as it stands on disk,
// whoever wrote it: all manifests, the Application, and the sealed cluster
// Secret where there is one. A link or a folder in the way is an error.
func (d *Disk) Deployed(cluster string) (Files, error) {
	v := d.visit()
	defer v.Close()
	files := Files{}
	keep := func(p string) error {
		data, err := v.readMaybe(p)
		if data != nil {
			files[p] = data
		}
		return err
	}
	for _, file := range sharedFiles(cluster) {
		if err := keep(path.Join(d.dir, file)); err != nil {
			return nil, err
		}
	}
	return files, v.manifests(cluster, keep)
}

// manifests calls visit for each file in a cluster's manifests folder that Argo
// CD deploys.
func (v *visit) manifests(cluster string, visit func(p string) error) error {
	return v.walk(path.Join(v.disk.dir, cluster, "manifests"), func(p string, e entry) error {
		read := slices.Contains([]string{".yaml", ".yml", ".json", ".jsonnet"}, path.Ext(e.name))
		if !read || isTemp(cluster, e) {
			return nil
		}
		return visit(p)
	})
}
