package handover

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// built returns a cluster with the files, by path from the clusters folder.
func built(t *testing.T, name string, files map[string]string) Cluster {
	t.Helper()
	lock := lockfile.Lock{APIVersion: lockfile.LockVersion, Kind: lockfile.LockKind, Files: map[string]string{}}
	c := Cluster{Name: name, About: json.RawMessage(`{"name":"` + name + `"}`), Files: manifest.Files{}}
	for file, text := range files {
		lock.Files[file] = manifest.Digest([]byte(text))
		c.Files["clusters/"+file] = []byte(text)
	}
	var err error
	if c.Lock, err = lock.Marshal(); err != nil {
		t.Fatal(err)
	}
	return c
}

func part(t *testing.T) Part {
	t.Helper()
	return Part{Format: format, Commit: "c0", Shard: 1, Shards: 2, Tools: map[string]string{"helm": "v3"}, Clusters: []Cluster{
		built(t, "a", map[string]string{"a/values.yaml": "x: 1\n", "a/manifests/namespace.yaml": "ns", "root/a.yaml": "app", "root/a.cluster.yaml": "sealed"}),
		{Name: "b", About: json.RawMessage(`{"name":"b"}`)},
	}}
}

func written(t *testing.T, p Part) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, "clusters", p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWriteAndRead(t *testing.T) {
	want := part(t)
	data := written(t, want)
	got, err := Read(bytes.NewReader(data), "clusters")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if !bytes.Equal(data, written(t, want)) {
		t.Error("the same part is not the same file")
	}
}

// entry is one of a file that somebody made.
type entry struct {
	name, text string
	kind       byte
}

func made(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	for _, e := range entries {
		h := &tar.Header{Typeflag: e.kind, Name: e.name, Mode: 0o644, Size: int64(len(e.text))}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		} else {
			h.Size, h.Linkname = 0, "/etc/passwd"
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == 0 {
			_, _ = w.Write([]byte(e.text))
		}
	}
	_, _ = w.Close(), zipped.Close()
	return b.Bytes()
}

