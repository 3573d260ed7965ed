package credential

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

func jwt(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc([]byte(claims)) + "." + enc([]byte("signature of some length"))
}

// What the vclusters of each generation export.
func TestParseEveryGeneration(t *testing.T) {
	ca := authority(t, nil)
	for _, test := range []struct {
		name, entry string
		user        func() map[string]string
		want        string
	}{
		{"0.4.3, k3s", "Default", func() map[string]string { return pairOf(client(t, "ecdsa", ca, nil)) }, "client certificate until 2027-11-22"},
		{"0.5 to 0.19, k3s", "my-vcluster", func() map[string]string { return pairOf(client(t, "ecdsa", ca, nil)) }, "client certificate until 2027-11-22"},
		{"0.5 to 0.19, k8s and eks", "kubernetes", func() map[string]string { return pairOf(client(t, "rsa", ca, nil)) }, "client certificate until 2027-11-22"},
		{"0.5 to 0.19, k0s", "local", func() map[string]string { return pairOf(client(t, "rsa", ca, nil)) }, "client certificate until 2027-11-22"},
		{"0.20 on", "my-vcluster", func() map[string]string { return pairOf(client(t, "rsa", ca, nil)) }, "client certificate until 2027-11-22"},
		{"0.21 on, ServiceAccount", "my-vcluster", func() map[string]string {
			return map[string]string{"token": jwt(`{"iss":"kubernetes/serviceaccount"}`)}
		}, "bearer token"},
		{"a bound token", "my-vcluster", func() map[string]string {
			return map[string]string{"token": jwt(fmt.Sprintf(`{"exp":%d}`, now.AddDate(0, 6, 0).Unix()))}
		}, "bearer token until 2027-05-22"},
		{"ed25519", "x", func() map[string]string { return pairOf(client(t, "ed25519", ca, nil)) }, "client certificate until 2027-11-22"},
		{"a key in PKCS 8", "x", func() map[string]string { return pairOf(client(t, "ecdsa-pkcs8", ca, nil)) }, "client certificate until 2027-11-22"},
		{"a certificate without key usages", "x", func() map[string]string {
			return pairOf(client(t, "ecdsa", ca, func(c *x509.Certificate) { c.ExtKeyUsage = nil }))
		}, "client certificate until 2027-11-22"},
	} {
		t.Run(test.name, func(t *testing.T) {
			credential, found := Parse([]byte(kubeconfigOf(test.entry, caOf(ca), test.user())), now)
			if len(found) > 0 || credential.String() != test.want {
				t.Fatalf("%s, findings %v; want %s", credential, found, test.want)
			}
			if !bytes.Equal(credential.CAData, ca.cert) {
				t.Error("another CA than the kubeconfig's")
			}
		})
	}
}

