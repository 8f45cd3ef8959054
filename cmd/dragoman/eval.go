package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/data"
	"dragoman/eval"
	"dragoman/generate"
	"dragoman/internal/hint"
	"dragoman/internal/plural"
	"dragoman/picture"
)

// pairFlagNames are the options that are about pairs, whatever the model.
var pairFlagNames = []string{"where", "labels", "rerank", "max-tokens", "min-tokens", "beams", "length-penalty", "no-captions", "name", "said", "fps", "frames"}

func (c *cli) evalCommand() *cobra.Command {
	var e evaluation
	cmd := &cobra.Command{
		Use:   "eval [--where FIELD=VALUE]… PAIRS…",
		Short: "measure a model on pictures with captions",
		Long: `Reads pairs (JSONL, CSV, a folder with captions beside pictures, tar shards, parquet) and writes how the model does on each of
the PAIRS: captions (equal to a reference, a shared content word, BLEU-4, ROUGE-L, CIDEr-D), answers to rows with a question (VQA
accuracy), and retrieval (recall at 1, 5 and 10, text for picture and picture for text, by cosine and, with --rerank, with the matching
head). A table, or an object a set with --json. For - pairs are read from standard input, as JSONL.

A model that learnt from pages (mini-flamingo, IDEFICS, OpenFlamingo) describes and answers behind examples: --shots-n of them, of --support, drawn anew
for each picture by each of --seeds, or the most similar (--examples similar). The measure is CIDEr-D of captions, VQA accuracy of answers,
or, with --choices or --classes, the share of right choices; its mean over seeds, and its standard deviation.

--few-shot measures a model that was trained here behind other pictures of the set: what it says behind their texts, behind exchanged
ones, which only the form of examples is good for, and of words that nobody knows, where --concept says what pictures show: whether the
right picture makes the word likelier than a wrong one, and how often it is said of a picture that it names, of the other, and of one
that no example shows.

--forgetting reads texts instead, and writes the perplexity of the language model alone, with the bridge's gates shut (the same bits, and
it says so), open, and open behind a picture, over windows of tokens.`,
		Example: "  dragoman eval --rerank 16 pairs.jsonl\n  dragoman eval --model M --max-tokens 10 --beams 5 --length-penalty=-1 vqa.jsonl\n  dragoman eval --where split=held-style --labels pairs.jsonl pairs.jsonl\n" +
			"  dragoman eval --model M --support train.jsonl --shots-n 0,4,8,16,32 --seeds 1,2,3 test.jsonl\n" +
			"  dragoman eval --model mini-flamingo --few-shot --shots-n 0,1,2,4,8 --seeds 1,2,3 --most 40 --concept concept pairs.jsonl\n  dragoman eval --forgetting --model M text.txt",
		Args: needs("pairs"),
	}
	c.modelFlags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&e.where, "where", nil, "only rows with FIELD=VALUE, VALUE|VALUE, or FIELD=!VALUE for all others (may be given again)")
	f.StringArrayVar(&e.labels, "labels", nil, "retrieval also chooses among the captions of these pairs (may be given again)")
	f.IntVar(&e.options.Rerank, "rerank", 0, "how many candidates the matching head looks at again (0: none)")
	f.IntVar(&e.options.MaxTokens, "max-tokens", 20, "most tokens of a caption or an answer")
	f.IntVar(&e.options.Generate.MinTokens, "min-tokens", 0, "fewest tokens of one")
	f.IntVar(&e.options.Generate.Beams, "beams", 1, "beams of the search (1: none)")
	f.Float64Var(&e.options.Generate.LengthPenalty, "length-penalty", 1, "with beams: scores are divided by length to this power")
	f.BoolVar(&e.options.NoCaptions, "no-captions", false, "retrieval only")
	f.StringVar(&e.name, "name", "", "what the set is called in the report")
	f.StringVar(&e.said, "said", "", "write every caption that was made to FILE.jsonl; - is standard output, behind the report")
	f.BoolVar(&e.forgetting, "forgetting", false, "measure what the language model has forgotten of the texts in PAIRS… behind the bridge")
	f.StringVar(&e.picture, "image", "", "with --forgetting: the picture that stands before a text (empty: a grey one)")
	f.IntVar(&e.windows.Size, "window", 0, "with --forgetting: tokens that are read at a time (0: 512, or what the model reads)")
	f.IntVar(&e.windows.Stride, "stride", 0, "with --forgetting: a window begins so many tokens after the one before it (0: half a window)")
	e.shots, e.few, e.videos = shotFlagsOf(cmd), fewFlagsOf(cmd), plainImages()
	e.videos.frameFlags(cmd)
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error { return e.run(c, cmd, args) })
	return cmd
}

