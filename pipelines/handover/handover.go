// Package handover carries what one shard of a build wrote to the run that joins all
// shards: as a file, a gzipped tar, whose first entry says what the others are.
package handover

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// format is the version of the file; another one is refused.
const format = "kasou/v1"

const (
	// headName is the first entry.
	headName = "part.json"
	// maximumHead and maximumFile bound what is read, in bytes: a rendered file has some
	// KB, and 10,000 clusters fill 3 MB of head.
	maximumHead = 256 << 20
	maximumFile = 16 << 20
)

// Part is what one shard built.
type Part struct {
	Format string `json:"format"`
	// Commit is that which was built, and Shard of Shards the part of its fleet.
	Commit string `json:"commit"`
	Shard  int    `json:"shard"`
	Shards int    `json:"shards"`
	// Tools are the versions of what built it, kasou's own too.
	Tools map[string]string `json:"tools"`
	// Clusters are all of the shard, those that did not change too, sorted by name.
	Clusters []Cluster `json:"clusters"`
}

// Cluster is one cluster of a part.
type Cluster struct {
	Name string `json:"name"`
	// About is what the report says of it.
	About json.RawMessage `json:"about,omitempty"`
	// Claims are its objects that other clusters, of other shards too, could bring.
	Claims []manifest.Claim `json:"claims,omitempty"`
	// Lock is its lock.yaml, and Files all others of its generated files, by path from the
	// repo's root. Both are nil where nothing changed.
	Lock  []byte         `json:"-"`
	Files manifest.Files `json:"-"`
}

// Write writes a part, its clusters' files below dir, the clusters folder.
func Write(w io.Writer, dir string, p Part) error {
	p.Format = format
	head, err := json.Marshal(p)
	if err != nil {
		return err
	}
	zipped := gzip.NewWriter(w)
	out := tar.NewWriter(zipped)
	put := func(name string, data []byte) {
		if err == nil {
			err = out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: time.Unix(0, 0)})
		}
		if err == nil {
			_, err = out.Write(data)
		}
	}
	put(headName, head)
	for _, c := range p.Clusters {
		if c.Lock == nil {
			continue
		}
		put(layout.Of(dir, c.Name).Lock(), c.Lock)
		for _, name := range slices.Sorted(maps.Keys(c.Files)) {
			put(name, c.Files[name])
		}
	}
	return errors.Join(err, out.Close(), zipped.Close())
}

// Read reads a part. What is in it is held to itself: every file is a cluster's own, in a
// place that kasou writes, and as the cluster's lock has it; none is missing.
func Read(r io.Reader, dir string) (Part, error) {
	var p Part
	zipped, err := gzip.NewReader(r)
	if err != nil {
		return p, err
	}
	in := tar.NewReader(zipped)
	if err := readHead(in, &p); err != nil {
		return p, err
	}
	places := map[string]int{}
	for i, c := range p.Clusters {
		if i > 0 && p.Clusters[i-1].Name >= c.Name {
			return p, fmt.Errorf("the clusters are not sorted at %q", c.Name)
		}
		places[c.Name] = i
	}
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return p, p.whole(dir)
		}
		if err != nil {
			return p, err
		}
		i, known := places[ownerOf(dir, header.Name)]
		if !known || header.Typeflag != tar.TypeReg {
			return p, fmt.Errorf("%q is not a generated file of the part's clusters", header.Name)
		}
		data, err := readAll(in, header, maximumFile)
		if err != nil {
			return p, err
		}
		if err := p.Clusters[i].take(dir, header.Name, data); err != nil {
			return p, err
		}
	}
}

func readHead(in *tar.Reader, p *Part) error {
	header, err := in.Next()
	if err != nil {
		return err
	}
	if header.Name != headName {
		return fmt.Errorf("it begins with %q, not with %s", header.Name, headName)
	}
	data, err := readAll(in, header, maximumHead)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, p); err != nil {
		return fmt.Errorf("%s: %w", headName, err)
	}
	if p.Format != format {
		return fmt.Errorf("it has the format %q; this kasou reads %s: take the same kasou for all shards", p.Format, format)
	}
	return nil
}

