package client_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"schedule-server/pkg/client"
	"schedule-server/pkg/job"
)

func Example() {
	ctx := context.Background()
	c, err := client.New("http://127.0.0.1:8000", client.Options{Key: os.Getenv("SCHEDULE_KEY")})
	if err != nil {
		log.Fatal(err)
	}

	// Turn a line of a crontab into a job, and register it. Sent again with the same key, it is not made twice.
	parsed, err := c.Parse(ctx, "*/5 * * * * curl -fsS https://example.com/ping", "Europe/Berlin")
	if err != nil {
		log.Fatal(err)
	}
	if len(parsed.Drafts) == 0 {
		log.Fatalf("the line is skipped: %+v", parsed.Skipped)
	}
	made, err := c.Create(client.WithIdempotencyKey(ctx, "order-17"), parsed.Drafts[0].Job)
	if client.IsConflict(err) {
		log.Fatal("the job is there already")
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(made.ID, "runs next at", made.NextRunAt)

	// Pause all jobs with a tag by one call, and list what is paused.
	done, err := c.Bulk(ctx, client.Bulk{Action: "pause", Filter: job.JobQuery{Tags: []string{"demo"}}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Changed, "paused,", done.Failed, "refused")
	for j, err := range c.Jobs(ctx, job.JobQuery{Status: job.StatusPaused}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(j.ID, j.Name)
	}
}
