package job

// ChoreStep is what one step of a chore did.
type ChoreStep struct {
	// Removed is how many rows were removed or emptied.
	Removed int
	// Place is where the next step goes on, in the chore's own words; empty: at its beginning.
	Place string
	// Done: the chore rests until it is due again.
	Done bool
}
