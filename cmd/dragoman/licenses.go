package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"dragoman/mini"
)

func (c *cli) licensesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "licenses",
		Short: "what is built in, from whom, under which licence",
		Args:  takesNone,
		RunE: work(func(*cobra.Command, []string) error {
			if !c.json {
				_, err := fmt.Fprint(c.out, mini.Attributions())
				return err
			}
			for _, p := range mini.Parts() {
				if err := c.emit(p, ""); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}
