package conformance

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rotahq/rota"
)

// Config is what is tested, and with what.
type Config struct {
	Function Function
	Name     string // of the function, for the report

	Value    rota.Value // the first AWSCURRENT, which the provider accepts; unused where Provider has Reset
	Tags     []rota.Tag // of the secret in rotation
	Others   []Secret   // what the function reads besides, such as an admin secret
	Provider Provider

	Timeout time.Duration // of one step; 0: 30 s
	Pause   time.Duration // between two attempts of the service; 0: 1 s
	// Play picks the cases, by name, that are played after the clean rotations;
	// nil: all.
	Play func(name string) bool

	// Listen is the address of the API, on loopback; "": a free port.
	Listen string
	// The access key that all processes use, for a function that cannot be given
	// one. Two invocations at once are not played then. "": each process has a key
	// of its own, by which calls are told apart.
	AccessKeyID, SecretAccessKey string

	Now   func() time.Time // nil: the machine's clock
	NewID func() string    // UUIDs: versions and requests; nil: from Rand
	Rand  io.Reader        // nil: the system's
	// Progress is told which case begins, and how many there are. nil: nobody.
	Progress func(name string, n, of int)
}

// Secret is one that the function reads besides the one in rotation.
type Secret struct {
	Name  string
	Value rota.Value
	Tags  []rota.Tag
}

// Prefix begins the names of all secrets that the kit rotates: an admin secret
// that says whom it serves serves this prefix.
const Prefix = "conformance/"

// kit is one run.
type kit struct {
	Config
	svc   *service
	value rota.Value // that the provider accepts now

	number      int // of cases played
	findings    []Finding
	checked     map[string]int
	cases       []Case
	invocations int
	calls       int

	// What the clean rotations told.
	clean   []cleanCall
	leaves  []int // how many new credentials live after one rotation, after two and maybe three
	overlap bool  // the provider accepts AWSCURRENT all the time
}

// cleanCall is a call of the clean rotation.
type cleanCall struct {
	step rota.Step
	Call
}

// Case is one that was played.
type Case struct {
	Name     string  `json:"name"`
	Findings int     `json:"findings"`
	Note     string  `json:"note,omitempty"` // why it tells less than it could
	Seconds  float64 `json:"seconds"`
}

// Run plays every case against the function and reports what it found. It
// takes as long as the function takes for some hundred rotations. An error is
// the kit's own trouble: the function cannot be started, the provider cannot
// be asked. The report is then that of what was played.
//
// The provider must be one for tests: a function that loses credentials leaves
// them there.
func Run(ctx context.Context, c Config) (Report, error) {
	c = c.withDefaults()
	k := &kit{Config: c, value: c.Value, checked: map[string]int{}}
	folder, err := scratch()
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if k.svc, err = startService(ctx, c, folder); err != nil {
		return Report{}, fmt.Errorf("start the service's side: %w", err)
	}
	stopped, err := k.run(ctx)
	if err != nil {
		stopped = err.Error()
	}
	return k.report(stopped), errors.Join(err, k.svc.close())
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
	c.Pause = cmp.Or(c.Pause, time.Second)
	if c.Progress == nil {
		c.Progress = func(string, int, int) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.NewID == nil {
		c.NewID = func() string { return uuid4(c.Rand) }
	}
	return c
}

// uuid4 makes a random UUID. A source that fails makes two that are equal, and
// the store refuses the second.
func uuid4(from io.Reader) string {
	var b [16]byte
	_, _ = io.ReadFull(from, b[:])
	b[6], b[8] = b[6]&15|64, b[8]&63|128
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// inMemory is Linux's file system in memory. Nothing that the kit keeps has to
// survive, and a value that is never on a disk need not be removed from one.
const inMemory = "/dev/shm"

// scratch makes the folder of the store.
func scratch() (string, error) {
	if folder, err := os.MkdirTemp(inMemory, "rota-conformance-"); err == nil {
		return folder, nil
	}
	return os.MkdirTemp("", "rota-conformance-")
}

// run plays everything; stopped says why it ended early, because of the
// function.
func (k *kit) run(ctx context.Context) (stopped string, err error) {
	for _, s := range k.Others {
		if _, err := k.svc.create(ctx, s.Name, k.NewID(), s.Value, s.Tags); err != nil {
			return "", fmt.Errorf("make the secret %s: %w", s.Name, err)
		}
	}
	if err := k.play(ctx, scenario{name: "a rotation, and another one", do: (*play).cleanRotations}, 1, 1); err != nil {
		return "", err
	}
	if len(k.clean) == 0 {
		return "a rotation with nothing in its way does not work: the other cases would tell nothing more", nil
	}
	var rest []scenario
	for _, s := range k.scenarios() {
		if k.Play == nil || k.Play(s.name) {
			rest = append(rest, s)
		}
	}
	for i, s := range rest {
		if k.value.IsZero() && k.Provider.Reset == nil {
			return fmt.Sprintf("after the case %q it is not known which value the provider accepts, and %d cases were not played: give --accepts, or --reset",
				k.cases[len(k.cases)-1].Name, len(rest)-i), nil
		}
		if err := k.play(ctx, s, i+2, len(rest)+1); err != nil {
			return "", err
		}
	}
	return "", nil
}

// scenario is a case that can be played.
type scenario struct {
	name  string
	do    func(*play)
	place string // "": the name
}

// play plays one case with a secret of its own.
func (k *kit) play(ctx context.Context, s scenario, n, of int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	k.Progress(s.name, n, of)
	start := k.Now()
	k.number++
	p := &play{kit: k, ctx: ctx, name: s.name, place: cmp.Or(s.place, s.name), names: map[string]string{}}
	if k.Provider.Reset != nil {
		v, err := k.Provider.Reset(ctx)
		if err != nil {
			return fmt.Errorf("reset the provider: %w", err)
		}
		k.value = v
	}
	p.start = k.value
	p.before = p.living()
	first := p.newVersion("old")
	if p.err == nil {
		var err error
		p.secret, err = k.svc.create(ctx, fmt.Sprintf("%scase-%03d", Prefix, k.number), first, p.start, k.Tags)
		p.failed(err)
	}
	had := len(k.findings)
	s.do(p)
	p.restart()
	p.settle()
	trace := make([]Event, 0, len(p.trace))
	for _, e := range p.trace {
		trace = append(trace, *e)
	}
	for i := had; i < len(k.findings); i++ {
		k.findings[i].Trace = trace
	}
	c := Case{Name: s.name, Findings: len(k.findings) - had, Seconds: k.Now().Sub(start).Seconds()}
	if p.plan.fault != None && !p.plan.hit {
		c.Note = "the function did not make this call"
	}
	k.cases = append(k.cases, c)
	if p.err != nil {
		return fmt.Errorf("the case %q: %w", s.name, p.err)
	}
	return nil
}

// settle finds the value with which the next case begins: one that the
// provider accepts.
func (p *play) settle() {
	if p.err != nil || p.Provider.Reset != nil {
		return
	}
	st := p.state()
	current := st.current()
	if p.Provider.Accepts == nil {
		p.value = current
		if p.setRan { // the provider may have the other one
			p.value = rota.Value{}
		}
		return
	}
	candidates := []rota.Value{current, p.start}
	for _, v := range st.values {
		candidates = append(candidates, v)
	}
	p.value = rota.Value{}
	for _, v := range candidates {
		if p.verdict(v) == Accepted {
			p.value = v
			return
		}
	}
}