// evaluation is what a call of eval asks for.
type evaluation struct {
	where, labels []string
	said, name    string
	options       eval.Options
	shots         *shotFlags
	few           *fewFlags
	videos        *imageFlags

	forgetting bool
	picture    string
	windows    eval.Windows
}

// check refuses options that make no sense beside one another, before anything is read, and gives the rows that are wanted.
func (e *evaluation) check(c *cli, cmd *cobra.Command) (wanted data.Where, err error) {
	if err := unused(cmd, "is about --forgetting, which is not given", "image", "window", "stride"); err != nil {
		return nil, err
	}
	if wanted, err = parseWhere("--where", e.where); err != nil {
		return nil, err
	}
	if e.options.Rerank < 0 || e.options.MaxTokens < 1 {
		return nil, usagef("--rerank must not be negative, and --max-tokens at least 1")
	}
	if e.options.NoCaptions {
		if err := unused(cmd, "is about captions: --no-captions asks for none", "max-tokens", "min-tokens", "beams", "length-penalty", "said"); err != nil {
			return nil, err
		}
	}
	if g := e.options.Generate; g.Beams < 1 || g.Beams > generate.MostBeams || g.MinTokens < 0 || g.MinTokens > e.options.MaxTokens {
		return nil, usagef("--beams must be from 1 to %d, and --min-tokens from 0 to --max-tokens", generate.MostBeams)
	}
	if err := checkNumbers(number{"length-penalty", e.options.Generate.LengthPenalty}); err != nil {
		return nil, err
	}
	if err := e.few.check(cmd); err != nil {
		return nil, err
	}
	return wanted, e.shots.check(c, e.few.asked)
}

func (e *evaluation) run(c *cli, cmd *cobra.Command, args []string) error {
	if e.forgetting {
		if err := unused(cmd, "is about pairs, and --forgetting reads texts", slices.Concat(pairFlagNames, shotFlagNames, fewFlagNames, []string{"few-shot"})...); err != nil {
			return err
		}
		return c.forget(cmd, args, e.picture, e.windows)
	}
	wanted, err := e.check(c, cmd)
	if err != nil {
		return err
	}
	sets := evalSets{paths: args, wanted: wanted, name: e.name, concept: e.few.concept}
	if e.few.asked {
		return e.shots.fewShot(c, cmd, sets, e.few, e.options.MaxTokens)
	}
	for _, path := range e.labels {
		set, err := c.openItems(path, nil, "")
		if err != nil {
			return err
		}
		c.noteBroken(path, set.report)
		for _, it := range set.items {
			e.options.Labels = append(e.options.Labels, it.References...)
		}
		set.Close()
	}
	m, err := c.open(e.videos)
	if err != nil {
		return err
	}
	defer m.Close()
	if m.ReadsPages() || e.shots.asked(cmd) {
		if e.options.Rerank > 0 || e.options.NoCaptions || len(e.labels) > 0 {
			return usagef("--rerank, --labels and --no-captions are about retrieval, which a model that reads pages has none of")
		}
		return e.shots.run(c, cmd, m, sets, e.options, e.said)
	}
	return e.measure(cmd.Context(), c, m, sets)
}

