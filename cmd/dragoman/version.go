package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"dragoman/kernel"
)

// version is what the build says of itself.
func version() string {
	v, revision, dirty := "devel", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && len(s.Value) >= 12:
				revision = " " + s.Value[:12]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = " (modified)"
			}
		}
	}
	return "dragoman " + v + revision + dirty
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "which build this is, and which kernels it runs here",
		Args:  takesNone,
		RunE: work(func(*cobra.Command, []string) error {
			var families []string
			for _, e := range kernel.Engines() {
				families = append(families, e.Family().String())
			}
			used := kernel.Default().Family().String()
			return c.emit(map[string]any{
				"version": strings.TrimPrefix(version(), "dragoman "), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
				"isa": used, "isas": families,
			}, version()+"\n"+runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH+", kernels "+used+" (this machine has: "+strings.Join(families, ", ")+")")
		}),
	}
}
