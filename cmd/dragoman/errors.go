package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"dragoman/internal/hint"
	"dragoman/internal/nearest"
	"dragoman/picture"
)

// failure marks an error that came out of a command's work, as opposed to one in how it was called.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

func failed(err error) error {
	if err == nil {
		return nil
	}
	return &failure{err}
}

// usage is an error in the call itself: exit status 2.
type usage struct{ error }

func (u *usage) Unwrap() error { return u.error }

func usagef(format string, args ...any) error { return &usage{fmt.Errorf(format, args...)} }

// flagError is an error in an option, without the words of who parses it, and with the option that was meant.
func flagError(cmd *cobra.Command, err error) error {
	if unknown := (*pflag.NotExistError)(nil); errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if meant := nearest.To(unknown.GetSpecifiedName(), known); meant != "" {
			return hint.Wrap(&usage{err}, "did you mean --%s? %s --help lists the options", meant, cmd.CommandPath())
		}
	}
	if wrong := (*pflag.InvalidValueError)(nil); errors.As(err, &wrong) {
		return wrongValue("--"+wrong.GetFlag().Name, wrong.GetFlag().Value.Type(), wrong.GetValue(), wrong.Unwrap())
	}
	return &usage{err}
}

// flagKinds are what options take, by pflag's names.
var flagKinds = map[string]string{
	"int": "a whole number", "uint": "a whole number from 0 on", "uint64": "a whole number from 0 on", "float64": "a number", "bool": "true or false",
	"intSlice": "whole numbers with commas between", "uintSlice": "whole numbers from 0 on with commas between",
}

// wrongValue is the error of an option, or a variable in its place, whose value is not of its kind.
func wrongValue(name, kind, value string, err error) error {
	if errors.Is(err, strconv.ErrRange) {
		return usagef("%s: %.40q is out of range", name, value)
	}
	if wanted, ok := flagKinds[kind]; ok {
		return usagef("%s takes %s: %.40q", name, wanted, value)
	}
	return usagef("%s: %.40q: %w", name, value, err)
}

// plainly is an error for people: where the system refused a file, the file and why, and not what it was asked for.
func plainly(err error) string {
	text := err.Error()
	var failed *fs.PathError
	if errors.As(err, &failed) {
		said := failed.Path + ": " + failed.Err.Error()
		text = strings.Replace(text, failed.Error(), said, 1)
		text = strings.Replace(text, failed.Path+": "+said, said, 1) // whoever names the file need not know that the system does, too
	}
	return oneLine(text)
}

// unknownCommand refuses what is no command, with the one that was meant, or with caption where it is a picture.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, cmd := range root.Commands() {
		known = append(known, cmd.Name())
	}
	err := usagef("unknown command %.60q", args[0])
	if meant := nearest.To(args[0], known); meant != "" {
		return hint.Wrap(err, "did you mean %s? dragoman --help lists the commands", meant)
	}
	if _, none := os.Stat(args[0]); none == nil && picture.HasExtension(args[0]) {
		return hint.Wrap(err, "a command stands before a picture: dragoman caption %s", oneLine(args[0]))
	}
	return err
}

// needs refuses a call without arguments, and names what they are.
func needs(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s needs %s: %s", cmd.Name(), what, cmd.Use)
		}
		return nil
	}
}

// takesNone refuses a call with arguments.
func takesNone(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes options alone, and there is %.60q: %s", cmd.Name(), args[0], cmd.Use)
	}
	return nil
}

// takesAtMostOne refuses a call with more arguments than one.
func takesAtMostOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("%s takes one %s, not %d: %s", cmd.Name(), what, len(args), cmd.Use)
		}
		return nil
	}
}

// takesOne refuses a call with more arguments than one, or none.
func takesOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := takesAtMostOne(what)(cmd, args); err != nil {
			return err
		}
		return needs("a "+what)(cmd, args)
	}
}

// unused refuses options that the call gives and that would do nothing; why goes on behind the option's name.
func unused(cmd *cobra.Command, why string, names ...string) error {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return usagef("--%s %s", name, why)
		}
	}
	return nil
}

// opensNone refuses the options of how a model is opened to compute with, where a command opens none so.
func opensNone(cmd *cobra.Command) error {
	return unused(cmd, "is about a model's weights, and "+cmd.Name()+" computes with none", "memory", "check")
}

// errReported says that something failed and that every failure has been shown already.
var errReported = errors.New("some items failed")

// finished says whether all items were tried, though some of them may have failed: what was made of the others is whole then.
func finished(err error) bool { return err == nil || errors.Is(err, errReported) }

// report shows an error as CONTRIBUTING.md says and returns the exit status. An error that no command's work returned came
// from reading the call.
func (c *cli) report(err error) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errReported) {
		return exitFailed
	}
	var work *failure
	var call *usage
	var output *outputError
	status := exitUsage
	if errors.As(err, &work) && !errors.As(err, &call) || errors.As(err, &output) {
		status = exitFailed
	}
	c.showError(err)
	if status == exitUsage && hint.Of(err) == "" {
		fmt.Fprintln(c.stderr, "hint: dragoman --help lists the commands, dragoman COMMAND --help its options")
	}
	return status
}

// showError writes the one line, and the hint where there is one.
func (c *cli) showError(err error) {
	fmt.Fprintf(c.stderr, "dragoman: %s\n", shown(plainly(err)))
	if h := hint.Of(err); h != "" {
		fmt.Fprintf(c.stderr, "hint: %s\n", shown(h))
	}
}

// work wraps what a command does, so that its errors are told from errors in the call.
func work(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error { return failed(f(cmd, args)) }
}
