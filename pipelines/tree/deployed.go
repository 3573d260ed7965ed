package tree

import (
	"io/fs"
	"path"
	"slices"
)

// Deployed gives what Argo CD deploys for a cluster as it stands on disk,
// whoever wrote it: all manifests, the Application, and the sealed cluster
// Secret where there is one. A link or a folder in the way is an error.
func Deployed(root, dir, cluster string) (Files, error) {
	d, err := openDisk(root)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	files := Files{}
	keep := func(p string) error {
		data, err := d.readMaybe(p)
		if data != nil {
			files[p] = data
		}
		return err
	}
	for _, file := range sharedFiles(cluster) {
		if err := keep(path.Join(dir, file)); err != nil {
			return nil, err
		}
	}
	return files, d.manifests(dir, cluster, keep)
}

// manifests calls visit for each file in a cluster's manifests folder that Argo
// CD deploys.
func (d *disk) manifests(dir, cluster string, visit func(p string) error) error {
	return d.walk(path.Join(dir, cluster, "manifests"), func(p string, entry fs.DirEntry) error {
		read := slices.Contains([]string{".yaml", ".yml", ".json", ".jsonnet"}, path.Ext(entry.Name()))
		if !read || isTemp(cluster, entry) {
			return nil
		}
		return visit(p)
	})
}
