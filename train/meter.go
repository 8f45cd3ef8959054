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

// within is how far a step is that gathers several batches. Until there is a whole step, its parts say how fast the stage goes.
func (m *meter) within(st *Stage, step, part int) Progress {
	speed := m.speed
	if d := time.Since(m.since).Seconds(); m.steps == 0 && d > 0 {
		speed = float64(part) / float64(st.Accumulate) / d
	}
	p := m.progress(st, step, speed)
	p.Part, p.Parts = part, st.Accumulate
	return p
}

// at is how far the stage is when a step is done.
func (m *meter) at(st *Stage, step int, losses map[string]float64) Progress {
	now := time.Now()
	if d := now.Sub(m.since).Seconds(); d > 0 {
		m.steps++
		keep := min(0.95, 1-1/float64(m.steps))
		m.speed = keep*m.speed + (1-keep)/d
	}
	m.since = now
	p := m.progress(st, step, m.speed)
	p.Losses = losses
	return p
}

func (m *meter) progress(st *Stage, step int, speed float64) Progress {
	p := Progress{Doing: st.Name, Done: step, All: st.Steps, Step: step, Steps: st.Steps, SamplesPerSecond: speed * float64(m.samples)}
	if speed > 0 {
		p.Left = times(time.Duration(float64(time.Second)/speed), st.Steps-step)
	}
	return p
}
