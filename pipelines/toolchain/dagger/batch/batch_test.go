//go:build unix

package batch

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the tool that the tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "tool" {
		tool(os.Args[2:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func tool(args []string) {
	switch args[0] {
	case "write":
		data, err := os.ReadFile("in/a.txt")
		if err != nil {
			panic(err)
		}
		_ = os.MkdirAll("out/deep", 0o755)
		_ = os.WriteFile("out/deep/a.txt", data, 0o644)
	case "print":
		fmt.Println(strings.Join(args[1:], " "))
	case "processors":
		fmt.Print(runtime.GOMAXPROCS(0))
	case "exit":
		fmt.Fprintln(os.Stderr, "secret words")
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Hour)
	case "flood":
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<10)); err != nil {
				os.Exit(1)
			}
		}
	case "fill":
		_ = os.Mkdir("out", 0o755)
		_ = os.WriteFile("out/a", make([]byte, 1<<20), 0o644)
	case "link":
		_ = os.Mkdir("out", 0o755)
		_ = os.Symlink("/etc/passwd", "out/link")
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "chatter":
		fmt.Fprint(os.Stderr, "begin", strings.Repeat("x", 1<<20), "end")
	}
}

// carried returns the results of the order, by the real way there and back.
func carried(t *testing.T, o Order) []*Result {
	t.Helper()
	dir := t.TempDir()
	var order bytes.Buffer
	if err := WriteOrder(&order, o); err != nil {
		t.Fatal(err)
	}
	file, out := filepath.Join(dir, OrderFile), filepath.Join(dir, "results")
	if err := os.WriteFile(file, order.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	if err := carryOut([]string{os.Args[0], "tool"}, file, out, work); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(work); !os.IsNotExist(err) {
		t.Errorf("the folders are left behind: %v", err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
		t.Errorf("the results are no text, at %d", i)
	}
	results, err := ReadResults(bytes.NewReader(text), len(o.Commands))
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestEachCommandHasItsOwnResult(t *testing.T) {
	cases := []struct {
		name    string
		command Command
		good    func(Result) bool
	}{
		{"files", Command{Args: []string{"write"}, Files: map[string][]byte{"in/a.txt": []byte("ä\x00")}, Output: "out"},
			func(r Result) bool {
				return r.Exit == 0 && len(r.Files) == 1 && string(r.Files["deep/a.txt"]) == "ä\x00"
			}},
		{"other files", Command{Args: []string{"write"}, Files: map[string][]byte{"in/a.txt": []byte("b")}, Output: "out"},
			func(r Result) bool { return string(r.Files["deep/a.txt"]) == "b" }},
		{"stdout", Command{Args: []string{"print", "a", "-n", Processors}}, func(r Result) bool {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(r.Stdout), "a -n ")))
			return err == nil && n > 0
		}},
		{"nothing written", Command{Args: []string{"print"}, Output: "out"}, func(r Result) bool { return r.Exit == 0 && len(r.Files) == 0 }},
		{"exit code", Command{Args: []string{"exit"}, Output: "out"}, func(r Result) bool { return r.Exit == 3 && r.Stderr == "secret words\n" }},
		{"silent", Command{Args: []string{"exit"}, Silent: true}, func(r Result) bool { return r.Exit == 3 && r.Stderr == "" }},
		{"late", Command{Args: []string{"sleep"}, Output: "out"}, func(r Result) bool { return r.Late && r.Exit != 0 }},
		{"prints too much", Command{Args: []string{"flood"}}, func(r Result) bool { return r.TooMuch && r.Exit != 0 }},
		{"writes too much", Command{Args: []string{"fill"}, Output: "out"}, func(r Result) bool { return r.TooMuch && len(r.Files) == 0 }},
		{"a link", Command{Args: []string{"link"}, Output: "out"}, func(r Result) bool { return r.Odd == "link" && len(r.Files) == 0 }},
		{"killed", Command{Args: []string{"die"}, Output: "out"}, func(r Result) bool { return r.Exit == 137 && !r.Late }},
		{"talks much", Command{Args: []string{"chatter"}}, func(r Result) bool {
			return len(r.Stderr) < 3*maxStderr && strings.HasPrefix(r.Stderr, "begin") && strings.HasSuffix(r.Stderr, "end")
		}},
	}
	o := Order{Limit: 5 * time.Second, Total: time.Minute, MaxOutput: 100 << 10, MaxAll: 1 << 20}
	for _, c := range cases {
		o.Commands = append(o.Commands, c.command)
	}
	results := carried(t, o)
	for i, c := range cases {
		if results[i] == nil || !c.good(*results[i]) {
			t.Errorf("%s: %+v", c.name, results[i])
		}
	}
}

func TestWhatIsLeftOverHasNoResult(t *testing.T) {
	long := Command{Args: []string{"print", strings.Repeat("x", 600)}}
	o := Order{Limit: time.Minute, Total: time.Minute, MaxOutput: 1 << 10, MaxAll: 1 << 10, Commands: []Command{long, long, long}}
	count := 0
	for _, r := range carried(t, o) {
		if r != nil {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d results, of which one is all that is allowed", count)
	}
	o.MaxAll, o.Total = 1<<20, -1
	for i, r := range carried(t, o) {
		if r != nil {
			t.Errorf("command %d was begun after the time was over", i)
		}
	}
}

func TestCommandsShareTheProcessors(t *testing.T) {
	o := Order{Limit: time.Minute, Total: time.Minute, MaxOutput: 1 << 10, MaxAll: 1 << 20}
	one := Command{Args: []string{"processors"}}
	for n, want := range map[int]int{1: runtime.NumCPU(), runtime.NumCPU() + 1: 1} {
		o.Commands = slices.Repeat([]Command{one}, n)
		for i, r := range carried(t, o) {
			if got := string(r.Stdout); got != strconv.Itoa(want) {
				t.Errorf("command %d of %d has %s processors, not %d", i, n, got, want)
			}
		}
	}
}

func TestAToolThatIsNotThere(t *testing.T) {
	o := Order{Limit: time.Minute, MaxOutput: 1, MaxAll: 1 << 20, Commands: make([]Command, 1)}
	r := run([]string{filepath.Join(t.TempDir(), "none")}, o, o.Commands[0], t.TempDir())
	if r.Exit != 127 || r.Stderr == "" {
		t.Errorf("%+v", r)
	}
}

func TestAnOrderIsTheSameEachTime(t *testing.T) {
	o := Order{Limit: 1, Commands: []Command{{Files: map[string][]byte{"a": nil, "b": []byte("x"), "c/d": nil}}, {Args: []string{"x"}}}}
	var first, again bytes.Buffer
	for range 20 {
		again.Reset()
		if err := WriteOrder(&again, o); err != nil {
			t.Fatal(err)
		}
		if first.Len() == 0 {
			first.Write(again.Bytes())
		}
		if !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Fatal("another order")
		}
	}
}

func TestResultsThatAreNone(t *testing.T) {
	for _, text := range []string{"", "no base64!", "YQ=="} {
		if _, err := ReadResults(strings.NewReader(text), 1); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
