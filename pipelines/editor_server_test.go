package pipelines_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
)

// languageServerEnv names yaml-language-server, which editors run.
const languageServerEnv = "KASOU_YAML_LANGUAGE_SERVER"

// languageServer is yaml-language-server over stdio, as an editor talks to it.
type languageServer struct {
	t   *testing.T
	in  io.Writer
	got chan message
	id  int
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
}

// startLanguageServer begins a session in the folder, without anything of the network.
func startLanguageServer(t *testing.T, root string) *languageServer {
	t.Helper()
	program := os.Getenv(languageServerEnv)
	if program == "" {
		t.Skipf("SKIPPED: no yaml-language-server: name it in %s", languageServerEnv)
	}
	c := exec.CommandContext(t.Context(), program, "--stdio")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s := &languageServer{t: t, in: in, got: make(chan message, 100)}
	go s.read(out)
	t.Cleanup(func() { _ = in.Close(); _ = c.Process.Kill(); _ = c.Wait() })
	s.request("initialize", map[string]any{"processId": nil, "rootUri": "file://" + root, "capabilities": map[string]any{}})
	s.notify("initialized", map[string]any{})
	s.notify("workspace/didChangeConfiguration", map[string]any{"settings": map[string]any{"yaml": map[string]any{
		"validate": true, "completion": true, "hover": true, "schemaStore": map[string]any{"enable": false}}}})
	return s
}

func (s *languageServer) read(out io.Reader) {
	defer close(s.got)
	r := bufio.NewReader(out)
	for {
		head, err := textproto.NewReader(r).ReadMIMEHeader()
		if err != nil {
			return
		}
		size, err := strconv.Atoi(head.Get("Content-Length"))
		if err != nil {
			return
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		var m message
		if json.Unmarshal(body, &m) == nil {
			s.got <- m
		}
	}
}

func (s *languageServer) send(m map[string]any) {
	m["jsonrpc"] = "2.0"
	body, err := json.Marshal(m)
	if err == nil {
		_, err = fmt.Fprintf(s.in, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *languageServer) notify(method string, params any) {
	s.send(map[string]any{"method": method, "params": params})
}

func (s *languageServer) request(method string, params any) json.RawMessage {
	s.t.Helper()
	s.id++
	s.send(map[string]any{"id": s.id, "method": method, "params": params})
	return s.wait(func(m message) bool { return m.Method == "" && m.ID == s.id }).Result
}

// wait returns the first message that is wanted. It answers what the server asks.
func (s *languageServer) wait(wanted func(message) bool) message {
	s.t.Helper()
	for {
		select {
		case m, open := <-s.got:
			switch {
			case !open:
				s.t.Fatal("the server has ended")
			case wanted(m):
				return m
			case m.Method != "" && m.ID != 0:
				s.send(map[string]any{"id": m.ID, "result": nil})
			}
		case <-time.After(time.Minute):
			s.t.Fatal("the server does not answer")
		}
	}
}

// open opens a new file with the text in the folder, and returns what the editor would
// underline: of each file the server tells once.
func (s *languageServer) open(folder, text string) (uri string, problems []string) {
	s.t.Helper()
	s.id++
	uri = fmt.Sprintf("file://%s/spec-%d.yaml", folder, s.id)
	s.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "yaml", "version": s.id, "text": text}})
	var diagnostics struct {
		URI         string
		Diagnostics []struct {
			Message string
			Range   struct{ Start struct{ Line int } }
		}
	}
	s.wait(func(m message) bool {
		return m.Method == "textDocument/publishDiagnostics" && json.Unmarshal(m.Params, &diagnostics) == nil &&
			diagnostics.URI == uri
	})
	for _, d := range diagnostics.Diagnostics {
		problems = append(problems, fmt.Sprintf("%d: %s", d.Range.Start.Line+1, d.Message))
	}
	return uri, problems
}

// In an editor: a spec that kasou wrote is checked by the values of its own chart, and
// completed by them, with their descriptions, once kasou lock has run.
func TestAnEditorKnowsTheChartsValues(t *testing.T) {
	repo := fleettest.New(t, "1.34.1")
	s := startLanguageServer(t, repo.Root)
	for name, version := range map[string]string{"old": "0.4.3", "new": "0.30.0"} {
		repo.Copy(t, "charts/vcluster-"+version+".tgz", upstream.Chart(t, "vcluster-"+version))
		repo.Write(t, "clusters/"+name+"/spec.yaml", []byte("# yaml-language-server: $schema=../spec.schema.json\napiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: "+name+"}\nspec:\n  chart: {path: charts/vcluster-"+version+".tgz}\n"))
	}
	r, err := pipelines.Lock(t.Context(), repo.Options(t, tools(t)), false)
	fleettest.MustPass(t, r, err)
	for _, c := range []struct{ cluster, values, problem, inside, offers, says string }{
		{"new", "  values:\n    controlPlane:\n      distro:\n        k8s:\n          enabled: true\n", "", "  values:\n    controlPlane:\n      ", "statefulSet", "StatefulSet"},
		{"new", "  values:\n    controlPlane:\n      statefulSet:\n        highAvailability:\n          replicas: many\n", "11: ", "", "", ""},
		{"new", "  values:\n    controlPlaine: {}\n", "8: ", "", "", ""},
		{"old", "  values:\n    syncer:\n      extraArgs: [--x]\n", "", "  values:\n    ", "syncer", "\"documentation\":\"Syncer configuration\""},
		{"old", "  namspace: a\n", "7: ", "", "", ""},
	} {
		folder := filepath.Join(repo.Root, "clusters", c.cluster)
		text := string(repo.Read(t, "clusters/"+c.cluster+"/spec.yaml"))
		if _, problems := s.open(folder, text+c.values); len(problems) > 0 != (c.problem != "") || c.problem != "" && !strings.HasPrefix(problems[0], c.problem) {
			t.Errorf("%s with\n%s%q", c.cluster, c.values, problems)
		}
		if c.inside == "" {
			continue
		}
		text += c.inside
		uri, _ := s.open(folder, text)
		line, at := strings.Count(text, "\n"), len(text)-strings.LastIndex(text, "\n")-1
		offered := string(s.request("textDocument/completion", map[string]any{
			"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": at}}))
		if !strings.Contains(offered, `"label":"`+c.offers+`"`) || !strings.Contains(offered, c.says) {
			t.Errorf("%s: %s is not offered: %.3000s", c.cluster, c.offers, offered)
		}
	}
}
