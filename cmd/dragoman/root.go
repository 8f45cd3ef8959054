package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"dragoman"
	"dragoman/kernel"
	"dragoman/picture"
	"dragoman/tensor"
)

// cli is one call of the program: its streams and the options that every command has.
type cli struct {
	stdin  io.Reader     // standard input, which input gives to whoever a call has read it
	reader *inputReader  // who began to
	out    *bufio.Writer // standard output
	stderr io.Writer

	onTerminal bool // standard output is a terminal: a person reads

	model   string
	dtype   string
	memory  string
	check   bool
	isa     string
	threads int
	seed    uint64
	json    bool
	quiet   bool

	allowNet bool                             // pictures may come from the network
	fetch    func(url string) ([]byte, error) // which this reads them from; nil: they may not

	shown    int       // length of the progress line that a terminal shows
	lastLine time.Time // when a line of progress was last written elsewhere
	unshown  string    // nothing, or a later one that was not written
}

func newCLI(stdin io.Reader, stdout, stderr io.Writer) *cli {
	return &cli{stdin: stdin, out: writer(stdout), stderr: stderr, onTerminal: isTerminal(stdout)}
}

// input is standard input for one that reads it. What a call names a second time isn't empty, but elsewhere already: whoever comes after the
// first that read is told so.
func (c *cli) input() io.Reader { return &inputReader{c} }

type inputReader struct{ c *cli }

func (r *inputReader) Read(b []byte) (int, error) {
	if r.c.reader == nil {
		r.c.reader = r
	}
	if r.c.reader != r {
		return 0, errors.New("standard input can be read only once")
	}
	return r.c.stdin.Read(b)
}

const longHelp = `dragoman lets an image talk to a language model.

A few learned queries read what a frozen image encoder sees and hand a frozen language model what it needs. Without --model
a command uses the small model that is built into this program.

  dragoman caption photo.jpg                    a sentence for a picture
  dragoman match photo.jpg --text "a red boat"  how well they go together
  dragoman inspect photo.jpg                    what each learned query looks at`

// root is the whole command tree.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "dragoman",
		Short:             "lets an image talk to a language model",
		Long:              longHelp,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Version:           version(),
		Args:              unknownCommand,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return c.prepare(cmd) },
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(c.out)
	root.SetErr(c.stderr)
	root.SetIn(c.stdin)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)

	f := root.PersistentFlags()
	f.StringVar(&c.isa, "isa", "auto", "kernel family: auto, amx, avx512bf16, avx512, avx2, generic")
	f.IntVar(&c.threads, "threads", 0, "worker threads (0: as many as this process may use)")
	f.Uint64Var(&c.seed, "seed", 0, "seed of everything that is drawn; the same seed gives the same bytes")
	f.BoolVar(&c.json, "json", false, "one JSON object a line on standard output")
	oneOf(root, "isa", append([]string{"auto"}, kernel.Names()...)...)
	f.BoolVarP(&c.quiet, "quiet", "q", false, "no progress on standard error")

	root.AddCommand(
		c.captionCommand(), c.askCommand(), c.chatCommand(), c.matchCommand(), c.embedCommand(), c.inspectCommand(),
		c.trainCommand(), c.evalCommand(), c.pagesCommand(), c.benchCommand(), c.traceCommand(), c.tokenizeCommand(), c.preprocessCommand(),
		c.convertCommand(), c.pullCommand(), c.lsCommand(), c.rmCommand(), c.licensesCommand(), c.versionCommand(),
	)
	strictly(root)
	nameEnvironment(root)
	return root
}

