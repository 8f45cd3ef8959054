package data

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlWalk goes through a document in its order. Blocks begin new lines, within them white space is one space, and what is around a
// page's content is passed over.
type htmlWalk struct {
	base  func(href string) // is told of <base>
	title string
	items []htmlItem

	text  strings.Builder
	lead  string // what stood before the text, if no picture did
	space bool   // white space stands before what comes next
	lines int    // line breaks do
	pre   int    // elements whose line breaks count
}

// htmlItem is a text, or a picture: the addresses that it may be had from.
type htmlItem struct {
	text, lead string // lead stands between it and a text before
	sources    []string
}

// Elements that begin and end lines, and those that are passed over with all that they hold.
var (
	blocks = atoms(
		"address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption figure form " +
			"h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu ol p pre section summary table tbody tfoot thead tr ul video",
	)
	passed = atoms(
		"applet audio button canvas datalist embed footer frame frameset iframe input map math nav noembed noframes noscript option " +
			"progress script select style svg template textarea",
	)
)

func atoms(names string) map[atom.Atom]bool {
	m := map[atom.Atom]bool{}
	for n := range strings.FieldsSeq(names) {
		if a := atom.Lookup([]byte(n)); a != 0 {
			m[a] = true
		}
	}
	return m
}

// boilerplate are classes, ids and roles of what is around a page's content, as common generators of pages call it.
var boilerplate = []string{
	"nav", "navbar", "navigation", "navheader", "navfooter", "navbox", "breadcrumb", "breadcrumbs", "sidebar", "sphinxsidebar", "related",
	"footer", "site-footer", "toc", "toctree-wrapper", "table-of-contents", "headerlink", "menu", "cookie-banner", "search", "contentinfo", "banner",
	"mw-editsection", "noprint", "advertisement", "ads",
}

func (w *htmlWalk) walk(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		w.write(n.Data)
		return
	case html.ElementNode:
		if w.element(n) {
			return
		}
	}
	isBlock := n.Type == html.ElementNode && blocks[n.DataAtom]
	if isBlock {
		w.line()
	}
	if n.DataAtom == atom.Pre {
		w.pre++
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.walk(c)
	}
	switch n.DataAtom {
	case atom.Pre:
		w.pre--
	case atom.Td, atom.Th:
		w.space = true
	}
	if isBlock {
		w.line()
	}
}

// element takes what is not looked into: whether that is so.
func (w *htmlWalk) element(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Title:
		if w.title == "" && n.FirstChild != nil && n.Namespace == "" {
			w.title = strings.Join(strings.Fields(n.FirstChild.Data), " ")
		}
		return true
	case atom.Base:
		if href := attr(n, "href"); href != "" {
			w.base(href)
		}
		return true
	case atom.Img:
		w.picture(n)
		return true
	}
	return passed[n.DataAtom] || around(n)
}

// around says whether an element is part of what is around the content, or not shown at all.
func around(n *html.Node) bool {
	for _, a := range n.Attr {
		switch a.Key {
		case "hidden":
			return true
		case "aria-hidden":
			if strings.EqualFold(a.Val, "true") {
				return true
			}
		case "style":
			s := strings.ToLower(strings.ReplaceAll(a.Val, " ", ""))
			if strings.Contains(s, "display:none") || strings.Contains(s, "visibility:hidden") {
				return true
			}
		case "class", "id", "role":
			if n.DataAtom == atom.Body || n.DataAtom == atom.Html {
				continue
			}
			for word := range strings.FieldsSeq(strings.ToLower(a.Val)) {
				if slices.Contains(boilerplate, word) {
					return true
				}
			}
		}
	}
	return false
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key && a.Namespace == "" {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

// line asks for a line break before what comes next.
func (w *htmlWalk) line() { w.lines = max(w.lines, 1) }

// write adds text.
func (w *htmlWalk) write(s string) {
	if w.pre > 0 {
		w.writePre(s)
		return
	}
	for i, word := range strings.FieldsFunc(s, isSpace) {
		if i > 0 || isSpace(rune(s[0])) {
			w.space = true
		}
		w.put(word)
	}
	if s != "" && isSpace(rune(s[len(s)-1])) {
		w.space = true
	}
}

// isSpace is HTML's white space; a no-break space is none.
func isSpace(r rune) bool { return strings.ContainsRune(" \t\n\r\f", r) }

// writePre adds text whose line breaks and spaces count.
func (w *htmlWalk) writePre(s string) {
	for i, line := range strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
		if i > 0 {
			w.lines++
		}
		if line != "" {
			w.put(line)
		}
	}
}

// put writes a word with what stands before it.
func (w *htmlWalk) put(word string) {
	between := ""
	switch {
	case w.lines > 0:
		between = strings.Repeat("\n", min(w.lines, 2))
	case w.space:
		between = " "
	}
	if w.text.Len() == 0 {
		w.lead = between
	} else {
		w.text.WriteString(between)
	}
	w.text.WriteString(word)
	w.space, w.lines = false, 0
}

// flush ends a stretch of text.
func (w *htmlWalk) flush() {
	if s := strings.TrimRight(w.text.String(), " "); s != "" {
		w.items = append(w.items, htmlItem{text: s, lead: w.lead})
	}
	w.text.Reset()
}

// picture takes an <img>: its src, what scripts would put there, and the choices that it and the <picture> around it give, the widest
// first.
func (w *htmlWalk) picture(n *html.Node) {
	var sources []string
	add := func(s string) {
		if s != "" && len(sources) < maxSources && !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	for _, key := range []string{"src", "data-src", "data-original", "data-lazy-src"} {
		add(attr(n, key))
	}
	sets := []string{attr(n, "srcset"), attr(n, "data-srcset")}
	if n.Parent != nil && n.Parent.DataAtom == atom.Picture {
		for c := n.Parent.FirstChild; c != nil; c = c.NextSibling {
			if c.DataAtom == atom.Source {
				sets = append(sets, attr(c, "srcset"))
			}
		}
	}
	for _, set := range sets {
		for _, s := range sourcesOf(set) {
			add(s)
		}
	}
	if len(sources) == 0 {
		return // nothing that a browser would show
	}
	w.flush()
	w.items = append(w.items, htmlItem{sources: sources})
}

// maxSources is how many places of a picture are looked at, at most: no page that means well has more.
const maxSources = 64

// sourcesOf reads a srcset, the widest or densest first.
func sourcesOf(set string) []string {
	type choice struct {
		url   string
		width float64
	}
	var choices []choice
	for set = strings.TrimLeft(set, " \t\n\r\f,"); set != "" && len(choices) < maxSources; set = strings.TrimLeft(set, " \t\n\r\f,") {
		end := strings.IndexFunc(set, isSpace)
		if end < 0 {
			end = len(set)
		}
		c := choice{url: set[:end], width: 1}
		set = set[end:]
		if trimmed := strings.TrimRight(c.url, ","); trimmed != c.url { // nothing is said of its width
			c.url = trimmed
		} else {
			var descriptor string
			descriptor, set, _ = strings.Cut(set, ",")
			if d := strings.TrimSpace(descriptor); d != "" {
				if v, err := strconv.ParseFloat(d[:len(d)-1], 64); err == nil {
					c.width = v
				}
			}
		}
		if c.url != "" {
			choices = append(choices, c)
		}
	}
	slices.SortStableFunc(choices, func(a, b choice) int { return cmp.Compare(b.width, a.width) })
	var out []string
	for _, c := range choices {
		out = append(out, c.url)
	}
	return out
}