func readAll(r io.Reader, header *tar.Header, most int64) ([]byte, error) {
	if header.Size > most {
		return nil, fmt.Errorf("%q has %d bytes, and %d are read at most", header.Name, header.Size, most)
	}
	return io.ReadAll(io.LimitReader(r, most))
}

// ownerOf returns the cluster whose generated file it is; empty for any other path.
func ownerOf(dir, name string) string {
	if path.Clean(name) != name {
		return ""
	}
	below, ok := strings.CutPrefix(name, dir+"/")
	folder, rest, deep := strings.Cut(below, "/")
	switch {
	case !ok || !deep:
		return ""
	case folder == layout.Root:
		cluster, _ := layout.ClusterOf(rest)
		return cluster
	case rest == layout.Lock, rest == layout.Values, strings.HasPrefix(rest, layout.Manifests+"/"):
		return folder
	}
	return ""
}

func (c *Cluster) take(dir, name string, data []byte) error {
	if name == layout.Of(dir, c.Name).Lock() {
		if c.Lock != nil {
			return fmt.Errorf("%q is in it twice", name)
		}
		c.Lock = data
		return nil
	}
	if _, twice := c.Files[name]; twice {
		return fmt.Errorf("%q is in it twice", name)
	}
	if c.Files == nil {
		c.Files = manifest.Files{}
	}
	c.Files[name] = data
	return nil
}

// whole returns an error unless each cluster has exactly the files of its lock.
func (p *Part) whole(dir string) error {
	for _, c := range p.Clusters {
		if c.Lock == nil && len(c.Files) == 0 {
			continue
		}
		lock, err := lockfile.Parse(c.Lock)
		if err != nil {
			return fmt.Errorf("the lock of %s: %w", c.Name, err)
		}
		if lock.Writing || len(lock.Files) != len(c.Files) {
			return fmt.Errorf("%s has %d files, and its lock has %d: the shard did not end", c.Name, len(c.Files), len(lock.Files))
		}
		for name, digest := range lock.Files {
			if data, ok := c.Files[path.Join(dir, name)]; !ok || !manifest.HasDigest(data, digest) {
				return fmt.Errorf("%s of %s is missing, or is not as its lock has it", name, c.Name)
			}
		}
	}
	return nil
}

// Together returns the clusters of all parts, sorted by name, or an error unless they are
// the shards of one build: each once, of the commit, by the same tools, and together with
// exactly the clusters named.
func Together(parts []Part, commit string, clusters []string) ([]Cluster, error) {
	if len(parts) == 0 {
		return nil, errors.New("there are no parts: each shard writes one by --hand-over")
	}
	seen := map[int]bool{}
	var all []Cluster
	for _, p := range parts {
		switch {
		case p.Commit != commit:
			return nil, fmt.Errorf("the shard %d/%d was built from %s, and %s is checked out", p.Shard, p.Shards, p.Commit, commit)
		case p.Shards != parts[0].Shards || p.Shard < 1 || p.Shard > p.Shards:
			return nil, fmt.Errorf("the shards %d/%d and %d/%d are not of one build", parts[0].Shard, parts[0].Shards, p.Shard, p.Shards)
		case seen[p.Shard]:
			return nil, fmt.Errorf("the shard %d/%d is there twice", p.Shard, p.Shards)
		case !maps.Equal(p.Tools, parts[0].Tools):
			return nil, fmt.Errorf("the shards %d/%d and %d/%d were built by different tools", parts[0].Shard, p.Shards, p.Shard, p.Shards)
		}
		seen[p.Shard] = true
		all = append(all, p.Clusters...)
	}
	if len(seen) != parts[0].Shards {
		return nil, fmt.Errorf("%d of %d shards are there", len(seen), parts[0].Shards)
	}
	slices.SortFunc(all, func(a, b Cluster) int { return strings.Compare(a.Name, b.Name) })
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	if wanted := slices.Sorted(slices.Values(clusters)); !slices.Equal(names, wanted) {
		return nil, fmt.Errorf("the shards have %d clusters, and the fleet has %d, or others", len(names), len(wanted))
	}
	return all, nil
}
