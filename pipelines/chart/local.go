package chart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"kasou/pipelines/manifest"
)

// local gives the chart at a path below the repo's root: a folder or a .tgz.
func (s *Store) local(ctx context.Context, chartPath string) (content, error) {
	name := path.Clean(chartPath)
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return content{}, pathProblem(chartPath, "is not inside the repo", "Write a path from the repo's root, without .. and without a leading slash.")
	}
	root, err := os.OpenRoot(s.root)
	if err != nil {
		return content{}, fmt.Errorf("opening the repo's root: %w", err)
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err != nil {
		return content{}, unusablePath(chartPath, err)
	}
	switch {
	case info.IsDir():
		return s.folder(ctx, root, name)
	case info.Mode().IsRegular():
		return s.localArchive(root, name, info.Size())
	}
	return content{}, pathProblem(chartPath, "is neither a folder nor a file", "Name a chart's folder or a .tgz.")
}

func (s *Store) localArchive(root *os.Root, name string, size int64) (content, error) {
	if size > s.limits.Compressed {
		p := tooLarge(name, s.limits.Compressed)
		p.Field = "path"
		return content{}, p
	}
	archive, err := root.ReadFile(name)
	if err != nil {
		return content{}, unusablePath(name, err)
	}
	return s.open(archive, "", name, "path")
}

// folder packs a chart's folder. Its digest is of the uncompressed tar, so that
// neither a compressor's version nor the files' times change it.
func (s *Store) folder(ctx context.Context, root *os.Root, name string) (content, error) {
	dir, err := root.OpenRoot(name)
	if err != nil {
		return content{}, unusablePath(name, err)
	}
	defer dir.Close()
	files, err := s.walk(ctx, dir, name)
	if err != nil {
		return content{}, err
	}
	var chartYAML []byte
	for _, file := range files {
		if file.name == "Chart.yaml" {
			chartYAML = file.data
		}
	}
	metadata, problem := readMetadata(chartYAML, name, "path")
	if problem != nil {
		return content{}, problem
	}
	packed, err := pack(metadata.Name, files)
	if err != nil {
		return content{}, fmt.Errorf("packing %s: %w", name, err)
	}
	archive, err := compress(packed)
	if err != nil {
		return content{}, fmt.Errorf("packing %s: %w", name, err)
	}
	return s.open(archive, manifest.Digest(packed), name, "path")
}

// walk reads the files that Helm would load from the folder, in Helm's order.
func (s *Store) walk(ctx context.Context, dir *os.Root, name string) ([]packedFile, error) {
	w := folderWalk{ctx: ctx, root: dir, name: name, limits: s.limits}
	if err := w.readIgnore(); err != nil {
		return nil, err
	}
	if err := w.dir("."); err != nil {
		return nil, err
	}
	return w.files, nil
}

func pathProblem(name, what, hint string) *Problem {
	return &Problem{Rule: RulePath, Field: "path", Message: fmt.Sprintf("%s %s", name, what), Hint: hint}
}

// escapes says whether os.Root refused to follow a link out of itself. It
// exports no error value for that, only these words.
func escapes(err error) bool {
	var pathError *fs.PathError
	return errors.As(err, &pathError) && pathError.Err.Error() == "path escapes from parent"
}

// unusablePath explains why a path cannot be opened.
func unusablePath(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return pathProblem(name, "is not there", "Write the chart's path from the repo's root.")
	case errors.Is(err, fs.ErrPermission):
		return pathProblem(name, "may not be read", "Give yourself the right to read it.")
	case errors.Is(err, syscall.ELOOP):
		return pathProblem(name, "is a symbolic link that leads to itself", "Remove the link.")
	case errors.Is(err, syscall.ENOTDIR):
		return pathProblem(name, "is below a file that is no folder", "Write the chart's path from the repo's root.")
	case escapes(err):
		return pathProblem(name, "leaves the repo through a symbolic link", "Copy the chart into the repo, or name the repository that has it.")
	}
	return fmt.Errorf("reading chart %s: %w", name, err)
}

// readRegular reads at most one byte more than limit.
func readRegular(root *os.Root, name string, limit int64) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit+1))
}
