package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kasou/pipelines"
	"kasou/pipelines/finding"
	"kasou/pipelines/handover"
	"kasou/pipelines/report"
)

// handOverEnd ends the names of the files that shards hand over.
const handOverEnd = ".tar.gz"

// shardContradiction says which flags do not go together with --hand-over and --join.
func (c *ciCommand) shardContradiction(pipeline, publish string) error {
	switch {
	case pipeline != "build":
		return usagef("--hand-over and --join are for build, not for %s", pipeline)
	case c.handOver != "" && c.join != "":
		return usagef("--hand-over is for a shard, --join for the run after all of them: one at a time")
	case c.handOver != "" && c.shard == "":
		return usagef("--hand-over hands over a shard: say which with --shard i/n")
	case c.handOver != "" && publish != "none":
		return usagef("a shard that is handed over is published by the run that joins all: use --publish none")
	case c.handOver != "" && !strings.HasSuffix(c.handOver, handOverEnd):
		return usagef("--hand-over %q: the file's name has to end with %s", c.handOver, handOverEnd)
	case c.join != "" && c.shard != "":
		return usagef("--join takes all shards: leave out --shard")
	case c.join != "" && publish == "fail":
		return usagef("what is joined has to be written: use --publish commit or none")
	}
	return nil
}

// handingOver returns build, which writes what it built to the file of --hand-over, unless
// it failed.
func (c *ciCommand) handingOver(s *session, build pipelines.Pipeline) pipelines.Pipeline {
	return func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
		r, err := build(ctx, o)
		if err != nil || r.Failed() || len(r.Unfinished) > 0 {
			return r, err
		}
		file, err := os.OpenFile(s.env.path(c.handOver), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		err = pipelines.HandOver(ctx, o, r, thisBuild().id(), file)
		return r, errors.Join(err, file.Close())
	}
}

// joining returns the pipeline that takes what shards built from the folder of --join.
func (c *ciCommand) joining(s *session) (pipelines.Pipeline, error) {
	dir := s.env.path(c.join)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("--join %q: there is no such folder", c.join)
	}
	if err != nil {
		return nil, err
	}
	var parts []handover.Part
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), handOverEnd) {
			continue
		}
		part, err := readPart(filepath.Join(dir, e.Name()), s.dir)
		if err != nil {
			return nil, usagef("%s: %w", filepath.Join(c.join, e.Name()), err)
		}
		parts = append(parts, part)
	}
	fmt.Fprintf(c.env.Stderr, "kasou: joining %s\n", finding.Plural(len(parts), "shard"))
	return func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
		return pipelines.Join(ctx, o, parts, thisBuild().id())
	}, nil
}

func readPart(name, dir string) (handover.Part, error) {
	file, err := os.Open(name)
	if err != nil {
		return handover.Part{}, err
	}
	defer file.Close()
	return handover.Read(file, dir)
}
