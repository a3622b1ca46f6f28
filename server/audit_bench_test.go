package server

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rotahq/rota/wire"
)

// BenchmarkAudit is GetSecretValue over loopback with and without records, by
// one client and by 64. A record is on the disk before its answer leaves.
func BenchmarkAudit(b *testing.B) {
	w := newWorld(b)
	w.Log = slog.New(slog.NewTextHandler(io.Discard, nil)) // as rota serve has it
	a := send(b, w.request(b, "secretsmanager.CreateSecret", `{"Name":"app/db","ClientRequestToken":"`+newID()+`","SecretString":`+quoted(benchValue)+`}`))
	if a.status != http.StatusOK {
		b.Fatal(a.body)
	}
	with := w.Audit
	for _, clients := range []int{1, 64} {
		for _, on := range []bool{false, true} {
			name := fmt.Sprintf("off, clients=%d", clients)
			w.Audit = nil
			if on {
				name, w.Audit = fmt.Sprintf("on, clients=%d", clients), with
			}
			b.Run(name, func(b *testing.B) { loadMany(b, w, clients) })
		}
	}
}

// loadMany sends one request again and again, by many clients at once.
func loadMany(b *testing.B, w *world, clients int) {
	const body = `{"SecretId":"app/db"}`
	h := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}}
	defer h.CloseIdleConnections()
	var next atomic.Int64
	var wg sync.WaitGroup
	before := cpu()
	b.ResetTimer()
	for range clients {
		r := w.request(b, "secretsmanager.GetSecretValue", body)
		wire.Sign(r, []byte(body), keyID, secretKey, region, wire.Service, time.Now())
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				r.Body = io.NopCloser(strings.NewReader(body))
				res, err := h.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode != http.StatusOK {
					b.Error(res.Status)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}
