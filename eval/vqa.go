package eval

import (
	"regexp"
	"slices"
	"strings"
)

// Answers is how answers compare with those that people gave, in percent.
type Answers struct {
	N     int     `json:"n"`
	VQA   float64 `json:"vqa"`   // VQA accuracy: three people's word is enough
	Exact float64 `json:"exact"` // equal to a person's answer, both normalised
}

// ScoreAnswers compares each answer with its references; weights[i] (nil: each counts once) says how much each reference counts.
func ScoreAnswers(answers []string, references [][]string, weights [][]float64) Answers {
	s := Answers{N: len(answers)}
	if s.N == 0 {
		return s
	}
	for i, a := range answers {
		people := references[i]
		if weights != nil && weights[i] != nil {
			people = tenPeople(people, weights[i])
		}
		s.VQA += VQAAccuracy(a, people)
		s.Exact += toOne(slices.ContainsFunc(people, func(p string) bool { return NormalizeAnswer(p) == NormalizeAnswer(a) }))
	}
	scale := 100 / float64(s.N)
	s.VQA, s.Exact = s.VQA*scale, s.Exact*scale
	return s
}

// fewPeople is how many must have answered for a share of them to mean something.
const fewPeople = 4

// VQAAccuracy is that of VQAv2's evaluation, in the version that BLIP-2 was measured with: the mean, over the people who answered, of
// min(1, how many of the others said the same / 3). The answer is normalised; people's lose their punctuation, unless all agree. Where
// fewer than four people answered, it is 1 for what one of them said, as in GQA.
func VQAAccuracy(answer string, people []string) float64 {
	said := NormalizeAnswer(answer)
	if len(people) < fewPeople {
		return toOne(slices.ContainsFunc(people, func(p string) bool { return NormalizeAnswer(p) == said }))
	}
	agree := !slices.ContainsFunc(people, func(p string) bool { return p != people[0] })
	same := 0
	equal := make([]bool, len(people))
	for i, p := range people {
		if !agree {
			p = withoutPunctuation(p)
		}
		if equal[i] = p == said; equal[i] {
			same++
		}
	}
	var sum float64
	for _, own := range equal {
		others := same
		if own {
			others--
		}
		sum += min(1, float64(others)/3)
	}
	return sum / float64(len(people))
}

// tenPeople turns weights into how many of ten people gave each answer.
func tenPeople(answers []string, weights []float64) []string {
	var total float64
	for _, w := range weights {
		total += w
	}
	if total == 0 {
		return answers
	}
	var people []string
	for i, a := range answers {
		for range int(10*weights[i]/total + 0.5) {
			people = append(people, a)
		}
	}
	return people
}

// NormalizeAnswer is an answer as VQAv2 compares it: without punctuation and articles, numbers as digits, contractions with their
// apostrophe.
func NormalizeAnswer(s string) string {
	s = withoutPunctuation(strings.TrimSpace(strings.NewReplacer("\n", " ", "\t", " ").Replace(s)))
	var words []string
	for w := range strings.FieldsSeq(lower(s)) {
		if n, ok := numberWords[w]; ok {
			w = n
		}
		if w == "a" || w == "an" || w == "the" {
			continue
		}
		if c, ok := contractions[w]; ok {
			w = c
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// marks are what is taken out of answers, besides full stops.
const marks = `;/[]"{}()=+\_-><@` + "`,?!"

// thousands is a comma inside of a number, which makes every punctuation mark of the answer vanish.
var thousands = regexp.MustCompile(`\p{Nd},\p{Nd}`)

// mostStops is how many full stops are removed: the evaluation passes a flag of that value where a count belongs.
const mostStops = 32

// withoutPunctuation takes punctuation out: without a trace where it stands at a space, and for a space elsewhere.
func withoutPunctuation(s string) string {
	out, number := s, thousands.MatchString(s)
	for _, r := range marks {
		p, instead := string(r), " "
		if number || strings.Contains(s, p+" ") || strings.Contains(s, " "+p) {
			instead = ""
		}
		out = strings.ReplaceAll(out, p, instead)
	}
	return withoutStops(out)
}

// digitBehind is what may not follow a full stop that is removed.
var digitBehind = regexp.MustCompile(`^\p{Nd}`)

func withoutStops(s string) string {
	var b strings.Builder
	removed := 0
	for i, r := range s {
		if r == '.' && removed < mostStops && !digitBehind.MatchString(s[i+1:]) {
			removed++
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

var numberWords = map[string]string{
	"none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
	"nine": "9", "ten": "10",
}

// contracted are the words that are recognised with one of their apostrophes missing.
const contracted = `ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
 he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've o'clock oughtn't
 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll
 someone's something'd something'd've something'll that's there'd there'd've there're there's they'd they'd've they'll they're they've
 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's who've
 why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've`

// contractions are those words by what is written instead. (One is the wrong way round in the evaluation, and stays so.)
var contractions = func() map[string]string {
	m := map[string]string{"somebody'd": "somebodyd"}
	for w := range strings.FieldsSeq(contracted) {
		for i := range w {
			if w[i] == '\'' {
				m[w[:i]+w[i+1:]] = w
			}
		}
	}
	return m
}()
