package seal

// Look says what Secret would do, and does nothing: it needs no Tool. The error
// is a Secret that cannot be written, or a scope that does not exist.
func (s *Sealer) Look(r Request) (Decision, error) {
	j, err := s.job(r)
	if err != nil {
		return Decision{}, err
	}
	return Decide(j.facts()), nil
}
