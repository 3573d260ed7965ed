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

// local returns the chart at a path below the repo's root: a folder or a .tgz.
func local(ctx context.Context, repo, chartPath string, limits Limits) (content, error) {
	name := path.Clean(chartPath)
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return content{}, pathProblem(chartPath, "is not inside the repo", "Write a path from the repo's root, without .. and without a leading slash.")
	}
	root, err := os.OpenRoot(repo)
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
		return folder(ctx, root, name, limits)
	case info.Mode().IsRegular():
		return localArchive(root, name, info.Size(), limits)
	}
	return content{}, pathProblem(chartPath, "is neither a folder nor a file", "Name a chart's folder or a .tgz.")
}

func localArchive(root *os.Root, name string, size int64, limits Limits) (content, error) {
	if size > limits.Compressed {
		p := tooLarge(name, limits.Compressed)
		p.Field = "path"
		return content{}, p
	}
	archive, err := root.ReadFile(name)
	if err != nil {
		return content{}, unusablePath(name, err)
	}
	return open(archive, limits, "", name, "path")
}

// folder packs a chart's folder. Its digest is of the uncompressed tar, so that
// neither a compressor's version nor the files' times change it.
func folder(ctx context.Context, root *os.Root, name string, limits Limits) (content, error) {
	dir, err := root.OpenRoot(name)
	if err != nil {
		return content{}, unusablePath(name, err)
	}
	defer dir.Close()
	w := folderWalk{ctx: ctx, root: dir, name: name, limits: limits}
	if err := w.readIgnore(); err != nil {
		return content{}, err
	}
	if err := w.dir("."); err != nil {
		return content{}, err
	}
	var chartYAML []byte
	for _, file := range w.files {
		if file.name == "Chart.yaml" {
			chartYAML = file.data
		}
	}
	metadata, problem := readMetadata(chartYAML, name, "path")
	if problem != nil {
		return content{}, problem
	}
	packed, err := pack(metadata.Name, w.files)
	if err != nil {
		return content{}, fmt.Errorf("packing %s: %w", name, err)
	}
	archive, err := compress(packed)
	if err != nil {
		return content{}, fmt.Errorf("packing %s: %w", name, err)
	}
	return open(archive, limits, manifest.Digest(packed), name, "path")
}

func pathProblem(name, what, hint string) *Problem {
	return &Problem{Rule: RulePath, Field: "path", Message: fmt.Sprintf("%s %s", name, what), Hint: hint}
}

// escapes reports whether os.Root refused to follow a link out of itself. It
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
		return pathProblem(name, "is below a file that is not a folder", "Write the chart's path from the repo's root.")
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
