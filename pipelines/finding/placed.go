package finding

// PlacedError is an error that is not a finding, as a network that does not answer, with the
// place in a file of the fleet that it comes from, and what to do.
type PlacedError struct {
	Err error
	// File, Line and Column are as in a Finding.
	File         string
	Line, Column int
	Hint         string
}

func (e *PlacedError) Error() string { return e.Err.Error() }
func (e *PlacedError) Unwrap() error { return e.Err }

// Placed returns err at the place of a finding, with its hint; nil for nil.
func Placed(at Finding, err error) error {
	if err == nil {
		return nil
	}
	return &PlacedError{Err: err, File: at.File, Line: at.Line, Column: at.Column, Hint: at.Hint}
}
