package train

import (
	"fmt"
	"reflect"
	"slices"

	"dragoman/eval"
)

// kind is what a source of data.train is: pages, episodes that are made of pairs, or, by the system's name, pairs as they are.
func (s Source) kind(system string) string {
	switch {
	case s.Pages.reads():
		return pagesName
	case s.Episodes.makes():
		return episodesName
	}
	return system
}

// check says what a source cannot be given.
func (s Source) check(system string) error {
	p, e := s.Pages, s.Episodes
	switch {
	case p != (PageSpec{}) && (system != systemFlamingo || e.makes() || p.Window < 4 || !(p.Next >= 0 && p.Next <= 1) || p.Pictures < 0):
		return fmt.Errorf("pages are for model.system: %s, with a window of 4 tokens or more and p_next from 0 to 1", systemFlamingo)
	case e.makes() && system != systemFlamingo:
		return fmt.Errorf("episodes are for model.system: %s", systemFlamingo)
	case e.makes() && (len(e.Pictures) != 2 || e.Pictures[0] < 1 || e.Pictures[1] < e.Pictures[0] || e.Pictures[1] > 64 || !(e.Nonce >= 0 && e.Repeated >= 0 && e.Similar >= 0 && e.Nonce+e.Repeated+e.Similar <= 1)):
		return fmt.Errorf("episodes: pictures must be the least and the most of a page, nonce, repeated and similar shares")
	case !(e.Absent >= 0 && e.Absent <= 1) || e.Absent > 0 && e.Nonce == 0:
		return fmt.Errorf("episodes: absent: %v is not a share of the pages whose words nobody knows", e.Absent)
	case !(e.Renamed >= 0 && e.Renamed <= 1) || e.Renamed > 0 && e.Nonce+e.Similar == 0:
		return fmt.Errorf("episodes: renamed: %v is not a share of the pages whose words only the page can teach (nonce, similar)", e.Renamed)
	case !(e.Related >= 0 && e.Related <= 1) || e.Related > 0 && e.Nonce+e.Repeated == 0:
		return fmt.Errorf("episodes: related: %v is not a share of the pages with a few concepts (nonce, repeated)", e.Related)
	case e.Similar > 0 && e.Pictures[1] < 2:
		return fmt.Errorf("episodes: similar: a page of %d pictures shows none behind another", e.Pictures[1])
	case e.Nonce > 0 && e.Pictures[1] < leastNonce:
		return fmt.Errorf("episodes: nonce: a page of %d pictures teaches no word, it takes %d", e.Pictures[1], leastNonce)
	}
	for _, form := range e.Forms {
		if err := eval.CheckForm(form); err != nil && form != eval.TextPlace {
			return fmt.Errorf("episodes: forms: %w", err)
		}
	}
	what := "a source of " + s.kind(system)
	if s.kind(system) == system {
		what = "a source of pairs for a model.system of " + system
	}
	if !(s.share() >= 0 && s.share() <= 1) {
		return fmt.Errorf("share: %v is not a share from 0 to 1", s.share())
	}
	return unused(s, s.kind(system), what)
}

// drawsLike says whether episodes are drawn alike; what the fields of rows are called is each source's own.
func (e EpisodeSpec) drawsLike(o EpisodeSpec) bool {
	e.Concept, e.Style = o.Concept, o.Style
	return reflect.DeepEqual(e, o)
}

// checkSources says what sources cannot be given, and which of them do not go together into one dataset.
func (r *Recipe) checkSources() error {
	system := r.Model.system()
	first := map[string]int{} // source of each dataset
	for i, src := range r.Data.Train {
		if src.Path == "" {
			return fmt.Errorf("data.train.%d.path: it is missing", i)
		}
		if err := src.check(system); err != nil {
			return fmt.Errorf("data.train.%d: %w", i, err)
		}
		at, known := first[src.set()]
		if !known {
			first[src.set()] = i
			continue
		}
		other := r.Data.Train[at]
		if src.kind(system) != other.kind(system) || !src.Episodes.drawsLike(other.Episodes) || !slices.Equal(src.Questions, other.Questions) {
			return fmt.Errorf("data.train.%d: the dataset %q is made otherwise by data.train.%d; set names another", i, src.set(), at)
		}
	}
	if !slices.ContainsFunc(r.Data.Train, func(s Source) bool { return s.share() > 0 }) {
		return fmt.Errorf("data.train.0.share: it is 0, as of every source: there is nothing to train on")
	}
	validation := ofValidation
	if system != systemBLIP2 {
		validation = ofHeld
	}
	if err := unusedOf(r.Data.Validation, "data.validation", validation); err != nil {
		return err
	}
	for i, h := range r.Report {
		if len(h.Data) == 0 {
			return fmt.Errorf("report.%d.data: there is nothing to measure on", i)
		}
		if err := unusedOf(h.Data, fmt.Sprintf("report.%d.data", i), ofReport); err != nil {
			return err
		}
	}
	return nil
}

// checkHold says what is held out of nothing, or by nothing.
func (r *Recipe) checkHold() error {
	d := r.Data
	switch {
	case d.Hold > 0 && len(d.Validation) > 0:
		return fmt.Errorf("data.hold: data.validation says what is validated with, nothing else is held out")
	case !(d.Hold >= 0 && d.Hold < 1):
		return fmt.Errorf("data.hold: %v is not a share from 0 to 1", d.Hold)
	case d.HoldSeed != nil && d.Hold == 0:
		return fmt.Errorf("data.hold_seed: nothing is drawn by it: data.hold says what share is held out, and is missing or 0")
	}
	drawn := false // from one source at least
	for i, src := range d.Train {
		if src.Hold != nil && d.Hold == 0 {
			return fmt.Errorf("data.train.%d.hold: nothing is held out of the others: data.hold says what share is, and is missing or 0", i)
		}
		drawn = drawn || src.share() > 0 && src.kind(r.Model.system()) != pagesName && (src.Hold == nil || *src.Hold)
	}
	if d.Hold > 0 && !drawn {
		return fmt.Errorf("data.hold: there is nothing to hold out of: no source of pairs with a share, or hold: false in each")
	}
	return nil
}

// unusedOf is unused of sources that are held out.
func unusedOf(sources []Source, path, role string) error {
	for i, src := range sources {
		if src.Path == "" {
			return fmt.Errorf("%s.%d.path: it is missing", path, i)
		}
		if err := unused(src, role, "what is held out"); err != nil {
			return fmt.Errorf("%s.%d: %w", path, i, err)
		}
	}
	return nil
}
