package toolchain

import (
	"context"
	"slices"
	"sync"
)

// Grouper is a Toolchain that does what several clusters ask of a tool for less
// than as many times the price of one.
type Grouper interface {
	// GroupSize is how many clusters had best go through the stages side by side.
	GroupSize() int
}

// Group are clusters that go through the stages side by side. When each member
// that has not left has called a tool, what they ask is answered together: so
// which calls share a batch depends on the members alone, never on time.
type Group struct {
	mu      sync.Mutex
	joined  int
	members map[*member]bool
	waiting []*call
}

type member struct {
	group *Group
	// number is its place among those who joined.
	number int
	// waiting counts its calls that no batch has yet.
	waiting int
}

// call is what a member asks, and in time the answer.
type call struct {
	member *member
	ctx    context.Context
	// key is the same for calls that may be answered together.
	key         string
	ask, answer any
	work        func(context.Context, []*call)
	batch       *batch
	done        chan struct{}
}

// batch is what answers calls together; it ends early when nobody wants the
// answers any more.
type batch struct {
	cancel context.CancelCauseFunc
	wanted int
}

type memberKey struct{}

// NewGroup gives a group without members.
func NewGroup() *Group { return &Group{members: map[*member]bool{}} }

// Join adds a member and gives the context in which it calls tools. All are to
// join before one calls a tool, and each must Leave in the end: until then the
// others wait for it.
func (g *Group) Join(ctx context.Context) context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := &member{group: g, number: g.joined}
	g.joined++
	g.members[m] = true
	return context.WithValue(ctx, memberKey{}, m)
}

// Leave says that the context's member calls no tool any more; what it calls all
// the same is answered alone. It may be said twice, or of a context without a
// group.
func Leave(ctx context.Context) {
	m, ok := ctx.Value(memberKey{}).(*member)
	if !ok {
		return
	}
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	delete(m.group.members, m)
	m.group.depart()
}

// Together answers ask by work, which gets what other members of the context's
// group ask with the same key as well, in the order in which they joined, and
// gives as many answers. Without a group, work gets ask alone. The error is
// ctx's: nobody waits longer than that. work's context ends when nobody waits.
func Together[Q, A any](ctx context.Context, key string, ask Q, work func(context.Context, []Q) []A) (A, error) {
	m, ok := ctx.Value(memberKey{}).(*member)
	if !ok {
		return work(ctx, []Q{ask})[0], nil
	}
	c := &call{member: m, ctx: ctx, key: key, ask: ask, done: make(chan struct{}), work: func(ctx context.Context, calls []*call) {
		asked := make([]Q, len(calls))
		for i, c := range calls {
			asked[i] = c.ask.(Q)
		}
		for i, answer := range work(ctx, asked) {
			calls[i].answer = answer
		}
	}}
	if !m.group.arrive(c) {
		return work(ctx, []Q{ask})[0], nil
	}
	select {
	case <-c.done:
		return c.answer.(A), nil
	case <-ctx.Done():
		m.group.giveUp(c)
		var none A
		return none, context.Cause(ctx)
	}
}

// arrive says whether the caller is a member still.
func (g *Group) arrive(c *call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.members[c.member] {
		return false
	}
	g.waiting = append(g.waiting, c)
	c.member.waiting++
	g.depart()
	return true
}

// depart begins a batch for each key that is waited for, unless a member is on
// its way: at work, or with a call in a batch that has not ended.
func (g *Group) depart() {
	for m := range g.members {
		if m.waiting == 0 {
			return
		}
	}
	slices.SortStableFunc(g.waiting, func(a, b *call) int { return a.member.number - b.member.number })
	var keys []string
	byKey := map[string][]*call{}
	for _, c := range g.waiting {
		if byKey[c.key] == nil {
			keys = append(keys, c.key)
		}
		byKey[c.key] = append(byKey[c.key], c)
		c.member.waiting--
	}
	g.waiting = nil
	for _, key := range keys {
		begin(byKey[key])
	}
}

func begin(calls []*call) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(calls[0].ctx))
	b := &batch{cancel: cancel, wanted: len(calls)}
	for _, c := range calls {
		c.batch = b
	}
	go func() {
		defer cancel(nil)
		calls[0].work(ctx, calls)
		for _, c := range calls {
			close(c.done)
		}
	}()
}

// giveUp takes back a call whose context is done.
func (g *Group) giveUp(c *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.batch == nil {
		g.waiting = slices.DeleteFunc(g.waiting, func(other *call) bool { return other == c })
		c.member.waiting--
		return
	}
	if c.batch.wanted--; c.batch.wanted == 0 {
		c.batch.cancel(context.Cause(c.ctx))
	}
}
