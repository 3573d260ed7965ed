package report

// Issue returns the report as the body of a GitHub issue, in at most room bytes:
// the step's summary, in which nothing that others wrote is a mention, a link or
// markup. o.Source adds the lines that findings point at. It is empty where not
// even its head fits.
func Issue(r *Report, o Options, room int) string { return summaryOf(r, o, room) }
