//go:build servers

package e2e

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rotahq/rota/internal/testserver"
)

// silence is from where on a provider no longer answers.
type silence int

const (
	never         silence = iota
	fromAccept            // the connection is accepted and nothing ever comes
	fromStatement         // logins are answered; the first statement is not
)

// silentPG is a PostgreSQL at an address of its own, so in a lane of its
// own: a relay to a real one, which falls silent when it is told to, and
// stays so until it is told to answer.
type silentPG struct {
	l    net.Listener
	real string

	mu    sync.Mutex
	spell *spell
	now   int // calls that hang at this moment
	total int // calls that have hung in this spell
	conns map[net.Conn]bool
}

// spell is a time of silence. hangUp is set before over is closed.
type spell struct {
	from   silence
	over   chan struct{}
	hangUp bool
}

// startSilentPG returns the relay, which answers for now, and how to reach
// the real server through it.
func startSilentPG(tb testing.TB, pg *testserver.PG) (*silentPG, *testserver.PG) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &silentPG{l: l, real: net.JoinHostPort(pg.Host, strconv.Itoa(pg.Port)), spell: &spell{}, conns: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(c) })
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		running.Wait()
	})
	return p, &testserver.PG{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
}

// fallSilent begins a spell for all connections from now on.
func (p *silentPG) fallSilent(from silence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spell, p.total = &spell{from: from, over: make(chan struct{})}, 0
}

// speak ends the spell. What hangs is answered, or hung up on.
func (p *silentPG) speak(hangUp bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spell.from != never {
		p.spell.hangUp = hangUp
		close(p.spell.over)
		p.spell = &spell{}
	}
}

// hanging is how many calls hang now, and how many have in this spell.
func (p *silentPG) hanging() (now, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now, p.total
}

func (p *silentPG) serve(c net.Conn) {
	p.mu.Lock()
	sp := p.spell
	p.conns[c] = true
	p.mu.Unlock()
	defer func() {
		_ = c.Close()
		p.mu.Lock()
		delete(p.conns, c)
		p.mu.Unlock()
	}()
	r := bufio.NewReader(c)
	if sp.from == fromAccept && !p.hold(sp, c, r) {
		return
	}
	up, err := net.Dial("tcp", p.real)
	if err != nil {
		return
	}
	defer up.Close()
	go func() {
		_, _ = io.Copy(c, up)
		_ = c.Close() // ends the reading below
	}()
	if sp.from == fromStatement && (!untilStatement(up, r) || !p.hold(sp, c, r)) {
		return
	}
	_, _ = io.Copy(up, r)
}

// hold keeps a call waiting until the spell is over, or the caller gave up.
// It says whether the call goes on. What comes meanwhile is only looked at,
// to see whether the caller is still there.
func (p *silentPG) hold(sp *spell, c net.Conn, r *bufio.Reader) bool {
	p.count(1)
	defer p.count(-1)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			if _, err := r.Peek(r.Buffered() + 1); err != nil {
				return
			}
		}
	}()
	select {
	case <-gone:
		return false
	case <-sp.over:
	}
	_ = c.SetReadDeadline(time.Now()) // ends the looking
	<-gone
	_ = c.SetReadDeadline(time.Time{})
	return !sp.hangUp
}

func (p *silentPG) count(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now += n
	p.total += max(n, 0)
}

// untilStatement passes on what the caller says, up to its first statement,
// and says whether there is one
// (https://www.postgresql.org/docs/current/protocol-message-formats.html).
func untilStatement(up io.Writer, r *bufio.Reader) bool {
	for header := 4; ; header = 5 { // the first message has no type
		head, err := r.Peek(header)
		if err != nil || header == 5 && (head[0] == 'Q' || head[0] == 'P') {
			return err == nil
		}
		length := int64(binary.BigEndian.Uint32(head[header-4:])) + int64(header-4)
		if _, err := io.CopyN(up, r, length); err != nil {
			return false
		}
	}
}
