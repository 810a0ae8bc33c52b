package trigger

// Language of a description.
type Language string

const (
	// English is the default of a Language that is not known.
	English Language = "en"
	// Chinese is simplified Chinese.
	Chinese Language = "zh"
)

// Describe says in words when the schedule fires.
func (s *Schedule) Describe(lang Language) string { return s.expression }
