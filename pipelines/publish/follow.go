package publish

import (
	"context"
	"strings"
)

// follow brings the working copy to the published commit, as `git checkout`
// would: files that people changed stay as they are, and where one of them is in
// the way nothing happens. What was published stands whatever becomes of it, so
// it only logs.
func (j *job) follow(ctx context.Context) {
	if !j.home {
		return
	}
	if err := j.advance(ctx); err != nil {
		j.Log("The working copy stays where it was (" + scrub(err.Error()) + "). Move away what is in the way, and git pull brings it the commit")
	}
}

func (j *job) advance(ctx context.Context) error {
	if head, err := j.git.line(ctx, "rev-parse", "HEAD"); err != nil || head != j.head {
		return err
	}
	from := j.head
	written, err := j.written(ctx)
	if err != nil {
		return err
	}
	if j.own != nil {
		from = j.own.id
	}
	if err := j.git.setEntries(ctx, written); err != nil {
		return err
	}
	_, _ = j.git.run(ctx, nil, "update-index", "-q", "--refresh") // says no for every changed file
	_, err = j.git.run(ctx, nil, "read-tree", "-m", "-u", from, j.ready.id)
	if err == nil {
		_, err = j.git.run(ctx, nil, "update-ref", "-m", "kasou: publish", j.local, j.ready.id, j.head)
	}
	if err != nil {
		j.restore(ctx, written)
	}
	return err
}

// written returns the index entries of the files that the build wrote on disk:
// all of those in the own commit, else those that are as published.
func (j *job) written(ctx context.Context) ([]string, error) {
	if j.own != nil {
		return j.own.entries, nil
	}
	published := map[string]bool{}
	for _, e := range j.ready.entries {
		published[e] = true
	}
	onDisk, err := j.git.onDisk(ctx, j.Root, j.built.Files, len(j.head))
	if err != nil {
		return nil, err
	}
	var same []string
	for _, e := range onDisk {
		if published[e] {
			same = append(same, e)
		}
	}
	return same, nil
}

// restore puts the entries of HEAD back into the index.
func (j *job) restore(ctx context.Context, entries []string) {
	if len(entries) == 0 {
		return
	}
	var files strings.Builder
	for _, e := range entries {
		_, file, _ := strings.Cut(e, "\t")
		files.WriteString(file)
	}
	_, _ = j.git.run(ctx, []byte(files.String()), "reset", "--quiet", "--pathspec-from-file=-", "--pathspec-file-nul", j.head)
}
