package app

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"schedule-server/internal/buildinfo"
)

// parser makes the parser of the program's flags.
func (program *Program) parser(flags any, more ...kong.Option) *kong.Kong {
	parser, err := kong.New(flags, append([]kong.Option{
		kong.Name(program.Name), kong.Description(program.Description),
		kong.Vars{
			"version":  fmt.Sprintf("%s %s", program.Name, buildinfo.Read()),
			"shutdown": program.Shutdown, "public_url": strings.TrimRight(" "+program.PublicURL, " "),
		},
		kong.Help(printHelp), kong.ExplicitGroups(groups()),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(program.readDuration)),
		kong.TypeMapper(reflect.TypeFor[slog.Level](), kong.MapperFunc(readLevel)),
	}, more...)...)
	if err != nil {
		panic(err) // the struct's tags are wrong: no input can cause this
	}
	parser.Model.Detail = "Example:\n\n\t" + program.Example + `

Every flag has an environment variable; the flag wins over it. Exit codes: 0 done, or stopped as asked; 1 failed; 2 unusable flags; 3 an import skipped something. The last line says why.

Documentation: docs/running.md. The API describes itself at /docs of the running server.`
	return parser
}

// groups are the titles under which help lists flags.
func groups() []kong.Group {
	return []kong.Group{
		{Key: "log", Title: "Log:"}, {Key: "listen", Title: "Listen:"}, {Key: "storage", Title: "Storage:"},
		{Key: "delivery", Title: "Delivery:"}, {Key: "run", Title: "Run:"},
	}
}

func (program *Program) readDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := program.ParseDuration(text)
	if err != nil {
		return err
	}
	target.SetInt(int64(d))
	return nil
}

func readLevel(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("level", &text); err != nil {
		return err
	}
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[strings.ToLower(text)]
	if !ok {
		return fmt.Errorf("must be debug, info, warn or error, not %q", text)
	}
	target.SetInt(int64(level))
	return nil
}
