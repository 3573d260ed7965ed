package tree

import (
	"path"

	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
)

// Deployed gives what Argo CD deploys for a cluster as it stands on disk,
// whoever wrote it: all manifests, the Application, and the sealed cluster
// Secret where there is one. A link or a folder in the way is an error.
func (d *Disk) Deployed(cluster string) (manifest.Files, error) {
	v := d.visit()
	defer v.Close()
	files := manifest.Files{}
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
	return files, v.deployed(layout.Of(d.dir, cluster).Manifest(), keep)
}
