package beat

import (
	"log/slog"
	"time"
)

// outage spaces the attempts to reach a neighbour that is away, and logs one
// line when it goes and one when it is back.
type outage struct {
	logger *slog.Logger
	what   string
	wait   time.Duration
}

func newOutage(logger *slog.Logger, what string) *outage {
	return &outage{logger: logger, what: what}
}

// after takes the result of an attempt and says how long to wait: as asked
// after a success, ever longer after failures.
func (o *outage) after(err error, wait time.Duration) time.Duration {
	if err == nil {
		if o.wait > 0 {
			o.logger.Info("recovered", "from", o.what)
		}
		o.wait = 0
		return wait
	}
	if o.wait == 0 {
		o.logger.Error(o.what, "error", err)
	}
	o.wait = min(max(2*o.wait, minBackoff), maxBackoff)
	return o.wait
}
