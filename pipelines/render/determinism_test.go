package render

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/charttest"
	"kasou/internal/upstream"
	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// maintained is a Chart.yaml with what Helm holds as pointers.
const maintained = charttest.ChartYAML + "maintainers: [{name: a}, {name: b}]\n"

// configMapOf returns a template with the text on its third line.
func configMapOf(text string) string {
	return "kind: ConfigMap\nmetadata: {name: a}\nx: " + text
}

// subchart are the files of a subchart s, with those given.
func subchart(files map[string]string) map[string]string {
	all := map[string]string{"charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n"}
	for name, text := range files {
		all["charts/s/"+name] = text
	}
	return all
}

// differing are charts that do not render the same every time. x stands on line 3
// of templates/a.yaml, beside the other files.
var differing = []struct {
	name, x, values string
	files           map[string]string
	// want are the places and causes; a cause without a place is at
	// c/templates/a.yaml:3.
	want []string
}{
	// Chance.
	{name: "randAlphaNum", x: `{{ randAlphaNum 10 }}`, want: []string{"calls `randAlphaNum`"}},
	{name: "randAlpha, piped", x: `{{ 10 | randAlpha | lower }}`, want: []string{"calls `randAlpha`"}},
	{name: "randAscii", x: `{{ randAscii 10 | quote }}`, want: []string{"calls `randAscii`"}},
	{name: "randNumeric", x: `{{ randNumeric 10 }}`, want: []string{"calls `randNumeric`"}},
	{name: "randNumeric of one digit", x: `{{ randNumeric 1 }}`, want: []string{"calls `randNumeric`"}},
	{name: "randBytes", x: `{{ randBytes 16 }}`, want: []string{"calls `randBytes`"}},
	{name: "randBytes, decoded", x: `{{ randBytes 16 | b64dec | sha256sum }}`, want: []string{"calls `randBytes`"}},
	{name: "randInt of two", x: `{{ randInt 0 2 }}`, want: []string{"calls `randInt`"}},
	{name: "randInt, compared", x: `{{ if eq (randInt 0 10) 7 }}a{{ end }}`, want: []string{"calls `randInt`"}},
	{name: "randInt in until", x: `{{ range until (randInt 1 4) }}a{{ end }}`, want: []string{"calls `randInt`"}},
	{name: "uuidv4", x: `{{ uuidv4 }}`, want: []string{"calls `uuidv4`"}},
	{name: "uuidv4, cut", x: `{{ uuidv4 | trunc 8 }}`, want: []string{"calls `uuidv4`"}},
	{name: "one digit of a uuid", x: `{{ uuidv4 | trunc 1 }}`, want: []string{"calls `uuidv4`"}},
	{name: "the variant of a uuid", x: `{{ uuidv4 | substr 19 20 }}`, want: []string{"calls `uuidv4`"}},
	{name: "shuffle of two", x: `{{ shuffle "ab" }}`, want: []string{"calls `shuffle`"}},
	{name: "shuffle, sorted in part", x: `{{ shuffle "abc" | trunc 1 }}`, want: []string{"calls `shuffle`"}},
	{name: "a letter in random text", x: `{{ contains "a" (randAlphaNum 20) }}`, want: []string{"calls `randAlphaNum`"}},
	{name: "another letter", x: `{{ contains "Q" (randAlphaNum 20) }}`, want: []string{"calls `randAlphaNum`"}},
	{name: "a match in random text", x: `{{ regexMatch "[0-9]{2}" (randAlphaNum 20) }}`, want: []string{"calls `randAlphaNum`"}},
	{name: "two random texts compared", x: `{{ if gt (randAlpha 8) (randAlpha 8) }}a{{ end }}`, want: []string{"calls `randAlpha`"}},
	{name: "a hash of random text", x: `{{ randAlphaNum 20 | sha256sum | trunc 1 }}`, want: []string{"calls `randAlphaNum`"}},
	{name: "a random name of a file's object", x: `{{ printf "%s-%s" .Release.Name (randAlphaNum 5 | lower) | quote }}`, want: []string{"calls `randAlphaNum`"}},
	{name: "random where no value is set", x: `{{ .Values.token | default (randAlphaNum 10) }}`, want: []string{"calls `randAlphaNum`"}},
	{name: "random where a value is empty", values: "token: ''\n", x: `{{ .Values.token | default (randAlphaNum 10) | b64enc }}`, want: []string{"calls `randAlphaNum`"}},
	{name: "random by coalesce", x: `{{ coalesce .Values.a .Values.b (randAlphaNum 10) }}`, want: []string{"calls `randAlphaNum`"}},
	{name: "random by ternary", x: `{{ ternary (uuidv4) "a" (empty .Values.token) }}`, want: []string{"calls `uuidv4`"}},
	{name: "random in a variable", x: `{{ $v := uuidv4 }}{{ with $v }}{{ . }}{{ end }}`, want: []string{"calls `uuidv4`"}},
	{name: "random in the values", x: `{{ $_ := set .Values "a" (randAlpha 5) }}{{ toYaml .Values | sha256sum }}`, want: []string{"calls `randAlpha`"}},
	{name: "one random text in two places", x: `{{ $v := uuidv4 }}{{ $v }}{{ $v }}`, want: []string{"calls `uuidv4`"}},
	{name: "one guilty of three", x: "{{ if now }}y{{ end }}\nz: {{ uuidv4 | len }}\nw: {{ uuidv4 }}", want: []string{"c/templates/a.yaml:5 calls `uuidv4`"}},
	{name: "two guilty of two", x: "{{ uuidv4 }}\ny: {{ now }}", want: []string{"calls `uuidv4`", "c/templates/a.yaml:4 calls `now`"}},
	{name: "a chart that sometimes fails", x: `{{ if lt (now | date "2006") "2020" }}{{ fail "no" }}{{ end }}`, want: []string{"calls `now`"}},
	{name: "only together", x: `{{ $a := randNumeric 9 }}{{ $b := randNumeric 9 }}{{ and (gt $a "0") (ne $a $b) (contains "7" (print $a $b)) }}`, want: []string{"calls `randNumeric`"}},

	// Secrets, keys and certificates.
	{name: "bcrypt", x: `{{ bcrypt "a" }}`, want: []string{"calls `bcrypt`"}},
	{name: "htpasswd", x: `{{ htpasswd "a" "b" }}`, want: []string{"calls `htpasswd`"}},
	{name: "htpasswd, cut", x: `{{ htpasswd "a" "b" | splitList "$" | last | trunc 1 }}`, want: []string{"calls `htpasswd`"}},
	{name: "encryptAES", x: `{{ encryptAES "key" "text" }}`, want: []string{"calls `encryptAES`"}},
	{name: "an ed25519 key", x: `{{ genPrivateKey "ed25519" | b64enc }}`, want: []string{"calls `genPrivateKey`"}},
	{name: "an ECDSA key", x: `{{ genPrivateKey "ecdsa" | sha256sum }}`, want: []string{"calls `genPrivateKey`"}},
	{name: "an RSA key", x: `{{ genPrivateKey "rsa" | sha1sum }}`, want: []string{"calls `genPrivateKey`"}},
	{name: "genCA", x: `{{ (genCA "a" 365).Cert | b64enc }}`, want: []string{"calls `genCA`"}},
	{name: "one digit of a certificate's hash", x: `{{ $ca := genCA "a" 365 }}{{ $ca.Cert | sha256sum | trunc 1 }}`, want: []string{"calls `genCA`"}},
	{name: "genSelfSignedCert", x: `{{ (genSelfSignedCert "a" nil (list "b") 1).Key | b64enc }}`, want: []string{"calls `genSelfSignedCert`"}},
	{name: "genSignedCert", x: "{{ $ca := genCA \"a\" 365 }}\ny: {{ (genSignedCert \"a\" nil nil 1 $ca).Cert | b64enc }}", want: []string{"calls `genCA`", "c/templates/a.yaml:4 calls `genSignedCert`"}},
	{name: "a serial number", values: keyValues, x: `{{ (genCAWithKey "a" 1 .Values.key).Cert | b64enc }}`, want: []string{"calls `genCAWithKey`"}},
	{name: "a certificate for a given key", values: keyValues, x: `{{ (genSelfSignedCertWithKey "a" nil nil 1 .Values.key).Cert | b64enc }}`, want: []string{"calls `genSelfSignedCertWithKey`"}},

	// Time.
	{name: "now", x: `{{ now }}`, want: []string{"calls `now`"}},
	{name: "now, in seconds", x: `{{ now | unixEpoch }}`, want: []string{"calls `now`"}},
	{name: "the year", x: `{{ now | date "2006" | quote }}`, want: []string{"calls `now`"}},
	{name: "the year in two digits", x: `{{ now | date "06" | quote }}`, want: []string{"calls `now`"}},
	{name: "the month", x: `{{ now | date "Jan" }}`, want: []string{"calls `now`"}},
	{name: "the day", x: `{{ now | date "02" | quote }}`, want: []string{"calls `now`"}},
	{name: "the weekday", x: `{{ now | date "Mon" }}`, want: []string{"calls `now`"}},
	{name: "the day of the year", x: `{{ now | date "002" | quote }}`, want: []string{"calls `now`"}},
	{name: "the hour", x: `{{ now | date "15" | quote }}`, want: []string{"calls `now`"}},
	{name: "the half of the day", x: `{{ now | date "PM" }}`, want: []string{"calls `now`"}},
	{name: "the minute", x: `{{ now | date "04" | quote }}`, want: []string{"calls `now`"}},
	{name: "the second", x: `{{ now | date "05" | quote }}`, want: []string{"calls `now`"}},
	{name: "whether it is Sunday", x: `{{ if eq (now | date "Mon") "Sun" }}a{{ end }}`, want: []string{"calls `now`"}},
	{name: "whether it is noon", x: `{{ if eq (now | date "15") "12" }}a{{ end }}`, want: []string{"calls `now`"}},
	{name: "whether it is March", x: `{{ if eq (int (now | date "1")) 3 }}a{{ end }}`, want: []string{"calls `now`"}},
	{name: "whether it is 2030", x: `{{ if ge (now | unixEpoch | int64) 1893456000 }}a{{ end }}`, want: []string{"calls `now`"}},
	{name: "now in parentheses", x: `{{ (now).Year }}`, want: []string{"calls `now`"}},
	{name: "now's method", x: `{{ now.Weekday }}`, want: []string{"calls `now`"}},
	{name: "now modified", x: `{{ now | dateModify "24h" | date "2006-01-02" | quote }}`, want: []string{"calls `now`"}},
	{name: "date of a string is the present", values: "day: \"2020-01-01\"\n", x: `{{ date "2006" .Values.day | quote }}`, want: []string{"calls `date`"}},
	{name: "date of nothing is the present", x: `{{ date "2006" .Values.day | quote }}`, want: []string{"calls `date`"}},
	{name: "date of a float is the present", values: "day: 5\n", x: `{{ date "2006" .Values.day | quote }}`, want: []string{"calls `date`"}},
	{name: "dateInZone of nothing", x: `{{ dateInZone "2006" nil "UTC" | quote }}`, want: []string{"calls `dateInZone`"}},
	{name: "date_in_zone of nothing", x: `{{ date_in_zone "2006" "" "UTC" | quote }}`, want: []string{"calls `date_in_zone`"}},
	{name: "htmlDate of nothing", x: `{{ htmlDate "" }}`, want: []string{"calls `htmlDate`"}},
	{name: "htmlDateInZone of nothing", x: `{{ htmlDateInZone "" "UTC" }}`, want: []string{"calls `htmlDateInZone`"}},
	{name: "the age of a time", x: `{{ ago (toDate "2006" "2020") }}`, want: []string{"calls `ago`"}},
	{name: "the age of a number", x: `{{ ago 5 }}`, want: []string{"calls `ago`"}},
	{name: "the age, rounded", x: `{{ durationRound (toDate "2006" "2020") }}`, want: []string{"calls `durationRound`"}},
	{name: "seconds modulo 2", x: `{{ mod (now | unixEpoch) 2 }}`, want: []string{"calls `now`"}},
	{name: "seconds modulo 3", x: `{{ mod (now | unixEpoch) 3 }}`, want: []string{"calls `now`"}},
	{name: "seconds modulo 4", x: `{{ mod (now | unixEpoch) 4 }}`, want: []string{"calls `now`"}},
	{name: "seconds modulo 5", x: `{{ mod (now | unixEpoch) 5 }}`, want: []string{"calls `now`"}},
	{name: "seconds modulo 6", x: `{{ mod (now | unixEpoch) 6 }}`, want: []string{"calls `now`"}},
	{name: "seconds modulo 7", x: `{{ mod (now | unixEpoch) 7 }}`, want: []string{"calls `now`"}},
	{name: "days modulo 7", x: `{{ mod (div (now | unixEpoch) 86400) 7 }}`, want: []string{"calls `now`"}},
	{name: "nanoseconds", x: `{{ mod now.Nanosecond 2 }}`, want: []string{"calls `now`"}},

	// Text that is evaluated.
	{name: "tpl of text in the template", x: `{{ tpl "{{ now | date \"2006\" | quote }}" . }}`, want: []string{"calls `now`, in text that it gives to `tpl`"}},
	{name: "tpl of a value", values: "t: \"a\\n\\n{{ now | date `2006` }}\"\n", x: `{{ tpl .Values.t . | quote }}`, want: []string{"calls `now`, in text that it gives to `tpl`"}},
	{name: "tpl of the chart's values", x: `{{ tpl .Values.t . | quote }}`, files: map[string]string{"values.yaml": "t: '{{ htmlDate `` }}'\n"}, want: []string{"calls `htmlDate`, in text that it gives to `tpl`"}},
	{name: "tpl of ago in a value", values: "t: '{{ ago 5 }}'\n", x: `{{ tpl .Values.t . }}`, want: []string{"calls `ago`, in text that it gives to `tpl`"}},
	{name: "tpl of a file", x: `{{ tpl (.Files.Get "f.txt") . | trim }}`, files: map[string]string{"f.txt": "\n{{ uuidv4 }}"}, want: []string{"calls `uuidv4`, in text that it gives to `tpl`"}},
	{name: "tpl of a computed text", x: `{{ tpl (printf "{{ rand%s 5 }}" "Alpha") . }}`, want: []string{"calls `randAlpha`, in text that it gives to `tpl`"}},
	{name: "tpl of joined values", values: "f: uuid\nv: v4\n", x: `{{ tpl (print "{{" .Values.f .Values.v "}}") . }}`, want: []string{"calls `uuidv4`, in text that it gives to `tpl`"}},
	{name: "tpl of decoded text", x: `{{ tpl ("e3sgdXVpZHY0IH19" | b64dec) . }}`, want: []string{"calls `uuidv4`, in text that it gives to `tpl`"}},
	{name: "tpl of a named template", x: `{{ tpl (include "t" .) . }}`, files: map[string]string{"templates/_t.tpl": `{{ define "t" }}{{ "{{ uuidv4 }}" }}{{ end }}`}, want: []string{"calls `uuidv4`, in text that it gives to `tpl`"}},
	{name: "tpl in tpl", values: "t: '{{ tpl .Values.u . }}'\nu: '{{ randNumeric 5 }}'\n", x: `{{ tpl .Values.t . }}`, want: []string{"calls `randNumeric`, in text that it gives to `tpl`"}},
	{name: "tpl of a toYaml", values: "t: {a: '{{ now | unixEpoch }}'}\n", x: `{{ tpl (toYaml .Values.t) . | quote }}`, want: []string{"calls `now`, in text that it gives to `tpl`"}},
	{name: "tpl that includes", values: "t: '{{ include \"id\" . }}'\n", x: `{{ tpl .Values.t . }}`, files: map[string]string{"templates/_h.tpl": "{{ define \"id\" }}{{ uuidv4 }}{{ end }}"}, want: []string{"c/templates/_h.tpl:1 calls `uuidv4`"}},

	// Templates elsewhere.
	{name: "a helper of a subchart", x: `{{ include "id" . }}`, files: subchart(map[string]string{"templates/_h.tpl": "\n{{ define \"id\" }}\n{{- uuidv4 }}{{ end }}"}), want: []string{"c/charts/s/templates/_h.tpl:3 calls `uuidv4`"}},
	{name: "a subchart", x: "a", files: subchart(map[string]string{"templates/b.yaml": "kind: B\nx: {{ randAlpha 5 }}"}), want: []string{"c/charts/s/templates/b.yaml:2 calls `randAlpha`"}},
	{name: "a helper by a name made at run time", x: `{{ include (print "i" "d") . }}`, files: map[string]string{"templates/_h.tpl": "{{ define \"id\" }}{{ uuidv4 }}{{ end }}"}, want: []string{"c/templates/_h.tpl:1 calls `uuidv4`"}},
	{name: "template, not include", x: `{{ template "id" }}`, files: map[string]string{"templates/_h.tpl": "{{ define \"id\" }}{{ uuidv4 }}{{ end }}"}, want: []string{"c/templates/_h.tpl:1 calls `uuidv4`"}},
	{name: "a file that is sometimes there", x: "a", files: map[string]string{"templates/b.yaml": "{{ if contains \"7\" (randNumeric 3) }}kind: B{{ end }}"}, want: []string{"c/templates/b.yaml:1 calls `randNumeric`"}},
	{name: "a file with a space in its name", x: "a", files: map[string]string{"templates/b c.yaml": "kind: B\nx: {{ uuidv4 }}"}, want: []string{"c/templates/b c.yaml calls `uuidv4`"}},
	{name: "after many calls", x: "{{ range until 100 }}{{ if now }}{{ end }}{{ end }}{{ uuidv4 }}", want: []string{"c/templates/a.yaml differs from one render to the next"}},
	{name: "many calls", x: "{{ range until 100 }}{{ uuidv4 }}{{ end }}", want: []string{"calls `uuidv4`"}},
	{name: "a hook", x: "a", files: map[string]string{"templates/b.yaml": "kind: B\nmetadata:\n  annotations: {helm.sh/hook: pre-install}\n  name: {{ randAlpha 4 }}"}, want: []string{"c/templates/b.yaml:4 calls `randAlpha`"}},

	// The order of a map.
	{name: "keys", values: "m: {a: 1, b: 2}\n", x: `{{ keys .Values.m | join "-" }}`, want: []string{"calls `keys`"}},
	{name: "the first of the keys", x: `{{ first (keys (dict "a" 1 "b" 2)) }}`, want: []string{"calls `keys`"}},
	{name: "the middle of the keys", x: `{{ index (keys (dict "a" 1 "b" 2 "c" 3)) 1 }}`, want: []string{"calls `keys`"}},
	{name: "a range over keys", x: `{{ range keys (dict "a" 1 "b" 2) }}{{ . }}{{ end }}`, want: []string{"calls `keys`"}},
	{name: "keys of two maps", x: `{{ keys (dict "a" 1) (dict "b" 2 "c" 3) | toJson }}`, want: []string{"calls `keys`"}},
	{name: "values", x: `{{ values (dict "a" 1 "b" 2) | join "-" }}`, want: []string{"calls `values`"}},
	{name: "a range over values", x: `{{ range values (dict "a" 1 "b" 2) }}{{ . }}{{ end }}`, want: []string{"calls `values`"}},
	{name: "API versions", x: `{{ .Capabilities.APIVersions | toJson }}`, want: []string{"c/templates/a.yaml lists `.Capabilities.APIVersions`, which Helm does not sort"}},
	{name: "the first API version", x: `{{ first .Capabilities.APIVersions }}`, want: []string{"c/templates/a.yaml lists `.Capabilities.APIVersions`, which Helm does not sort"}},
	{name: "a hash of all that there is", x: `{{ toJson . | sha256sum }}`, want: []string{"c/templates/a.yaml lists `.Capabilities.APIVersions`, which Helm does not sort"}},

	// Memory addresses.
	{name: "a chart's hash", x: `{{ .Chart | toString | sha256sum }}`, files: map[string]string{"Chart.yaml": maintained}, want: []string{address}},
	{name: "a chart as text", x: `"{{ .Chart }}"`, files: map[string]string{"Chart.yaml": maintained}, want: []string{address}},
	{name: "a chart quoted", x: `{{ .Chart | quote }}`, files: map[string]string{"Chart.yaml": maintained}, want: []string{address}},
	{name: "a pointer in a list", x: `{{ list (list .Capabilities) | join "" | sha1sum }}`, want: []string{address}},
	{name: "%v", x: `{{ printf "%v" (list .Capabilities) | b64enc }}`, want: []string{address}},
	{name: "%p", x: `{{ printf "%p" .Values }}`, want: []string{address}},
	{name: "%p, hashed", x: `{{ printf "%p" .Values | sha256sum }}`, want: []string{address}},
	{name: "%x", x: `{{ printf "%x" (list .Capabilities) | trunc 20 | sha256sum }}`, want: []string{address}},
	{name: "a part of an address", x: `{{ printf "%.12s" (include "p" .) | sha256sum }}`, files: map[string]string{"Chart.yaml": maintained, "templates/_h.tpl": `{{ define "p" }}{{ .Chart.Maintainers }}{{ end }}`}, want: []string{address}},
	{name: "an address encoded", x: `{{ .Chart | toString | quote | b64enc }}`, files: map[string]string{"Chart.yaml": maintained}, want: []string{address}},
	{name: "an address below another line", x: `{{ list .Chart.Maintainers | join "a" | nindent 2 | sha1sum }}`, files: map[string]string{"Chart.yaml": maintained}, want: []string{address}},
	{name: "%#p", x: `{{ printf "%#p" .Capabilities | sha256sum }}`, want: []string{address}},
	{name: "an included address, hashed", x: `{{ include "p" . | sha256sum }}`, files: map[string]string{"Chart.yaml": maintained, "templates/_h.tpl": `{{ define "p" }}{{ .Chart.Maintainers }}{{ end }}`}, want: []string{address}},
	{name: "an included address, cut", x: `{{ include "p" . | trimPrefix "[0x" }}`, files: map[string]string{"Chart.yaml": maintained, "templates/_h.tpl": `{{ define "p" }}{{ .Chart.Maintainers }}{{ end }}`}, want: []string{address}},
	{name: "an evaluated address, as a number", x: `{{ tpl "{{ list .Capabilities }}" . | trimAll "[]" | int64 }}`, want: []string{address}},
}

