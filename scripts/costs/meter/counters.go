package meter

// Counters are what was done so far; as a difference, what something has cost.
type Counters struct {
	Seconds float64 // since the meter was opened; of a difference: between the two
	Traffic
	Rows       float64 // inserted, updated and deleted
	Statements float64 // without BEGIN, COMMIT and ROLLBACK
	WAL        float64 // bytes
	PageImages float64 // whole pages in the WAL: those that are changed for the first time after a checkpoint
	Redis      float64 // commands of clients, and those that their scripts call
	CPU        CPU

	ByStatement map[string]Statement
}

// CPU are seconds of processor time.
type CPU struct{ Server, PostgreSQL, Redis float64 }

// Statement is what a statement has cost: how often it ran, the rows that it returned or changed, and its WAL in bytes.
type Statement struct{ Calls, Rows, WAL float64 }

// Less is what came between two readings.
func (c Counters) Less(before Counters) Counters { return c.Plus(before, -1) }

// Per shares what was done by n deeds, without what would have been done anyway: idle is another difference.
func (c Counters) Per(n int, idle Counters) Counters {
	own := c
	if idle.Seconds > 0 {
		own = c.Plus(idle, -c.Seconds/idle.Seconds)
	}
	return Counters{}.Plus(own, 1/float64(n))
}

// Plus adds other counters, times a factor.
func (c Counters) Plus(o Counters, times float64) Counters {
	sum := Counters{
		Seconds: c.Seconds + times*o.Seconds, Traffic: c.Traffic.Plus(o.Traffic, times), Rows: c.Rows + times*o.Rows,
		Statements: c.Statements + times*o.Statements,
		WAL:        c.WAL + times*o.WAL, PageImages: c.PageImages + times*o.PageImages, Redis: c.Redis + times*o.Redis,
		CPU: CPU{c.CPU.Server + times*o.CPU.Server, c.CPU.PostgreSQL + times*o.CPU.PostgreSQL, c.CPU.Redis + times*o.CPU.Redis},
	}
	sum.ByStatement = map[string]Statement{}
	for text, s := range c.ByStatement {
		sum.ByStatement[text] = s
	}
	for text, s := range o.ByStatement {
		sum.ByStatement[text] = sum.ByStatement[text].plus(s, times)
	}
	return sum
}

func (s Statement) plus(o Statement, times float64) Statement {
	return Statement{s.Calls + times*o.Calls, s.Rows + times*o.Rows, s.WAL + times*o.WAL}
}
