package credential

import (
	"strings"
	"testing"
)

// No input panics, and no message has anything of it: wherever the canary
// stands, it is a secret.
func FuzzParse(f *testing.F) {
	const canary = "Canary0123456789Canary"
	ca := authority(f, nil)
	good := kubeconfigOf("x", caOf(ca), map[string]string{"token": canary + "0123456789"})
	f.Add(good)
	f.Add(strings.Replace(good, "    token:", canary+":", 1))
	f.Add(strings.Replace(good, "current-context: x", "current-context: "+canary, 1))
	f.Add(strings.Replace(good, "current-context: x", "current-context: *"+canary, 1))
	f.Add(kubeconfigOf("x", caOf(ca), map[string]string{"client-key-data": canary, "client-certificate-data": canary}))
	f.Add(kubeconfigOf("x", map[string]string{"certificate-authority-data": b64([]byte("-----BEGIN " + canary + "-----\nAAAA\n-----END " + canary + "-----\n"))}, map[string]string{"token": "[" + canary + "]"}))
	f.Add("users: !!" + canary + " x\n")
	f.Add("a: &" + canary + " b\n? [" + canary + "\n")
	f.Add("--- " + canary)
	f.Add("kind: " + canary)
	f.Fuzz(func(t *testing.T, data string) {
		credential, found := Parse([]byte(data), now)
		if found.Failed() && (len(credential.CAData) > 0 || credential.BearerToken != "" || len(credential.KeyData) > 0) {
			t.Error("an error, and a credential all the same")
		}
		if !found.Failed() && len(credential.CAData) == 0 {
			t.Error("no error, and no CA")
		}
		for _, text := range append([]string{credential.String()}, messages(found)...) {
			if strings.Contains(text, canary) {
				t.Errorf("shows what the kubeconfig holds: %s", text)
			}
		}
	})
}
