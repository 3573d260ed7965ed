package cli

import (
	"bytes"
	"encoding/json"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"kasou/pipelines"
	"kasou/pipelines/report"
)

// valuesOf reads a values.yaml, with its numbers as they stand; nil where it is empty.
// The error is that it is not one.
func valuesOf(text []byte) (map[string]any, error) {
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var values map[string]any
	return values, decoder.Decode(&values)
}

func newValues(f *flags) *cobra.Command {
	var v pipelines.ValuesOptions
	c := &cobra.Command{
		Use:               "values NAME",
		Short:             "Print the effective values of a cluster",
		Args:              oneCluster,
		ValidArgsFunction: f.completeClusters,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := f.open(c, args)
			if err != nil {
				return err
			}
			defer s.close()
			text, findings, err := pipelines.Values(c.Context(), s.options, v)
			if err != nil {
				return asUsage(err)
			}
			r := &report.Report{Command: "values", Findings: findings}
			if r.Values, err = valuesOf(text); err != nil {
				return err
			}
			if err := f.document(c, r, text); err != nil {
				return err
			}
			return s.complain(findings)
		},
	}
	c.Flags().BoolVar(&v.Defaults, "defaults", false, "print the chart's own values instead (helm show values)")
	c.Flags().BoolVar(&v.Origin, "origin", false, "say of each value where it was written: the spec, its class, the fleet's defaults, or by kasou")
	c.MarkFlagsMutuallyExclusive("defaults", "origin")
	return c
}
