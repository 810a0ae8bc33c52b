package job

// TriggerTest is a call that is made once, of a request that is not kept.
const TriggerTest Trigger = "test"

// Trial is what came of such a call. It belongs to no job, and is in no history.
type Trial struct {
	Trigger Trigger `json:"trigger"`
	Attempt Attempt `json:"attempt"`
	// Response is the target's answer; nil when there was none.
	Response *Response `json:"response"`
}

// TrialInput is a request to be tried, with the parts of a policy that matter to one call.
type TrialInput struct {
	Request Request `json:"request"`
	Policy  Policy  `json:"policy"`
}

// DecodeTrial reads a request to be tried over the defaults, and validates it as of
// the given moment. The error is an *Error that names fields.
func DecodeTrial(data []byte, now Instant) (*Definition, error) {
	in := TrialInput{Policy: DefaultPolicy()}
	if err := Decode(data, &in); err != nil {
		return nil, err
	}
	d := &Definition{ID: NewID(now), Request: in.Request, Policy: in.Policy}
	d.Normalize(now)
	var v validator
	v.request(&d.Request)
	v.policy(&d.Policy)
	return d, invalid(v.faults)
}
