package manifest

// Claim is an object, or a name, that others could have, too.
type Claim struct {
	// Key is the same for two that are one.
	Key string `json:"key"`
	// Title is how a finding calls it, and File and Line are where it stands.
	Title string `json:"title"`
	File  string `json:"file"`
	Line  int    `json:"line"`
}
