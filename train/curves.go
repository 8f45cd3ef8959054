package train

import (
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"sort"

	"dragoman/internal/atomicfile"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// curveColours are told apart by most eyes (Okabe and Ito's).
var curveColours = []color.Color{
	color.RGBA{0, 114, 178, 255},
	color.RGBA{213, 94, 0, 255},
	color.RGBA{0, 158, 115, 255},
	color.RGBA{204, 121, 167, 255},
	color.RGBA{230, 159, 0, 255},
	color.RGBA{86, 180, 233, 255},
}

// drawCurves writes curves.svg: every loss over the steps of the whole run, stages one after another, training as lines and
// validation as dashes.
func drawCurves(dir string, stages []Stage, records []Record) error {
	offset, at := 0, map[string]int{}
	for _, s := range stages {
		at[s.Name] = offset
		offset += s.Steps
	}
	lines := map[string]plotter.XYs{}
	add := func(name string, r Record, value float64) {
		lines[name] = append(lines[name], plotter.XY{X: float64(at[r.Stage] + r.Step), Y: value})
	}
	for _, r := range records {
		for name, value := range r.Losses {
			add(r.Stage+" "+name, r, value)
		}
		if value, ok := r.Validation["loss"]; ok {
			add(r.Stage+" validation", r, value)
		}
	}
	var names []string
	for name := range lines {
		names = append(names, name)
	}
	sort.Strings(names)

	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "step", "loss"
	p.Y.Min = 0
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	for i, name := range names {
		line, err := plotter.NewLine(lines[name])
		if err != nil {
			return fmt.Errorf("curves: %s: %w", name, err)
		}
		line.Color = curveColours[i%len(curveColours)]
		line.Width = vg.Points(1.2)
		if i >= len(curveColours) {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
		}
		p.Add(line)
		p.Legend.Add(name, line)
	}
	canvas := vgsvg.New(8*vg.Inch, 4.5*vg.Inch)
	p.Draw(draw.New(canvas))
	return atomicfile.WriteFile(filepath.Join(dir, "curves.svg"), func(w io.Writer) error {
		_, err := canvas.WriteTo(w)
		return err
	})
}
