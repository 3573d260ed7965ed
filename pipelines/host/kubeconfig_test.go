package host

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	remote "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

const (
	namespacePath = "GET /api/v1/namespaces/dev"
	execPath      = "/api/v1/namespaces/dev/pods/dev-0/exec"
)

// podSays is a kubelet's end of an exec over SPDY: what cat prints, and how it
// ends.
func podSays(t *testing.T, out string, exitCode int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query()["command"]; strings.Join(got, " ") != "cat /root/.kube/config" || r.URL.Query().Get("container") != "syncer" {
			t.Errorf("runs %q in %q", got, r.URL.Query().Get("container"))
		}
		if _, err := httpstream.Handshake(r, w, []string{remote.StreamProtocolV4Name}); err != nil {
			t.Error(err)
			return
		}
		opened := make(chan httpstream.Stream, 3)
		connection := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
			opened <- s
			return nil
		})
		if connection == nil {
			t.Error("no SPDY")
			return
		}
		streams := map[string]httpstream.Stream{}
		for range 3 {
			s := <-opened
			streams[s.Headers().Get("streamType")] = s
		}
		fmt.Fprint(streams["stdout"], out)
		fmt.Fprint(streams["error"], exitStatus(exitCode))
		for _, s := range streams {
			_ = s.Close()
		}
	}
}

func exitStatus(code int) string {
	if code == 0 {
		return `{"metadata":{},"status":"Success"}`
	}
	return fmt.Sprintf(`{"metadata":{},"status":"Failure","message":"command terminated","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"%d"}]}}`, code)
}

func TestKubeconfig(t *testing.T) {
	full := map[string][]byte{"config": []byte("the file"), "token": []byte("newer charts have more keys")}
	allowed := KubeconfigRequest{Namespace: "dev", Name: "dev", Exec: true}
	there := reply(http.StatusOK, map[string]any{"kind": "Namespace", "apiVersion": "v1"})
	for _, test := range []struct {
		name    string
		answers map[string]http.HandlerFunc
		request KubeconfigRequest
		state   State
		data    string
		kind    string
		exec    string // the beginning of why the pod did not help
	}{
		{"0.4.3: the key config alone", map[string]http.HandlerFunc{secretPath: secretOf(map[string][]byte{"config": []byte("the file")})}, dev, Ready, "the file", "", ""},
		{"newer", map[string]http.HandlerFunc{secretPath: secretOf(full)}, dev, Ready, "the file", "", ""},
		{"not booted", map[string]http.HandlerFunc{namespacePath: there}, dev, Pending, "", "", ""},
		{"never deployed", nil, dev, NoNamespace, "", "", ""},
		{"not booted, and the namespace is not ours to see", map[string]http.HandlerFunc{namespacePath: forbidden("namespaces")}, dev, Pending, "", "", ""},
		{"an empty Secret", map[string]http.HandlerFunc{secretPath: secretOf(nil)}, dev, EmptySecret, "", "", ""},
		{"an empty key", map[string]http.HandlerFunc{secretPath: secretOf(map[string][]byte{"config": {}})}, dev, EmptySecret, "", "", ""},
		{"forbidden", map[string]http.HandlerFunc{secretPath: forbidden("secrets")}, allowed, Ready, "", "forbidden", ""},
		{"another's Secret", map[string]http.HandlerFunc{secretPath: reply(http.StatusOK, map[string]any{"kind": "Secret", "data": full})}, dev, Ready, "", "unreachable", ""},
		{"in the pod", map[string]http.HandlerFunc{"POST " + execPath: podSays(t, "from the pod", 0)}, allowed, Ready, "from the pod", "", ""},
		{"in the pod, as the key is empty", map[string]http.HandlerFunc{secretPath: secretOf(nil), "POST " + execPath: podSays(t, "from the pod", 0)}, allowed, Ready, "from the pod", "", ""},
		{"in the pod, not allowed by the caller", map[string]http.HandlerFunc{namespacePath: there, "POST " + execPath: podSays(t, "from the pod", 0)}, dev, Pending, "", "", ""},
		{"no file in the pod", map[string]http.HandlerFunc{namespacePath: there, "POST " + execPath: podSays(t, "", 1)}, allowed, Pending, "", "", "cat ended with exit code 1"},
		{"an empty file in the pod", map[string]http.HandlerFunc{namespacePath: there, "POST " + execPath: podSays(t, "", 0)}, allowed, Pending, "", "", "the file is empty"},
		{"a pod without end", map[string]http.HandlerFunc{namespacePath: there, "POST " + execPath: podSays(t, strings.Repeat("x", maximumFile+1), 0)}, allowed, Pending, "", "", "far too long"},
		{"no pod", map[string]http.HandlerFunc{namespacePath: there}, allowed, Pending, "", "", "there is no such pod"},
		{"a pod that is not ours to enter", map[string]http.HandlerFunc{namespacePath: there, "POST " + execPath: forbidden("pods/exec")}, allowed, Pending, "", "", "the host forbids create pods/exec dev-0 in namespace dev"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ReadKubeconfig(background(t), opened(t, serve(t, test.answers), Options{}), test.request)
			if kindOf(err) != test.kind || got.State != test.state || string(got.Data) != test.data {
				t.Fatalf("%s, %d bytes, error %v", got, len(got.Data), err)
			}
			if (got.Exec == nil) != (test.exec == "") || got.Exec != nil && !strings.Contains(got.Exec.Error(), test.exec) {
				t.Errorf("of the pod: %v, want %q", got.Exec, test.exec)
			}
			if printed := fmt.Sprintf("%v %+v %#v %x %s", got, got, got, got, &got); test.data != "" && strings.Contains(printed, test.data) {
				t.Errorf("prints the kubeconfig: %s", printed)
			}
		})
	}
}

func TestKubeconfigGivesUpWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := serve(t, map[string]http.HandlerFunc{secretPath: func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}})
	_, err := ReadKubeconfig(ctx, opened(t, s, Options{}), dev)
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("error %v", err)
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("%d requests after the caller gave up", n)
	}
}

func TestKubeconfigFindings(t *testing.T) {
	c := fleet.Cluster{Name: "dev", File: "clusters/dev/spec.yaml", Spec: fleet.ClusterSpec{Namespace: "dev"}}
	needs := &ForbiddenError{Needs: createExec("dev", "dev-0")}
	for _, test := range []struct {
		state    State
		exec     error
		rule     finding.Rule
		severity finding.Severity
		hint     string
	}{
		{NoNamespace, nil, RuleNoNamespace, finding.Warning, "synced"},
		{Pending, nil, RulePending, finding.Note, "ready"},
		{Pending, needs, RulePending, finding.Note, "create pods/exec dev-0 in namespace dev"},
		{EmptySecret, nil, RuleEmptySecret, finding.Warning, "restart"},
	} {
		found := Kubeconfig{State: test.state, Source: "dev/vc-dev", Exec: test.exec}.Findings(c)
		if len(found) != 1 || found[0].Rule != test.rule || found[0].Severity != test.severity || !strings.Contains(found[0].Hint, test.hint) {
			t.Errorf("%s: %v", test.state, found)
		}
	}
	if found := (Kubeconfig{State: Ready}).Findings(c); len(found) > 0 {
		t.Errorf("ready: %v", found)
	}
}
