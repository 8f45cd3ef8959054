package data

import "testing"

func TestWhere(t *testing.T) {
	row := map[string]any{"split": "train", "year": 2020}
	for _, tt := range []struct {
		where Where
		want  bool
	}{
		{nil, true},
		{Where{"split": "train"}, true},
		{Where{"split": "held|train"}, true},
		{Where{"split": "held"}, false},
		{Where{"split": "!held"}, true},
		{Where{"split": "!held|train"}, false},
		{Where{"year": "2020", "split": "train"}, true},
		{Where{"absent": "x"}, false},
		{Where{"absent": "!x"}, true},
	} {
		if got := tt.where.Wants(row); got != tt.want {
			t.Errorf("%v wants %v: %v", tt.where, row, got)
		}
	}
}
