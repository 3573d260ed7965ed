package tree

import (
	"io/fs"
	"path"
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
	for _, name := range []string{cluster + ".yaml", cluster + ".cluster.yaml"} {
		if err := keep(path.Join(dir, "root", name)); err != nil {
			return nil, err
		}
	}
	return files, d.walk(path.Join(dir, cluster, "manifests"), func(at string, entry fs.DirEntry) error {
		if isTemp(cluster, entry) || !deployed(entry.Name()) {
			return nil
		}
		return keep(at)
	})
}