func TestParseFindings(t *testing.T) {
	ca := authority(t, nil)
	id, other := client(t, "ecdsa", ca, nil), client(t, "ecdsa", ca, nil)
	pair, token := pairOf(id), map[string]string{"token": jwt("{}")}
	dated := func(notBefore, notAfter time.Time) map[string]string {
		return pairOf(client(t, "ecdsa", ca, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = notBefore, notAfter }))
	}
	cluster := caOf(ca)
	for _, test := range []struct {
		name          string
		cluster, user map[string]string
		rule          finding.Rule
		message       string
	}{
		{"skipped verification", with(cluster, "insecure-skip-tls-verify", "true"), pair, RuleRefused, "insecure-skip-tls-verify"},
		{"a proxy", with(cluster, "proxy-url", "http://proxy.example.com"), pair, RuleRefused, "proxy-url"},
		{"a CA file", map[string]string{"certificate-authority": "/etc/passwd"}, pair, RuleRefused, "certificate-authority:"},
		{"a certificate file", cluster, with(pair, "client-certificate", "/etc/passwd"), RuleRefused, "client-certificate:"},
		{"a key file", cluster, with(pair, "client-key", "/etc/passwd"), RuleRefused, "client-key:"},
		{"a token file", cluster, map[string]string{"tokenFile": "/etc/passwd"}, RuleRefused, "tokenFile"},
		{"a command", cluster, with(pair, "exec", "{command: touch, args: [/tmp/x]}"), RuleRefused, "exec"},
		{"an empty command", cluster, with(pair, "exec", "{}"), RuleRefused, "exec"},
		{"an auth provider", cluster, with(pair, "auth-provider", "{name: oidc}"), RuleRefused, "auth-provider"},
		{"a password", cluster, map[string]string{"username": "admin", "password": "hunter2hunter2"}, RuleRefused, "username and password"},
		{"another user", cluster, with(pair, "as", "system:admin"), RuleRefused, "it has as:"},
		{"other groups", cluster, with(pair, "as-groups", "[system:masters]"), RuleRefused, "it has as:"},
		{"two users at once", cluster, with(pair, "token", jwt("{}")), RuleRefused, "and a token"},
		{"no CA", nil, pair, RuleMissing, "certificate-authority-data"},
		{"no user", cluster, nil, RuleMissing, "neither"},
		{"no key", cluster, with(pair, "client-key-data", ""), RuleMissing, "only one of"},
		{"no certificate", cluster, with(pair, "client-certificate-data", ""), RuleMissing, "only one of"},
		{"a CA that is not base64", map[string]string{"certificate-authority-data": "'%%%'"}, pair, RulePEM, "not base64"},
		{"a CA that is not PEM", map[string]string{"certificate-authority-data": b64([]byte("<html>"))}, pair, RulePEM, "not PEM"},
		{"a CA cut short", map[string]string{"certificate-authority-data": b64(ca.cert[:len(ca.cert)/2])}, pair, RulePEM, "not PEM"},
		{"a CA with text before it", map[string]string{"certificate-authority-data": b64(append([]byte("x\n"), ca.cert...))}, pair, RulePEM, "text beside"},
		{"a key as CA", map[string]string{"certificate-authority-data": b64(ca.key)}, pair, RulePEM, "something else than certificates"},
		{"a CA that does not parse", map[string]string{"certificate-authority-data": b64([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))}, pair, RulePEM, "does not parse"},
		{"a certificate as key", cluster, with(pair, "client-key-data", b64(id.cert)), RulePEM, "private key"},
		{"two keys", cluster, with(pair, "client-key-data", b64(append(bytes.Clone(id.key), other.key...))), RulePEM, "exactly one"},
		{"a key with a passphrase", cluster, with(pair, "client-key-data", b64([]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"))), RulePEM, "passphrase"},
		{"another's key", cluster, with(pair, "client-key-data", b64(other.key)), RulePair, "not the key"},
		{"a key that does not parse", cluster, with(pair, "client-key-data", b64([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))), RulePair, "not the key"},
		{"a server's certificate", cluster, pairOf(client(t, "ecdsa", ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), RuleUsage, "not for clients"},
		{"an expired certificate", cluster, dated(now.AddDate(-1, 0, 0), now.Add(-time.Minute)), RuleValidity, "the client certificate expired on 2026-11-22"},
		{"a certificate of tomorrow", cluster, dated(now.AddDate(0, 0, 1), now.AddDate(1, 0, 0)), RuleValidity, "not valid before 2026-11-23"},
		{"a certificate with 29 days", cluster, dated(now.AddDate(-1, 0, 0), now.AddDate(0, 0, 29)), RuleExpiring, "expires on 2026-12-21"},
		{"an expired CA", caOf(authority(t, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.AddDate(-1, 0, 0), now.Add(-time.Hour) })), pair, RuleValidity, "CA certificate expired"},
		{"an expired token", cluster, map[string]string{"token": jwt(`{"exp":1000000000}`)}, RuleValidity, "the token expired on 2001-09-09"},
		{"a token for an hour", cluster, map[string]string{"token": jwt(fmt.Sprintf(`{"exp":%d}`, now.Add(time.Hour).Unix()))}, RuleExpiring, "the token expires"},
		{"a token with a line end", cluster, map[string]string{"token": `"abcdefghijklmnopqrstuvwxyz\nx"`}, RuleToken, "spaces"},
		{"a short token", cluster, map[string]string{"token": "hunter2"}, RuleToken, "too short"},
		{"a strange server name", with(cluster, "tls-server-name", "'a b'"), token, RuleServerName, "tls-server-name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			credential, found := Parse([]byte(kubeconfigOf("x", test.cluster, test.user)), now)
			if len(found) != 1 || found[0].Rule != test.rule || !strings.Contains(found[0].Message, test.message) || found[0].Hint == "" {
				t.Fatalf("findings %v; want one %s with %q", found, test.rule, test.message)
			}
			if usable := len(credential.CAData) > 0; usable == found.Failed() {
				t.Errorf("%v, and the credential is %s", found, credential)
			}
		})
	}
}

func TestParseForm(t *testing.T) {
	ca := authority(t, nil)
	good := kubeconfigOf("x", caOf(ca), map[string]string{"token": jwt("{}")})
	for _, test := range []struct {
		name, data string
		rule       finding.Rule
		message    string
	}{
		{"empty", "", RuleKubeconfig, "empty"},
		{"comments alone", "# nothing\n", RuleKubeconfig, "empty"},
		{"a web page", "<html>\n<body>", RuleKubeconfig, "cannot be read"},
		{"two documents", good + "---\n" + good, RuleKubeconfig, "2 YAML documents"},
		{"broken YAML", "users:\n- {name: x\n\tuser", RuleKubeconfig, "line"},
		{"a key twice", good + "current-context: x\n", RuleKubeconfig, "line"},
		{"an unknown field", strings.Replace(good, "    token:", "    future-exec:", 1), RuleKubeconfig, "a field that kubeconfigs do not have"},
		{"another kind", strings.Replace(good, "kind: Config", "kind: Secret", 1), RuleKubeconfig, "kind"},
		{"too large", good + strings.Repeat("# x\n", maximumFile/4), RuleKubeconfig, "larger"},
		{"a context that is not there", strings.Replace(good, "current-context: x", "current-context: y", 1), RuleContext, "contexts"},
		{"a cluster that is not there", strings.Replace(good, "{cluster: x", "{cluster: y", 1), RuleContext, "clusters"},
		{"a user that is not there", strings.Replace(good, "user: x}", "user: y}", 1), RuleContext, "users"},
		{"an empty context", strings.Replace(good, "context: {cluster: x, user: x}", "context:", 1), RuleContext, "empty"},
		{"two users of one name", good + "- name: x\n  user: {token: abcdefghijklmnopqrstuvwxyz}\n", RuleContext, "2 times"},
		{"one context, and none named as current", strings.Replace(good, "current-context: x", "", 1), "", ""},
		{"no current context", strings.Replace(strings.Replace(good, "current-context: x", "", 1), "contexts:\n", "contexts:\n- name: y\n  context: {cluster: x, user: x}\n", 1), RuleContext, "2 contexts and no current-context"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, found := Parse([]byte(test.data), now)
			if test.rule == "" {
				if len(found) > 0 {
					t.Fatalf("findings %v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Rule != test.rule || !strings.Contains(found[0].Message, test.message) {
				t.Fatalf("findings %v; want one %s with %q", found, test.rule, test.message)
			}
		})
	}
}

func TestParseSaysEverythingAtOnce(t *testing.T) {
	id := client(t, "ecdsa", authority(t, nil), func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) })
	user := with(with(pairOf(id), "exec", "{}"), "as", "root")
	_, found := Parse([]byte(kubeconfigOf("x", map[string]string{"proxy-url": "http://p"}, user)), now)
	if len(found) != 5 {
		t.Errorf("%d findings, want proxy-url, exec, as, the CA and the expiry: %v", len(found), found)
	}
}

