package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"kasou/internal/cli"
)

// The pages are the same on every machine, and every command has one.
func TestTheManualIsTheSameEverywhere(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	first, second := t.TempDir(), t.TempDir()
	if err := write(cli.Command(), first); err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(7))
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("HOME", second)
	if err := write(cli.Command(), second); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(first, "*", "*"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%v: %d files", err, len(pages))
	}
	for _, page := range pages {
		name := strings.TrimPrefix(page, first)
		one, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if other, err := os.ReadFile(second + name); err != nil || string(one) != string(other) {
			t.Errorf("%s is another one elsewhere (%v)", name, err)
		}
	}
	for _, c := range cli.Command().Commands() {
		if _, err := os.Stat(filepath.Join(first, "man", "kasou-"+c.Name()+".1")); err != nil && c.IsAvailableCommand() {
			t.Errorf("%s has no page: %v", c.Name(), err)
		}
	}
}
