package credential

import "strings"

// DataSourcePlace returns a data source, SCHEME://USER:PASSWORD@PLACE?OPTIONS, without its user,
// password and options. It is not ok where they cannot be told from the rest.
func DataSourcePlace(source string) (place string, ok bool) {
	scheme, rest, found := strings.Cut(source, "://")
	if !found {
		scheme, rest = "", source
	}
	place, options, _ := strings.Cut(rest, "?")
	if at := strings.LastIndex(place, "@"); at >= 0 {
		place = place[at+1:]
	} else if strings.Contains(options, "@") {
		return "", false
	}
	if scheme == "" {
		return place, true
	}
	return scheme + "://" + place, true
}
