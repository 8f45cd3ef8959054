package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/hub"
	"dragoman/internal/bytesize"
)

func (c *cli) lsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "the models in the Hugging Face cache",
		Long: `Lists the models that were pulled, by dragoman or by Python: their size on the disk, how many files they have, the revisions that are
there, and how many files were broken off.`,
		Args: takesNone,
		RunE: work(func(*cobra.Command, []string) error {
			h, err := hub.FromEnvironment()
			if err != nil {
				return err
			}
			models, err := h.List()
			if err != nil {
				return err
			}
			if len(models) == 0 {
				c.note("%s: no model was pulled yet", h.Cache)
			}
			widest := 0
			for _, m := range models {
				widest = max(widest, len(m.Name))
			}
			for _, m := range models {
				var revisions []string
				for _, r := range m.Revisions {
					revisions = append(revisions, strings.Join(append(r.Refs, fmt.Sprintf("%.12s", r.Commit)), "="))
				}
				line := fmt.Sprintf("%-*s  %9s  %3d files  %s", widest, m.Name, bytesize.Of(m.Bytes), m.Files, strings.Join(revisions, " "))
				if m.Partial > 0 {
					line += fmt.Sprintf("  %d broken off", m.Partial)
				}
				if err := c.emit(m, strings.TrimRight(line, " ")); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

// cachedNames are the names in the cache; none where it cannot be read.
func cachedNames() []string {
	h, err := hub.FromEnvironment()
	if err != nil {
		return nil
	}
	models, err := h.List()
	if err != nil {
		return nil
	}
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names
}

// completeModels offers the built-in models and those in the cache, besides files.
func completeModels(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return append(dragoman.BuiltIn(), cachedNames()...), cobra.ShellCompDirectiveDefault
}

func (c *cli) rmCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME…",
		Short: "remove a model from the Hugging Face cache",
		Long:  "Deletes models from the cache, all their revisions and what was broken off. Python's libraries no longer find them either.",
		Args:  needs("a name"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return cachedNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: work(func(_ *cobra.Command, names []string) error {
			h, err := hub.FromEnvironment()
			if err != nil {
				return err
			}
			failures := false
			for _, name := range names {
				removed, err := h.Remove(name)
				if err == nil {
					err = c.emit(map[string]any{"model": name, "bytes": removed.Bytes}, fmt.Sprintf("%s  %s", name, bytesize.Of(removed.Bytes)))
				} else {
					failures = true
					err = c.emitError("model", name, err)
				}
				if err != nil {
					return err
				}
			}
			if failures {
				return errReported
			}
			return nil
		}),
	}
}