// measure reports the captions, answers and retrieval of a model that looks at one picture at a time.
func (e *evaluation) measure(ctx context.Context, c *cli, m *dragoman.Model, sets evalSets) error {
	o := e.options
	switch {
	case o.Rerank > 0 && !m.HasMatchingHead():
		return usagef("--rerank is about the matching head, which this model has none of")
	case len(e.labels) > 0 && !m.Embeds():
		return usagef("--labels is about retrieval, which this model has nothing for")
	case e.said != "" && !m.Describes():
		return usagef("--said is about what a model says, and this one says nothing")
	}
	var reports []eval.Report
	var all []saidLine
	whole, err := c.eachSet(ctx, sets, "pictures", func(path, title string, items []eval.Item, progress func(done, all int)) (any, []eval.Left, error) {
		o.Name, o.Progress = title, progress
		r, err := m.Evaluate(ctx, items, o)
		if err != nil {
			return nil, nil, err
		}
		if r.Text == nil && (o.Rerank > 0 || len(e.labels) > 0) {
			c.note("%s: nothing was retrieved: answers to questions do not tell pictures apart", path)
		}
		reports = append(reports, r)
		for i, s := range r.Said {
			all = append(all, saidLine{Image: r.Items[i].Name, Question: r.Items[i].Question, Text: s, References: r.Items[i].References})
		}
		return r, r.Left, nil
	})
	if err != nil {
		return err
	}
	if err := c.showTable(len(reports), eval.Markdown(reports)); err != nil {
		return err
	}
	if e.said != "" && len(reports) > 0 {
		if err := c.writeSaid(e.said, all); err != nil {
			return err
		}
	}
	return reported(whole)
}

// maxShownLeft is how many of the items that do not count are shown one by one.
const maxShownLeft = 10

// showLeft shows, in their place before a set's report, the rows and pictures that do not count in it, and says whether all do.
func (c *cli) showLeft(ctx context.Context, path string, set *itemSet, left []eval.Left) (whole bool, err error) {
	broken := set.report.Broken
	var all []eval.Left
	for _, e := range set.report.Examples {
		all = append(all, eval.Left{Name: e.Where, Err: e})
	}
	for _, l := range left {
		all = append(all, eval.Left{Name: l.Name, Err: fmt.Errorf("reading a picture: %w", named(l))})
	}
	for _, l := range all[:min(len(all), maxShownLeft)] {
		if err := c.inPlace(ctx, "image", l.Name, l.Err); !errors.Is(err, errReported) {
			return false, err
		}
	}
	n, of := broken+len(left), broken+len(set.items)
	if n > 0 {
		c.note("%s: %d of %s cannot be read, and do not count", path, n, plural.Of(of, "row"))
	}
	return n == 0, nil
}

// named is the error of an item, with its name once.
func named(l eval.Left) error {
	if row := (*data.RowError)(nil); errors.As(l.Err, &row) && row.Where == l.Name {
		return l.Err
	}
	return fmt.Errorf("%s: %w", l.Name, l.Err)
}

// showTable writes the table of so many sets; with --json each set's report has been written.
func (c *cli) showTable(sets int, markdown string) error {
	if c.json || sets == 0 {
		return nil
	}
	return c.emit(nil, strings.TrimSuffix(markdown, "\n"))
}

// reported is the end of a call: done, or what failed of it was shown.
func reported(whole bool) error {
	if whole {
		return nil
	}
	return errReported
}

// noteBroken says which rows are left out of data that the call is not about itself.
func (c *cli) noteBroken(path string, r data.Report) {
	if r.Broken > 0 {
		c.note("%s: %v", path, r)
	}
}

// parseWhere reads FIELD=VALUE settings of a flag.
func parseWhere(flag string, settings []string) (data.Where, error) {
	wanted := data.Where{}
	for _, s := range settings {
		field, value, ok := strings.Cut(s, "=")
		if !ok || field == "" {
			return nil, usagef("%s must be FIELD=VALUE: %s", flag, s)
		}
		if _, twice := wanted[field]; twice {
			return nil, usagef("%s: %s is given twice: FIELD=VALUE|VALUE takes either", flag, field)
		}
		wanted[field] = value
	}
	return wanted, nil
}

// evalSets is which rows a call measures.
type evalSets struct {
	paths   []string
	wanted  data.Where
	name    string // of each set in its report; "": its path
	concept string // the field that says what a picture shows, if one does
}

