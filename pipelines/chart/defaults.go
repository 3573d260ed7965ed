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
	files, err := filesOf(ch)
	if values, ok := files[chartutil.ValuesfileName]; ok {
		return append(bytes.Clone(values), '\n'), nil
	}
	return nil, err
}

// filesOf returns the files of a chart by their names. The error is that it cannot be read.
func filesOf(ch toolchain.Chart) (map[string][]byte, error) {
	loaded, err := loader.LoadArchiveFiles(bytes.NewReader(ch.Archive))
	if err != nil {
		return nil, fmt.Errorf("reading chart %s: %w", ch.Source, err)
	}
	files := map[string][]byte{}
	for _, file := range loaded {
		files[file.Name] = file.Data
	}
	return files, nil
}
