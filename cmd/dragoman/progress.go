package main

import (
	"fmt"
	"strings"
	"time"
)

// lineEvery is how often progress is written where standard error is no terminal.
const lineEvery = 10 * time.Second

// progress shows how far long work is: on a terminal over the line before, elsewhere a line every ten seconds.
func (c *cli) progress(format string, args ...any) {
	if c.quiet {
		return
	}
	line := shown(fmt.Sprintf(format, args...))
	if isTerminal(c.stderr) {
		if r := []rune(line); len(r) > 110 {
			line = string(r[:109]) + "…"
		}
		fmt.Fprintf(c.stderr, "\r%s%s", line, strings.Repeat(" ", max(0, c.shown-len(line))))
		c.shown = len(line)
		return
	}
	if now := time.Now(); now.Sub(c.lastLine) >= lineEvery {
		c.lastLine, c.unshown = now, ""
		fmt.Fprintln(c.stderr, line)
		return
	}
	c.unshown = line
}

// progressDone ends the line that progress draws; elsewhere, how far it came at last is written, whenever that was.
func (c *cli) progressDone() {
	if c.unshown != "" {
		fmt.Fprintln(c.stderr, c.unshown)
		c.unshown = ""
	}
	if c.shown > 0 {
		fmt.Fprintln(c.stderr)
		c.shown = 0
	}
}