// eachSet opens the sets in turn, has measure make a report of each, and shows what of it does not count; with --json the report, too. A set
// that cannot be measured is an error in its place, and the others are measured. It says whether every row and every picture counts.
func (c *cli) eachSet(ctx context.Context, s evalSets, unit string,
	measure func(path, title string, items []eval.Item, progress func(done, all int)) (report any, left []eval.Left, err error),
) (whole bool, err error) {
	whole = true
	err = c.eachInPlace(ctx, "name", s.paths, func(path string) error {
		set, err := c.openWanted(path, s.wanted, s.concept)
		if err != nil {
			return err
		}
		defer set.Close()
		r, left, err := measure(path, cmp.Or(s.name, path), set.items, func(done, all int) { c.progress("%s: %d of %d %s", path, done, all, unit) })
		c.progressDone()
		if err != nil {
			return err
		}
		counts, err := c.showLeft(ctx, path, set, left)
		if err != nil {
			return err
		}
		whole = whole && counts
		if c.json {
			return c.emit(r, "")
		}
		return nil
	})
	if !finished(err) {
		return false, err
	}
	return whole && err == nil, nil
}

// itemSet is the rows of pairs that are wanted, and what was found of all.
type itemSet struct {
	io.Closer
	items  []eval.Item
	report data.Report
}

// openWanted reads the rows of pairs that are wanted, of which there must be some.
func (c *cli) openWanted(path string, wanted data.Where, concept string) (*itemSet, error) {
	set, err := c.openItems(path, wanted, concept)
	if err == nil && len(set.items) == 0 {
		set.Close()
		err = fmt.Errorf("reading pairs: %s: no row fits", path)
		if r := set.report; r.Rows == 0 && r.Broken > 0 {
			return nil, fmt.Errorf("reading pairs: %s: no row can be read, the first: %w", path, r.Examples[0])
		}
		return nil, hint.Wrap(err, "the fields of a row are those of its JSON object or its table's columns")
	}
	return set, err
}

// openItems reads the rows of pairs that are wanted; concept is the field that says what a picture shows, if one does.
func (c *cli) openItems(path string, wanted data.Where, concept string) (*itemSet, error) {
	rows, err := data.Open(path, data.Options{Stdin: c.input()})
	if err != nil {
		return nil, err
	}
	set, shows, fields := &itemSet{Closer: rows}, data.Field{Name: concept}, wanted.Fields()
	set.report = data.Each(rows, func(i int, row data.Row) {
		fields.Look(row.Extra)
		if !wanted.Wants(row.Extra) {
			return
		}
		concept, _ := shows.Of(row)
		set.items = append(set.items, eval.Item{
			Concept:    concept,
			Name:       row.Where,
			Picture:    row.Picture(),
			Question:   row.Question,
			References: row.Texts,
			Weights:    row.Weights,
			Keywords:   row.Tags,
			Bytes: func() ([]byte, error) {
				row, err := rows.Row(i)
				if err != nil {
					return nil, err
				}
				return row.Bytes()
			},
			Decode: func() (*picture.RGBA, error) {
				row, err := rows.Row(i)
				if err != nil {
					return nil, err
				}
				return row.Decode()
			},
		})
	})
	if err := fields.Unknown(); err != nil && len(set.items) == 0 {
		set.Close()
		return nil, fmt.Errorf("reading pairs: %s: --where: %w", path, err)
	}
	if err := shows.Unknown(); err != nil {
		set.Close()
		return nil, fmt.Errorf("reading pairs: %s: --concept: %w", path, err)
	}
	return set, nil
}

type saidLine struct {
	Image      string   `json:"image"`
	Question   string   `json:"question,omitempty"`
	Text       string   `json:"text"`
	References []string `json:"references"`
	Shots      *int     `json:"shots,omitempty"` // before it, where there is a number of them
	Seed       *uint64  `json:"seed,omitempty"`
}

func (c *cli) writeSaid(path string, lines []saidLine) error {
	err := c.writeTo(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for _, l := range lines {
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		c.note("%s: %s", path, plural.Of(len(lines), "text"))
	}
	return err
}
