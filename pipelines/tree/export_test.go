package tree

// Intent returns the lock that stands while the plan's files are replaced.
func (p Plan) Intent() []byte { return p.lock.Intent }
