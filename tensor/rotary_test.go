package tensor

import "testing"

// TestTurnTablesAreBounded asks for tables of more kinds than are kept, some of them again and for more positions.
func TestTurnTablesAreBounded(t *testing.T) {
	for round := range 2 {
		for i := range 3 * maxTurnTables {
			r := Rope{Dim: 4, Base: 1000 + float32(i)}
			table := turnTable(r.key(0), 300*(round+1))
			want := newTurns(r.key(0), 5)
			for j, v := range want {
				if table[j] != v {
					t.Fatalf("kind %d: value %d is %v, want %v", i, j, table[j], v)
				}
			}
			if again := turnTable(r.key(0), 9); &again[0] != &table[0] {
				t.Fatal("a table was made twice")
			}
		}
	}
	n := 0
	turnTables.Range(func(any, any) bool { n++; return true })
	if n > maxTurnTables {
		t.Errorf("%d tables are kept", n)
	}
}