// What is not a whole part, or has a file in a place that is not its cluster's, is
// refused: the run that joins has a token that may push.
func TestReadRefuses(t *testing.T) {
	c := built(t, "a", map[string]string{"a/values.yaml": "x: 1\n"})
	lock := entry{name: "clusters/a/lock.yaml", text: string(c.Lock)}
	values := entry{name: "clusters/a/values.yaml", text: "x: 1\n"}
	head := func(text string) entry { return entry{name: headName, text: text} }
	good := head(`{"format":"kasou/v1","commit":"c","shard":1,"shards":1,"clusters":[{"name":"a"}]}`)
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"not an archive":      {[]byte("text"), ""},
		"cut off":             {written(t, part(t))[:200], ""},
		"no head":             {made(t, values), "begins with"},
		"a head of no JSON":   {made(t, head("{")), "part.json"},
		"another format":      {made(t, head(`{"format":"kasou/v2"}`)), "take the same kasou for all shards"},
		"not sorted":          {made(t, head(`{"format":"kasou/v1","clusters":[{"name":"b"},{"name":"a"}]}`)), "not sorted"},
		"a cluster twice":     {made(t, head(`{"format":"kasou/v1","clusters":[{"name":"a"},{"name":"a"}]}`)), "not sorted"},
		"a file missing":      {made(t, good, lock), "the shard did not end"},
		"a lock missing":      {made(t, good, values), "the lock of a"},
		"another content":     {made(t, good, lock, entry{name: values.name, text: "x: 2\n"}), "not as its lock has it"},
		"a file more":         {made(t, good, lock, values, entry{name: "clusters/a/manifests/more.yaml"}), "the shard did not end"},
		"a file twice":        {made(t, good, lock, values, values), "twice"},
		"a lock twice":        {made(t, good, lock, lock, values), "twice"},
		"a link":              {made(t, good, lock, entry{name: values.name, kind: tar.TypeSymlink}), "not a generated file"},
		"a spec":              {made(t, good, entry{name: "clusters/a/spec.yaml"}), "not a generated file"},
		"an extra":            {made(t, good, entry{name: "clusters/a/extra/x.yaml"}), "not a generated file"},
		"another cluster":     {made(t, good, entry{name: "clusters/b/values.yaml"}), "not a generated file"},
		"another's in root":   {made(t, good, entry{name: "clusters/root/b.yaml"}), "not a generated file"},
		"fleet.yaml":          {made(t, good, entry{name: "clusters/fleet.yaml"}), "not a generated file"},
		"a workflow":          {made(t, good, entry{name: ".github/workflows/x.yaml"}), "not a generated file"},
		"a way out":           {made(t, good, entry{name: "clusters/a/manifests/../../../x"}), "not a generated file"},
		"an absolute path":    {made(t, good, entry{name: "/clusters/a/values.yaml"}), "not a generated file"},
		"too large":           {made(t, good, entry{name: values.name, text: strings.Repeat("x", maximumFile+1)}), "are read at most"},
		"a lock at work":      {made(t, good, entry{name: lock.name, text: string(c.Lock) + "writing: true\n"}, values), "did not end"},
		"a lock of no format": {made(t, good, entry{name: lock.name, text: "a: 1\n"}, values), "the lock of a"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(bytes.NewReader(test.data), "clusters"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, err := Read(bytes.NewReader(made(t, good, lock, values)), "clusters"); err != nil {
		t.Errorf("a whole part: %v", err)
	}
}

func TestTogether(t *testing.T) {
	shard := func(n, of int, names ...string) Part {
		p := Part{Commit: "c", Shard: n, Shards: of, Tools: map[string]string{"helm": "v3"}}
		for _, name := range names {
			p.Clusters = append(p.Clusters, Cluster{Name: name})
		}
		return p
	}
	other := shard(2, 2, "b")
	other.Tools = map[string]string{"helm": "v4"}
	for name, test := range map[string]struct {
		parts []Part
		want  string
	}{
		"whole":             {[]Part{shard(2, 2, "b"), shard(1, 2, "a", "c")}, ""},
		"none":              {nil, "there are no parts"},
		"one missing":       {[]Part{shard(1, 2, "a", "b", "c")}, "1 of 2 shards"},
		"one twice":         {[]Part{shard(1, 2, "a"), shard(1, 2, "b")}, "twice"},
		"of another number": {[]Part{shard(1, 2, "a"), shard(2, 3, "b")}, "not of one build"},
		"no number":         {[]Part{shard(0, 0, "a", "b", "c")}, "not of one build"},
		"other tools":       {[]Part{shard(1, 2, "a", "c"), other}, "different tools"},
		"a cluster missing": {[]Part{shard(1, 2, "a"), shard(2, 2, "b")}, "2 clusters"},
		"a cluster twice":   {[]Part{shard(1, 2, "a", "b"), shard(2, 2, "b")}, "or others"},
		"another cluster":   {[]Part{shard(1, 2, "a", "x"), shard(2, 2, "b")}, "or others"},
	} {
		all, err := Together(test.parts, "c", []string{"c", "a", "b"})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && fmt.Sprint(all[0].Name, all[1].Name, all[2].Name) != "abc" {
			t.Errorf("%s: %v", name, all)
		}
	}
	if _, err := Together([]Part{shard(1, 1, "a")}, "d", []string{"a"}); err == nil || !strings.Contains(err.Error(), "built from c, and d is checked out") {
		t.Errorf("another commit: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read(bytes.NewReader(data), "clusters")
		if err != nil {
			return
		}
		for _, c := range p.Clusters {
			for name := range c.Files {
				if ownerOf("clusters", name) != c.Name {
					t.Errorf("%q is of %q", name, c.Name)
				}
			}
		}
	})
}
