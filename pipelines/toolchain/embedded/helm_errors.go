package embedded

import (
	"errors"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/verdict"
)

// chartError returns the error as the chart's fault.
func chartError(err error) error {
	var already *toolchain.ChartError
	if errors.As(err, &already) {
		return already
	}
	return verdict.Chart(err.Error())
}
