package train

import (
	"math/rand/v2"
	"slices"

	"dragoman/data"
	"dragoman/eval"
)

// The datasets of a stage of kind pages. A source belongs to one, by its name.
const (
	pairsName    = "pairs"
	episodesName = "episodes"
)

// makes says whether pages are made.
func (e EpisodeSpec) makes() bool { return len(e.Pictures) > 0 }

// set is the name of the dataset that a source belongs to.
func (s Source) set() string {
	switch {
	case s.Set != "":
		return s.Set
	case s.Pages.reads():
		return pagesName
	case s.Episodes.makes():
		return episodesName
	}
	return pairsName
}

// share is how many of a source's rows an epoch has.
func (s Source) share() float64 {
	if s.Share == nil {
		return 1
	}
	return *s.Share
}

// join makes a pair part of a source's dataset; what it shows, and how, episodes have from fields of its row.
func (p *pair) join(src Source, row data.Row, concept, style *data.Field) {
	m := membership{set: src.set(), episodes: src.Episodes.makes()}
	if m.episodes {
		m.concept = p.texts[0]
		if v, ok := concept.Of(row); ok {
			m.concept = v
		}
		m.style, _ = style.Of(row)
	} else {
		p.share = src.share() // of which there is one: a further source of pairs makes pairs of its own
	}
	p.in = append(p.in, m)
}

// episodes makes pages of pairs: pictures, each with its text, as a few-shot prompt has them. A third kind, or another, as the recipe says:
//
//	plain     different concepts in one style, under their texts
//	repeated  a few concepts, each in several pictures, under their texts
//	nonce     the same under words that nobody knows: only the page can teach which is whose; on some, a picture that none of the words
//	          is of, and which has its own text (absent); on some, the words are the texts of other concepts (renamed)
//	similar   a picture behind those that are most like it
//
// The order of a few concepts is drawn from all orders in which each stands as often as the others, give or take one, so that to say
// again what was said last is wrong more often than right.
type episodes struct {
	spec     EpisodeSpec
	set      string
	pairs    []pair
	concepts [][]int             // pairs of each concept
	styles   [][]int             // pairs of each style
	alike    map[[2]string][]int // pairs of a concept in a style
	number   map[string]int      // of each concept
	tagged   map[string][]int    // concepts, by their numbers, that a tag is said of
	like     *resemblance        // nil: no pages of similar pictures are made
}

func newEpisodes(pairs []pair, members []int, set string, spec EpisodeSpec) *episodes {
	e := &episodes{spec: spec, set: set, pairs: pairs, alike: map[[2]string][]int{}}
	concepts, styles := map[string][]int{}, map[string][]int{}
	var conceptNames, styleNames []string
	for _, i := range members {
		p := pairs[i].as(set)
		if concepts[p.concept] == nil {
			conceptNames = append(conceptNames, p.concept)
		}
		if styles[p.style] == nil {
			styleNames = append(styleNames, p.style)
		}
		concepts[p.concept] = append(concepts[p.concept], i)
		styles[p.style] = append(styles[p.style], i)
		key := [2]string{p.concept, p.style}
		e.alike[key] = append(e.alike[key], i)
	}
	e.number, e.tagged = map[string]int{}, map[string][]int{}
	for c, name := range conceptNames {
		e.number[name] = c
		e.concepts = append(e.concepts, concepts[name])
		for _, tag := range pairs[concepts[name][0]].tags {
			if !slices.Contains(e.tagged[tag], c) {
				e.tagged[tag] = append(e.tagged[tag], c)
			}
		}
	}
	for _, name := range styleNames {
		e.styles = append(e.styles, styles[name])
	}
	return e
}

// example is a picture of an episode, and what stands behind it.
type example struct {
	pair  int
	text  string
	learn bool // the text is to be predicted: nothing on the page could tell a word that nobody knows the first time
}

// leastNonce is how many pictures a page has whose words nobody knows: two concepts, and one of them again, of which alone something is learnt.
const leastNonce = 3

// draw makes an episode.
func (e *episodes) draw(r *rand.Rand) []example {
	page := e.shown(r)
	if len(e.spec.Forms) == 0 {
		return page
	}
	form := e.spec.Forms[r.IntN(len(e.spec.Forms))]
	for i := range page {
		page[i].text = eval.InForm(form, page[i].text)
		page[i].learn = page[i].learn && (i > 0 || form == eval.TextPlace)
	}
	return page
}

