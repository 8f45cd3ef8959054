package train

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"dragoman/data"
	"dragoman/model/blip2"
)

// lesson is what a picture is used for once: what the language model is asked, and what it should say.
type lesson struct {
	prompt *string // nil: the model's own
	text   string
}

// lesson draws one of a pair's texts, by their weights, and one of its prompts.
func (p *pair) lesson(m *blip2.Model, random *rand.Rand) lesson {
	l := lesson{text: p.texts[p.pick(random)]}
	template := ""
	switch n := len(p.prompts); n {
	case 0:
		if p.question == "" {
			return l
		}
		l.prompt = new(m.Question(p.question))
		return l
	case 1:
		template = p.prompts[0]
	default:
		template = p.prompts[random.IntN(n)]
	}
	l.prompt = new(blip2.FillPrompt(template, p.question))
	return l
}

// pick draws one of a pair's texts.
func (p *pair) pick(random *rand.Rand) int {
	if p.weights == nil {
		return random.IntN(len(p.texts))
	}
	var sum float64
	for _, w := range p.weights {
		sum += w
	}
	u := random.Float64() * sum
	for i, w := range p.weights {
		if u -= w; u < 0 {
			return i
		}
	}
	return p.likeliest()
}

// plain is the lesson that a held-out pair is: the text that counts most, behind the first prompt.
func (p *pair) plain(m *blip2.Model) lesson {
	l := lesson{text: p.texts[p.likeliest()]}
	switch {
	case len(p.prompts) > 0:
		l.prompt = new(blip2.FillPrompt(p.prompts[0], p.question))
	case p.question != "":
		l.prompt = new(m.Question(p.question))
	}
	return l
}

// likeliest is the text of the largest weight; of answers without weights, the one that was given most often.
func (p *pair) likeliest() int {
	if p.weights != nil {
		return slices.Index(p.weights, slices.Max(p.weights))
	}
	if p.question == "" {
		return 0
	}
	best, most := 0, 0
	count := map[string]int{}
	for i, t := range p.texts {
		if count[t]++; count[t] > most {
			best, most = i, count[t]
		}
	}
	return best
}

// asks says whether a prompt's template has a place for a question.
func asks(template string) bool { return strings.Contains(template, blip2.QuestionPlace) }

// prompted gives a pair its source's prompts, or all sources', and cleans its texts.
func (p *pair) prompted(own, all []string, clean string) error {
	if p.prompts = all; own != nil {
		p.prompts = own
	}
	if p.question == "" && slices.ContainsFunc(p.prompts, asks) {
		return fmt.Errorf("the row has no question, and a prompt asks one")
	}
	if clean != cleanLAVIS {
		return nil
	}
	if p.question != "" { // answers are as people gave them
		p.question = data.CleanQuestion(p.question)
		return nil
	}
	texts := make([]string, 0, len(p.texts))
	for _, t := range p.texts {
		if t = data.CleanCaption(t); t != "" {
			texts = append(texts, t)
		}
	}
	if p.texts = texts; len(texts) == 0 {
		return fmt.Errorf("no word of the text is left when it is cleaned")
	}
	return nil
}

// ownPrompts has the model remember the first prompts of each kind for its own: how it is to be asked from now on.
func (t *bridging) ownPrompts() {
	templates := slices.Clone(t.recipe.Data.Prompts)
	for _, s := range t.recipe.Data.Train {
		templates = append(templates, s.Prompts...)
	}
	x := &t.model.Config.Extras
	caption, question := true, true
	for _, p := range templates {
		switch {
		case asks(p) && question:
			x.QuestionPrompt, question = p, false
		case !asks(p) && caption:
			x.Prompt, caption = p, false
		}
	}
}
