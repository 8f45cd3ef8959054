package train

import (
	"time"
)

// meter measures how fast a stage goes. It knows the clock, and what it says is shown and never written.
type meter struct {
	since   time.Time
	steps   int
	samples int     // of a step
	speed   float64 // steps a second, smoothed
}

func newMeter(samples int) *meter { return &meter{since: time.Now(), samples: samples} }

// pause forgets the time since the last step, in which something else was done.
func (m *meter) pause() { m.since = time.Now() }

func (m *meter) at(st *Stage, step int, losses map[string]float64) Progress {
	now := time.Now()
	if d := now.Sub(m.since).Seconds(); d > 0 {
		m.steps++
		keep := min(0.95, 1-1/float64(m.steps))
		m.speed = keep*m.speed + (1-keep)/d
	}
	m.since = now
	p := Progress{
		Doing: st.Name, Done: step, All: st.Steps, Step: step, Steps: st.Steps, Losses: losses,
		SamplesPerSecond: m.speed * float64(m.samples),
	}
	if m.speed > 0 {
		p.Left = time.Duration(float64(st.Steps-step) / m.speed * float64(time.Second))
	}
	return p
}