const address = "c/templates/a.yaml prints a memory address, or what depends on one"

// keyValues holds a key, from RFC 8410, that is nobody's.
const keyValues = `key: |
  -----BEGIN PRIVATE KEY-----
  MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
  -----END PRIVATE KEY-----
`

func filesOf(x string, files map[string]string) map[string]string {
	all := map[string]string{"templates/a.yaml": configMapOf(x)}
	for name, text := range files {
		all[name] = text
	}
	return all
}

func TestChartsThatDiffer(t *testing.T) {
	helm := newHelm(t)
	for _, c := range differing {
		t.Run(c.name, func(t *testing.T) {
			ch := charttest.Pack(t, filesOf(c.x, c.files))
			files, found := render(t, helm, ch, c.values)
			if c.files["Chart.yaml"] != maintained { // Helm 4 shows what maintainers are, not where
				sameByHelm4(t, helm, ch, c.values, found)
			}
			var want, got []string
			for _, cause := range c.want {
				if !strings.HasPrefix(cause, "c/") {
					cause = "c/templates/a.yaml:3 " + cause
				}
				want = append(want, "the chart renders differently every time: "+cause)
			}
			for _, f := range found {
				if f.Rule != RuleImpure || f.Severity != finding.Error {
					t.Errorf("finding %v", f)
				}
				got = append(got, f.Message)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if files != nil {
				t.Errorf("files %v", files.Paths())
			}
		})
	}
}

func TestUpstreamChartsDoNotDiffer(t *testing.T) {
	helm := newHelm(t)
	for _, path := range upstream.All(t) {
		t.Run(path[strings.LastIndex(path, "/")+1:], func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			ch := toolchain.Chart{Name: "vcluster", Digest: manifest.Digest(data), Archive: data}
			files, found := render(t, helm, ch, "")
			if found.Failed() || len(files) == 0 {
				t.Errorf("findings %v", found)
			}
		})
	}
}

