package transition

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"

	"kasou/pipelines/credential"
	"kasou/pipelines/manifest"
)

// The stores that can have a place of their own.
const (
	embeddedDatabase = "embedded-database"
	externalDatabase = "external-database"
	externalEtcd     = "external-etcd"
)

// Store returns where the cluster keeps its data, by the values: embedded-database,
// external-database, embedded-etcd, deployed-etcd or external-etcd
// (config.BackingStoreType); empty where the values are not known. Up to 0.19 the
// distro decides, and an object tells of an etcd. What the distro itself is given counts
// before all of that (ownStore).
func Store(s Side) string {
	if s.Values == nil {
		return ""
	}
	if store, _ := ownStore(s); store != "" {
		return store
	}
	if !current(s) {
		return oldStore(s)
	}
	switch {
	case s.on("controlPlane", "backingStore", "etcd", "embedded", "enabled"):
		return "embedded-etcd"
	case s.on("controlPlane", "backingStore", "etcd", "external", "enabled"):
		return externalEtcd
	case s.on("controlPlane", "backingStore", "etcd", "deploy", "enabled"):
		return "deployed-etcd"
	case s.on("controlPlane", "backingStore", "database", "external", "enabled"):
		return externalDatabase
	}
	return embeddedDatabase
}

// current reports whether the values are those of a chart from 0.20 on. One that says
// nothing of its version tells by them.
func current(s Side) bool {
	v, err := semver.NewVersion(s.Chart.Version)
	if err == nil && known[s.Chart.Name] {
		return !release(v).LessThan(oneChart)
	}
	_, there := s.Values["controlPlane"]
	return there
}

func oldStore(s Side) string {
	if s.on("embeddedEtcd", "enabled") {
		return "embedded-etcd"
	}
	if _, deployed := workload(s, etcdSuffix); deployed {
		return "deployed-etcd"
	}
	return embeddedDatabase
}

// on reports whether a value is true.
func (s Side) on(path ...string) bool {
	on, _ := manifest.At(s.Values, path...).(bool)
	return on
}

// storeChanges: vcluster moves the data in few changes of its store, and does not
// refuse the others. Its refusal (config.ValidateStoreChanges of 0.24.1 and 0.36.1) needs
// the annotation vcluster.loft.sh/store of the Secret vc-config-NAME. The Sealed Secrets
// controller takes that away with each change of the values (unseal in its
// pkg/controller), and from 0.33 on nothing sets it.
func storeChanges(before, after Side) []Change {
	from, to := Store(before), Store(after)
	if from == "" || to == "" {
		return nil
	}
	if from == to {
		return databaseChanges(before, after, from)
	}
	c := Change{
		Effect: Lost, Name: "store", From: from, To: to, About: ByAny,
		Message: fmt.Sprintf("the backing store changes from %s to %s: vcluster moves no data between the two, and starts empty, or not at all", from, to),
		Hint:    "Keep the store, or make a new cluster and move what is in it.",
	}
	if StoreChangeStarts(from, to, after.Chart.Version) {
		c.Message = fmt.Sprintf("the backing store changes from %s to %s: vcluster starts, and whether the data is moved depends on its own settings", from, to)
		c.Hint = "Take a backup, and read vcluster's page on migrating the backing store."
	}
	return []Change{c}
}

// StoreChangeStarts reports whether the vcluster of a version starts after its store
// has changed (config.ValidateStoreChanges; before 0.26 and 0.25 in an older form).
func StoreChangeStarts(from, to, version string) bool {
	v, err := semver.NewVersion(version)
	if err != nil {
		return false
	}
	since := func(minimum string) bool { return !release(v).LessThan(semver.MustParse(minimum)) }
	movable := from == externalEtcd || from == "deployed-etcd" || from == embeddedDatabase
	switch to {
	case from:
		return true
	case "embedded-etcd":
		return movable
	case "deployed-etcd":
		return movable && since("0.25.0")
	case externalDatabase:
		return from == embeddedDatabase && since("0.26.0")
	}
	return false
}

// databaseChanges: a store of the same kind at another place has other data, or none.
func databaseChanges(before, after Side, store string) []Change {
	from, to := database(before, store), database(after, store)
	if from == to {
		return nil
	}
	if old, now := sealedPlace(from), sealedPlace(to); old != "" && now != "" {
		if old == now {
			return nil // a new password
		}
		from, to = old, now
	}
	if sealed(from) || sealed(to) {
		return []Change{{
			Effect: Empty, From: store, To: store, About: ByValues,
			Message: "the value that names the " + store + " changes, and is not in git: a new password changes nothing, and another database is another, empty cluster",
			Hint:    "Make sure that it names the same database.",
		}}
	}
	old, now := withoutCredentials(from), withoutCredentials(to)
	if old == now && old != unreadable {
		return nil
	}
	return []Change{{
		Effect: Empty, Name: "store", From: cmp.Or(old, "default"), To: cmp.Or(now, "default"), About: ByValues,
		Message: fmt.Sprintf("the %s is another one, %s in place of %s: the data stays in the one before, and the cluster starts with what the new one has", store, cmp.Or(now, "default"), cmp.Or(old, "default")),
		Hint:    "Keep the database, or copy it first.",
	}}
}

// database returns what the values name a store by; empty where it has no name.
func database(s Side, store string) string {
	if own, name := ownStore(s); own != "" || !current(s) {
		return name
	}
	at := func(path ...string) string {
		return manifest.Text(s.Values, append([]string{"controlPlane", "backingStore"}, path...)...)
	}
	switch store {
	case externalDatabase:
		return cmp.Or(at("database", "external", "dataSource"), at("database", "external", "connector"))
	case embeddedDatabase:
		return at("database", "embedded", "dataSource")
	case externalEtcd:
		return at("etcd", "external", "endpoint")
	}
	return ""
}

// sealed reports whether a value stands in for one that is not in git, as those of
// valuesFrom do.
func sealed(value string) bool {
	return strings.HasPrefix(value, "(sealed: ") || strings.HasPrefix(value, "(elsewhere: ")
}

// sealedPlace returns what a value that is not in git says of the place of a database, as
// the fingerprint that kasou build gives it; empty where it says nothing.
func sealedPlace(value string) string {
	if m := placeFingerprint.FindStringSubmatch(value); m != nil {
		return "sealed-place-" + m[1]
	}
	return ""
}

// placeFingerprint is in the placeholder of a value of valuesFrom that is a data source.
var placeFingerprint = regexp.MustCompile(`^\(sealed: .* [0-9a-f]{16} at ([0-9a-f]{16})\)$`)

// unreadable stands for a data source in which the credentials cannot be told from the
// rest.
const unreadable = "another data source"

// withoutCredentials returns a data source without its user, password and options, which
// no message may show.
func withoutCredentials(source string) string {
	place, ok := credential.DataSourcePlace(source)
	if !ok {
		return unreadable
	}
	return place
}
