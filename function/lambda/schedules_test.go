package lambda

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
)

// schedules is a loopback listener in the place of EventBridge Scheduler. The
// real SDK encodes what it is sent; it answers as the API reference says
// (https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html),
// and keeps every request with every member.
type schedules struct {
	client *scheduler.Client

	mu    sync.Mutex
	calls []call
	have  map[string]map[string]any // by group and name
	on    func(call) (status int, answer string)
}

type call struct {
	method, path, query string
	body                map[string]any
}

func newSchedules(t testing.TB) *schedules {
	t.Helper()
	s := &schedules{have: map[string]map[string]any{}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.client = scheduler.New(scheduler.Options{
		Region: "us-east-1", BaseEndpoint: &srv.URL, Retryer: aws.NopRetryer{}, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "x", ""),
	})
	return s
}

func (s *schedules) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	c := call{method: r.Method, path: r.URL.Path, query: r.URL.RawQuery}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &c.body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
	status, answer := s.answer(c, r)
	w.Header().Set("Content-Type", "application/json")
	if status != http.StatusOK {
		w.Header().Set("X-Amzn-ErrorType", answer)
		answer = `{"Message":"as the test wants it"}`
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

func (s *schedules) answer(c call, r *http.Request) (int, string) {
	if s.on != nil {
		if status, answer := s.on(c); status != 0 {
			return status, answer
		}
	}
	name, _ := strings.CutPrefix(c.path, "/schedules/")
	switch c.method {
	case http.MethodPost:
		if s.have[name] != nil {
			return http.StatusConflict, "ConflictException"
		}
		s.have[name] = c.body
	case http.MethodPut:
		if s.have[name] == nil {
			return http.StatusNotFound, "ResourceNotFoundException"
		}
		s.have[name] = c.body
	case http.MethodGet:
		if c.path == "/schedules" {
			var list []map[string]any
			for _, n := range slices.Sorted(maps.Keys(s.have)) {
				if strings.HasPrefix(n, r.URL.Query().Get("NamePrefix")) {
					target := s.have[n]["Target"].(map[string]any)
					list = append(list, map[string]any{"Name": n, "GroupName": s.have[n]["GroupName"], "Target": map[string]any{"Arn": target["Arn"]}})
				}
			}
			b, _ := json.Marshal(map[string]any{"Schedules": list})
			return http.StatusOK, string(b)
		}
		if s.have[name] == nil {
			return http.StatusNotFound, "ResourceNotFoundException"
		}
		out := maps.Clone(s.have[name])
		out["Arn"] = "arn:aws:scheduler:us-east-1:123456789012:schedule/rota/" + name
		b, _ := json.Marshal(out)
		return http.StatusOK, string(b)
	}
	return http.StatusOK, `{"ScheduleArn":"arn:aws:scheduler:us-east-1:123456789012:schedule/default/x"}`
}

// wrote lists the calls that change something.
func (s *schedules) wrote() (out []call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c.method != http.MethodGet {
			out = append(out, c)
		}
	}
	return out
}