func TestServerNameIsKept(t *testing.T) {
	ca := authority(t, nil)
	credential, found := Parse([]byte(kubeconfigOf("x", with(caOf(ca), "tls-server-name", "Kubernetes.Default"), map[string]string{"token": jwt("{}")})), now)
	if len(found) > 0 || credential.ServerName != "kubernetes.default" {
		t.Errorf("server name %q, findings %v", credential.ServerName, found)
	}
}

func TestNoPrintShowsASecret(t *testing.T) {
	ca := authority(t, nil)
	id := client(t, "rsa", ca, nil)
	pair, found := Parse([]byte(kubeconfigOf("x", caOf(ca), pairOf(id))), now)
	if len(found) > 0 {
		t.Fatal(found)
	}
	token := jwt("{}")
	bearer, _ := Parse([]byte(kubeconfigOf("x", caOf(ca), map[string]string{"token": token})), now)
	for _, c := range []Credential{pair, bearer} {
		asJSON, err := json.Marshal(map[string]any{"c": c, "p": &c})
		if err != nil {
			t.Fatal(err)
		}
		printed := string(asJSON)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			printed += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c) + fmt.Sprintf(verb, struct{ C Credential }{c}) + fmt.Sprintf(verb, []Credential{c})
		}
		line := strings.Split(string(id.key), "\n")[3]
		for _, secret := range []string{line, token, fmt.Sprintf("%x", line), fmt.Sprintf("%d", []byte(line))} {
			if strings.Contains(printed, secret) {
				t.Errorf("shows a secret:\n%s", printed)
			}
		}
	}
}

func TestPlace(t *testing.T) {
	c := fleet.Cluster{Name: "dev", File: "clusters/dev/spec.yaml"}
	placed := Place(c, "dev/vc-dev", finding.List{{Rule: RuleMissing, Severity: finding.Error, Message: "it has nothing", Hint: "add it"}})
	want := "clusters/dev/spec.yaml: error: kubeconfig dev/vc-dev: it has nothing [credential-missing]"
	if len(placed) != 1 || placed[0].String() != want || placed[0].Cluster != "dev" || placed[0].Hint != "add it" {
		t.Errorf("placed %v, want %s", placed, want)
	}
}
