package credential

import "testing"

// No user, password or option is left of a data source, and the place is.
func TestDataSourcePlace(t *testing.T) {
	for source, want := range map[string]string{
		"postgres://u:secret@a:5432/x?ssl=1": "postgres://a:5432/x",
		"postgres://u:sec@ret@a/x?k=secret":  "postgres://a/x",
		"mysql://u:secret@tcp(a:3306)/x":     "mysql://tcp(a:3306)/x",
		"u:secret@tcp(a)/x":                  "tcp(a)/x",
		"https://a:2379,https://b:2379":      "https://a:2379,https://b:2379",
		"":                                   "",
	} {
		if got, ok := DataSourcePlace(source); !ok || got != want {
			t.Errorf("%s: %s, %v", source, got, ok)
		}
	}
	if got, ok := DataSourcePlace("postgres://a/x?password=secret@b"); ok {
		t.Errorf("an @ in an option: %s", got)
	}
}
