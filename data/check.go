package data

import (
	"context"
	"errors"
)

// Check reads every row and decodes every picture, in order, and reports what training would meet. After each row it calls
// progress, if there is one, with how many are done.
func Check(ctx context.Context, d Dataset, progress func(done int)) (Report, error) {
	r := d.Report()
	r.Rows = 0
	for i := range d.Len() {
		if err := ctx.Err(); err != nil {
			return r, context.Cause(ctx)
		}
		row, err := d.Row(i)
		if err == nil {
			_, err = row.Decode()
		}
		if re := (*RowError)(nil); errors.As(err, &re) {
			r.broken(re.Where, re.Err)
		} else {
			r.Rows++
		}
		if progress != nil {
			progress(i + 1)
		}
	}
	return r, nil
}
