package fleet_test

import (
	"fmt"
	"path/filepath"

	"kasou/pipelines/fleet"
)

func ExampleLoad() {
	root, err := filepath.Abs("testdata/unknown-fields")
	if err != nil {
		panic(err)
	}
	_, findings, err := fleet.Load(root, "clusters")
	if err != nil {
		panic(err)
	}
	fmt.Println(findings[0])
	fmt.Println("hint:", findings[0].Hint)
	// Output:
	// clusters/a/spec.yaml:6:3: error: unknown field "ingres" [fleet-unknown-field]
	// hint: Did you mean "ingress"?
}

func ExampleNewSpec() {
	data, err := fleet.NewSpec(fleet.NewOptions{Name: "staging", Endpoint: "staging.example.com"})
	if err != nil {
		panic(err)
	}
	fmt.Print(string(data))
	// Output:
	// # yaml-language-server: $schema=../spec.schema.json
	// apiVersion: kasou/v1
	// kind: VirtualCluster
	// metadata:
	//   name: staging
	// spec:
	//   ingress:
	//     enabled: true
	//     host: staging.example.com
	//   # server is what Argo CD dials; it comes from ingress.host.
	//   # Everything else has a default: see ../spec.schema.json and ../fleet.yaml.
}