// shown draws an episode's pictures, with their texts as they are.
func (e *episodes) shown(r *rand.Rand) []example {
	least, most := e.spec.Pictures[0], e.spec.Pictures[len(e.spec.Pictures)-1]
	n := least + r.IntN(most-least+1)
	switch u := r.Float64(); {
	case u < e.spec.Nonce:
		if e.spec.Absent > 0 && r.Float64() < e.spec.Absent {
			return e.absent(r, e.few(r, max(n-1, 1), true))
		}
		return e.few(r, max(n, leastNonce), true)
	case u < e.spec.Nonce+e.spec.Repeated:
		return e.few(r, n, false)
	case u < e.spec.Nonce+e.spec.Repeated+e.spec.Similar && e.like != nil:
		return e.similar(r, n)
	}
	style := e.styles[r.IntN(len(e.styles))]
	var page []example
	for range n {
		i := style[r.IntN(len(style))]
		page = append(page, example{i, e.pairs[i].texts[e.pairs[i].pick(r)], true})
	}
	return page
}

// few shows two or three concepts, several times each.
func (e *episodes) few(r *rand.Rand, n int, nonce bool) []example {
	kinds := min(2+r.IntN(2), max(2, n/2), len(e.concepts))
	oneStyle := r.IntN(2) == 0
	renamed := nonce && e.renames(r)
	related := e.spec.Related > 0 && r.Float64() < e.spec.Related
	chosen := make([][]int, kinds)
	words := make([]string, kinds)
	var taken []int
	for k := range kinds {
		c := -1
		if related && k > 0 {
			c = e.relative(r, taken)
		}
		if c < 0 {
			c = e.another(r, taken)
		}
		taken = append(taken, c)
		members := e.concepts[c]
		p := &e.pairs[members[r.IntN(len(members))]]
		if chosen[k] = members; oneStyle {
			as := p.as(e.set)
			chosen[k] = e.alike[[2]string{as.concept, as.style}]
		}
		words[k] = p.texts[p.pick(r)]
		if nonce && !renamed {
			words[k] = eval.NonceWord(r)
		}
	}
	if renamed {
		words = e.others(r, kinds, taken)
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i % kinds
	}
	r.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	var page []example
	for i, k := range order {
		again := slices.Contains(order[:i], k)
		page = append(page, example{chosen[k][r.IntN(len(chosen[k]))], words[k], again || !nonce})
	}
	return page
}

// concept is the number of a pair's.
func (e *episodes) concept(pair int) int { return e.number[e.pairs[pair].as(e.set).concept] }

// another is a concept that is not taken.
func (e *episodes) another(r *rand.Rand, taken []int) int {
	c := r.IntN(len(e.concepts))
	for slices.Contains(taken, c) {
		c = r.IntN(len(e.concepts))
	}
	return c
}

// relative is a concept that has a tag of the first that is taken, and is not taken itself; −1: there is none behind the tag that was drawn.
func (e *episodes) relative(r *rand.Rand, taken []int) int {
	tags := e.pairs[e.concepts[taken[0]][0]].tags
	if len(tags) == 0 {
		return -1
	}
	var free []int
	for _, c := range e.tagged[tags[r.IntN(len(tags))]] {
		if !slices.Contains(taken, c) {
			free = append(free, c)
		}
	}
	if len(free) == 0 {
		return -1
	}
	return free[r.IntN(len(free))]
}

// renames says whether the words that a page teaches are the texts of other concepts.
func (e *episodes) renames(r *rand.Rand) bool {
	return e.spec.Renamed > 0 && r.Float64() < e.spec.Renamed
}

// others are the texts of n concepts that are not taken; words that nobody knows, where there are not so many.
func (e *episodes) others(r *rand.Rand, n int, taken []int) []string {
	words := make([]string, n)
	if len(e.concepts) < len(taken)+n {
		for k := range words {
			words[k] = eval.NonceWord(r)
		}
		return words
	}
	for k := range words {
		c := e.another(r, taken)
		taken = append(taken, c)
		p := &e.pairs[e.concepts[c][0]]
		words[k] = p.texts[p.pick(r)]
	}
	return words
}

// absent puts a picture of another concept behind the first of a page, under its own text.
func (e *episodes) absent(r *rand.Rand, page []example) []example {
	shown, said := map[string]bool{}, map[string]bool{}
	for _, x := range page {
		shown[e.pairs[x.pair].as(e.set).concept], said[x.text] = true, true
	}
	var others []int
	for c, members := range e.concepts {
		p := &e.pairs[members[0]]
		if !shown[p.as(e.set).concept] && !slices.ContainsFunc(p.texts, func(text string) bool { return said[text] }) {
			others = append(others, c)
		}
	}
	if len(others) == 0 {
		return page
	}
	members := e.concepts[others[r.IntN(len(others))]]
	i := members[r.IntN(len(members))]
	return slices.Insert(page, 1+r.IntN(len(page)), example{i, e.pairs[i].texts[e.pairs[i].pick(r)], true})
}
