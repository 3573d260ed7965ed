package tree

// Intent returns the lock that stands while the plan's files are replaced.
func (p Plan) Intent() []byte { return p.lockIntent }

// PlanOf returns the plan of the changes.
func PlanOf(list ...Change) Plan {
	var p Plan
	for _, c := range list {
		p.add(c)
	}
	return p
}