// strictly has the commands that cobra brings refuse what they do not know: by themselves they show a list, and are content.
func strictly(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Run = nil
			cmd.RunE = func(_ *cobra.Command, args []string) error {
				about, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return usagef("help: there is no command %.60q", strings.Join(args, " "))
				}
				about.InitDefaultHelpFlag()
				return about.Help()
			}
		case "completion":
			var shells []string
			for _, shell := range cmd.Commands() {
				shells = append(shells, shell.Name())
			}
			cmd.Use += " SHELL"
			cmd.Args = func(_ *cobra.Command, args []string) error {
				if len(args) == 0 {
					return usagef("completion needs a shell: %s", strings.Join(shells, ", "))
				}
				return usagef("completion: %.60q is none of the shells %s", args[0], strings.Join(shells, ", "))
			}
			cmd.RunE = func(*cobra.Command, []string) error { return nil } // Args refuses every call of it
		}
	}
}

// oneOf has a shell complete an option's few values.
func oneOf(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
}

// modelFlags adds the options that choose a model.
func (c *cli) modelFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.model, "model", "", "a model directory or file, a Hub name, or a built-in model: "+strings.Join(dragoman.BuiltIn(), ", ")+" (nothing: mini)")
	cmd.Flags().StringVar(&c.dtype, "dtype", "auto", "how weights are computed with: auto, f32, f16, bf16, q8_0, q4_0, q4_1")
	cmd.Flags().StringVar(&c.memory, "memory", "auto", "what a model's weights may take: auto (what this process may have), or a size as 500M or 16G; 0: anything")
	cmd.Flags().BoolVar(&c.check, "check", false, "read all weights first, and refuse a NaN or an infinity")
	_ = cmd.RegisterFlagCompletionFunc("model", completeModels)
	oneOf(cmd, "dtype", dtypes...)
}

var dtypes = []string{"auto", "f32", "f16", "bf16", "q8_0", "q4_0", "q4_1"}

// maxThreads is more than any machine's processors, and few enough to be started.
const maxThreads = 1 << 12

// envFlags are the options that an environment variable may set where the call does not.
var envFlags = []string{"model", "dtype", "memory", "isa", "threads", "seed"}

func envName(flag string) string { return "DRAGOMAN_" + strings.ToUpper(flag) }

// nameEnvironment says each option's variable in its help.
func nameEnvironment(cmd *cobra.Command) {
	for _, name := range envFlags {
		for _, set := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
			if f := set.Lookup(name); f != nil && !strings.Contains(f.Usage, envName(name)) {
				f.Usage += " [$" + envName(name) + "]"
			}
		}
	}
	for _, sub := range cmd.Commands() {
		nameEnvironment(sub)
	}
}

// prepare reads the environment (the call itself wins) and sets up what all computing shares.
func (c *cli) prepare(cmd *cobra.Command) error {
	said := map[string]string{} // where an option's value is from
	for _, name := range envFlags {
		said[name] = "--" + name
		f := cmd.Flags().Lookup(name)
		if f == nil || f.Changed {
			continue
		}
		if v, ok := os.LookupEnv(envName(name)); ok && v != "" {
			if err := f.Value.Set(v); err != nil {
				return wrongValue(envName(name), f.Value.Type(), v, err)
			}
			said[name] = envName(name)
		}
	}
	if c.dtype != "" && c.dtype != "auto" {
		if _, err := kernel.ParseDType(c.dtype); err != nil {
			return usagef("%s: %w", said["dtype"], err)
		}
	}
	if c.memory != "" {
		if _, err := memoryBytes(c.memory); err != nil {
			return usagef("%s: %w", said["memory"], err)
		}
	}
	if c.threads < 0 || c.threads > maxThreads {
		return usagef("%s must be from 0 to %d: %d", said["threads"], maxThreads, c.threads)
	}
	if c.isa != "" {
		if err := kernel.Use(c.isa); err != nil {
			return usagef("%s: %w", said["isa"], err)
		}
	}
	if c.allowNet {
		c.fetch = picture.Fetcher{}.Fetch(cmd.Context())
	}
	if c.threads > 0 {
		tensor.SetThreads(c.threads)
	}
	return nil
}

// note writes a line of progress to standard error, unless asked to be quiet.
func (c *cli) note(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintln(c.stderr, shown(fmt.Sprintf(format, args...)))
	}
}
