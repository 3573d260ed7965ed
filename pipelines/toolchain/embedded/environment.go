package embedded

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"
)

// environments is how many clocks and seeds a render is compared under where it
// asked for either: every hour of a day, every month twice, every weekday.
const environments = 24

// orders is how many orders of a map, and addresses, it is compared under where
// it asked for nothing else.
const orders = 4

// environment is what the functions of a template take from elsewhere than their
// arguments: the time, random numbers and the order of a map. A call is known by
// its number among the calls of such functions in the render, from 1.
type environment struct {
	// Number selects all three; 0 is the real clock and Go's own chance.
	Number int
	// Other is the number for one call alone: Varied, where 0 stands for the order
	// of Helm's API versions. There is none where Other is 0.
	Other, Varied int
	// Fails is the call that fails, so that Helm names its place; 0 is none.
	Fails int
	// Apart is 1 where the chart is loaded anew, for its addresses to differ.
	Apart int
}

// at returns the environment's number for a call.
func (e environment) at(call int) int {
	if e.Other != 0 && e.Varied == call {
		return e.Other
	}
	return e.Number
}

// source is what one call of a function gets in an environment.
type source struct {
	number, call int
	reader       *rand.ChaCha8
	*rand.Rand
}

func newSource(number, call int) source {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:8], uint64(number))
	binary.BigEndian.PutUint64(seed[8:16], uint64(call))
	reader := rand.NewChaCha8(seed)
	return source{number, call, reader, rand.New(reader)}
}

// started returns every clock the monotonic reading that time.Now's has, the same
// one each time.
var started = time.Now()

// clock returns the time in an environment. Those of the first two differ in every
// part that a format can show, and lie on both sides of any time that a chart may
// compare with. All together leave every remainder of division by up to 16.
func (s source) clock() time.Time {
	n := s.number
	year := 2000 + 37*n%97
	switch n {
	case 1:
		year = 1987
	case 2:
		year = 2104
	}
	at := time.Date(year, time.Month(1+n%12), 1+(5*n+3)%28, (7*n+1)%24, (37*n+4)%60, (7*n+4)%60, (123456789+41152263*n)%1e9, time.Local)
	return started.Add(at.Sub(started))
}

// arrange puts texts that came in the random order of a Go map into the
// environment's: sorted, reversed, then shuffled.
func (s source) arrange(texts []string) {
	slices.Sort(texts)
	switch s.number {
	case 1:
	case 2:
		slices.Reverse(texts)
	default:
		s.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	}
}
