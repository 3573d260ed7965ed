package baseline

import (
	"bytes"
	"context"

	"kasou/pipelines/difference"
)

// Difference returns, by meaning, what a file that a person wrote changes since the
// commit: that is where the differences of generated files come from. file is its path
// from the repo's root. It is empty where the commit does not have the file, and where
// the run shows bytes: those are of what kasou writes. The error is git's, or the disk's.
func (b *Baseline) Difference(ctx context.Context, file string) (string, error) {
	if b == nil || b.FullDiff {
		return "", nil
	}
	before, err := b.tree.File(ctx, file)
	if err != nil || before == nil {
		return "", err
	}
	after, err := b.Repository().ReadFile(file)
	if err != nil || bytes.Equal(before, after) {
		return "", err
	}
	return difference.Meaning([]difference.Change{{Path: file, Old: before, New: after}}), nil
}
