package chart

import (
	"bytes"
	"fmt"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"

	"kasou/pipelines/toolchain"
)

// Defaults returns the chart's own values.yaml, with its comments, as `helm show
// values` prints it: with a line feed after its end; nothing where the chart
// has none.
func Defaults(ch toolchain.Chart) ([]byte, error) {
	files, err := loader.LoadArchiveFiles(bytes.NewReader(ch.Archive))
	if err != nil {
		return nil, fmt.Errorf("reading chart %s: %w", ch.Source, err)
	}
	for _, file := range files {
		if file.Name == chartutil.ValuesfileName {
			return append(bytes.Clone(file.Data), '\n'), nil
		}
	}
	return nil, nil
}
