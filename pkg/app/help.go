package app

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// commonFlags are the flags of a program that each of its commands understands.
var commonFlags = []string{"help", "version", "log-level", "log-format", "data-dir", "database-url"}

// printHelp leaves out of a command's help those flags of the program that do not matter to it. A
// command names the ones that do beside commonFlags, as in `uses:"secret-key"`; the command that
// is done when none is given has them all.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if selected := ctx.Selected(); selected != nil && selected != ctx.Model.DefaultCmd {
		uses := strings.Split(selected.Tag.Get("uses"), ",")
		for _, flag := range ctx.Model.Flags {
			if !slices.Contains(commonFlags, flag.Name) && !slices.Contains(uses, flag.Name) {
				flag.Hidden = true
			}
		}
	}
	return kong.DefaultHelpPrinter(options, ctx)
}