// steady are charts that render the same every time, whatever they call.
var steady = []struct {
	name, x, values string
	files           map[string]string
}{
	{name: "random where a value is set", values: "token: fixed\n", x: `{{ .Values.token | default (randAlphaNum 10) }}`},
	{name: "random behind a condition", values: "token: fixed\n", x: `{{ if .Values.token }}{{ .Values.token }}{{ else }}{{ randAlphaNum 10 }}{{ end }}`},
	{name: "random by coalesce, set", values: "a: fixed\n", x: `{{ coalesce .Values.a (randAlphaNum 10) }}`},
	{name: "a certificate where one is set", values: "cert: fixed\n", x: `{{ $ca := genCA "a" 1 }}{{ .Values.cert | default $ca.Cert }}`},
	{name: "a key where one is set", values: "key: fixed\n", x: `{{ .Values.key | default (genPrivateKey "ed25519") }}`},
	{name: "the length of random text", x: `{{ len (randAlphaNum 5) }}`},
	{name: "the length of a uuid", x: `{{ uuidv4 | len }}`},
	{name: "the form of a uuid", x: `{{ regexMatch "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$" uuidv4 }}`},
	{name: "the form of a password's hash", x: `{{ regexMatch "^u:[$]2a[$]10[$][./A-Za-z0-9]{53}$" (htpasswd "u" "p") }}`},
	{name: "the form of a key", x: `{{ genPrivateKey "ecdsa" | hasPrefix "-----BEGIN EC PRIVATE KEY-----" }}{{ (genCA "a" 1).Key | hasPrefix "-----BEGIN RSA PRIVATE KEY-----" }}`},
	{name: "no random text", x: `{{ randAlphaNum 0 }}{{ randAlpha -1 }}{{ shuffle "a" }}{{ randInt 3 4 }}`},
	{name: "a random number within its range", x: `{{ and (ge (randInt 5 9) 5) (lt (randInt 5 9) 9) }}`},
	{name: "shuffled and sorted", x: `{{ shuffle "abc" | splitList "" | sortAlpha | join "" }}`},
	{name: "encrypted and decrypted", x: `{{ encryptAES "key" "text" | decryptAES "key" }}`},
	{name: "nothing to encrypt", x: `{{ encryptAES "key" "" }}`},
	{name: "a user name that htpasswd refuses", x: `{{ htpasswd "a:b" "c" | quote }}`},
	{name: "a key of no type", x: `{{ genPrivateKey "none" }}`},
	{name: "derivePassword", x: `{{ derivePassword 1 "long" "a" "b" "c" | quote }}`},
	{name: "a signed certificate's chain, unused", x: `{{ $ca := genCA "a" 1 }}{{ $c := genSignedCert "b" nil nil 1 $ca }}{{ empty $c.Cert }}`},
	{name: "what now is", x: `{{ now | kindOf }}`},
	{name: "whether there is a present", x: `{{ if now }}a{{ end }}`},
	{name: "now less now", x: `{{ $n := now }}{{ $n.Sub $n }}{{ sub (now | unixEpoch) (now | unixEpoch) }}`},
	{name: "the present is after 1970", x: `{{ now.After (toDate "2006" "1970") }}`},
	{name: "ago of nothing", x: `{{ ago "" }}`},
	{name: "date of a number", values: "day: 5\n", x: `{{ date "2006" (int .Values.day) }}{{ dateInZone "2006" (int64 7) "UTC" }}{{ htmlDate 7 }}`},
	{name: "date of a time", x: `{{ toDate "2006-01-02" "2020-03-04" | date "02.01.2006" | quote }}`},
	{name: "a modified time", x: `{{ toDate "2006" "2020" | dateModify "1h" | unixEpoch }}`},
	{name: "a rounded duration", x: `{{ durationRound "2h10m" }}{{ durationRound 5 }}{{ duration "90" }}`},
	{name: "sorted keys", values: "m: {a: 1, b: 2}\n", x: `{{ keys .Values.m | sortAlpha | join "-" }}{{ range $k := (keys .Values.m | sortAlpha) }}{{ $k }}{{ end }}`},
	{name: "how many keys", values: "m: {a: 1, b: 2}\n", x: `{{ keys .Values.m | len }}`},
	{name: "whether a key is there", values: "m: {a: 1, b: 2}\n", x: `{{ has "a" (keys .Values.m) }}`},
	{name: "one key", x: `{{ keys (dict "a" 1) (dict "b" 2) | join "-" }}`},
	{name: "sorted values", x: `{{ values (dict "a" 1 "b" 2) | sortAlpha | join "-" }}`},
	{name: "a range over a map", values: "m: {a: 1, b: 2, c: 3, d: 4}\n", x: `{{ range $k, $v := .Values.m }}{{ $k }}{{ $v }}{{ end }}`},
	{name: "maps as text", values: "m: {a: 1, b: {c: 3}}\n", x: `{{ toJson .Values | sha256sum }}{{ .Values | toString | sha256sum }}`},
	{name: "merged maps", x: `{{ merge (dict "a" 1) (dict "b" 2 "c" 3) | toJson | quote }}`},
	{name: "a helper that nothing includes", x: "a", files: map[string]string{"templates/_h.tpl": "{{ define \"id\" }}{{ now | unixEpoch }}{{ end }}"}},
	{name: "text that nothing evaluates", values: "t: '{{ now }}'\nu: v\n", x: `{{ tpl .Values.u . }}{{ .Values.t | b64enc }}`},
	{name: "text that is evaluated and asks for nothing", values: "t: '{{ .Release.Name }}'\n", x: `{{ tpl .Values.t . }}`},
	{name: "notes", x: "a", files: map[string]string{"templates/NOTES.txt": "{{ now }}"}},
	{name: "a test's hook", x: "a", files: map[string]string{"templates/t.yaml": "kind: Pod\nmetadata:\n  name: {{ randAlpha 5 | lower }}\n  annotations: {helm.sh/hook: test}\n"}},
	{name: "a CRD, which is not a template", x: "a", files: map[string]string{"crds/a.yaml": "kind: C\nx: '{{ uuidv4 }}'\n"}},
	{name: "a subchart that is off", values: "s: {enabled: false}\n", x: "a", files: subchart(map[string]string{"templates/b.yaml": "{{ if .Values.enabled }}kind: B\nx: {{ uuidv4 }}{{ end }}"})},
	{name: "a chart's fields", x: `{{ .Chart.Name }}{{ .Chart.Maintainers | len }}{{ toJson .Chart | sha256sum }}`, files: map[string]string{"Chart.yaml": maintained}},
	{name: "a chart's maintainers one by one", x: `{{ range .Chart.Maintainers }}{{ .Name }}{{ . | toString | sha256sum }}{{ end }}`, files: map[string]string{"Chart.yaml": maintained}},
	{name: "the capabilities asked", x: `{{ .Capabilities.APIVersions.Has "apps/v1" }}{{ .Capabilities.KubeVersion }}{{ with .Capabilities.APIVersions }}{{ .Has "v2" }}{{ end }}`},
	{name: "the API versions, sorted", x: `{{ sortAlpha .Capabilities.APIVersions | toJson | sha256sum }}`},
	{name: "text that looks like an address", values: "a: '0xc000123456'\n", x: `{{ .Values.a }}{{ .Values.a | sha256sum }}{{ printf "%x" 3735928559 }}{{ printf "%d" (list 1) | sha1sum }}`},
	{name: "a host's address", x: `{{ getHostByName "localhost" | quote }}`},
	{name: "an empty lookup's hash", x: `{{ toJson (dict) | sha256sum }}`},
}

func TestChartsThatDoNotDiffer(t *testing.T) {
	helm := newHelm(t)
	for _, c := range steady {
		t.Run(c.name, func(t *testing.T) {
			ch := charttest.Pack(t, filesOf(c.x, c.files))
			files, found := render(t, helm, ch, c.values)
			sameByHelm4(t, helm, ch, c.values, found)
			if len(found) > 0 || len(files) == 0 {
				t.Errorf("files %v, findings %v", files.Paths(), found)
			}
		})
	}
}
