package testserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Rabbit is a RabbitMQ with its management API.
type Rabbit struct {
	URL           string // of the management API
	AdminUser     string
	AdminPassword string
}

// RabbitMQ starts Debian's rabbitmq-server with the management plugin and a
// name service (epmd) of its own, which outlives the wrapper and is ended by
// its port.
func RabbitMQ(t testing.TB) *Rabbit {
	t.Helper()
	server := look(t, "/usr/lib/rabbitmq/bin/rabbitmq-server")
	epmd := look(t, "/usr/bin/epmd", "/usr/lib/erlang/erts-*/bin/epmd")
	dir, p := folder(t, nil), freePorts(t, 4)
	amqp, http1, dist, names := port(p[0]), port(p[1]), port(p[2]), port(p[3])
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	env := append(os.Environ(), "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+names)
	t.Cleanup(func() { // after the server, which registers there
		cmd := exec.Command(epmd, "-port", names, "-kill")
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("epmd did not end: %v: %s", err, out)
		}
	})
	r := &Rabbit{URL: "http://127.0.0.1:" + http1, AdminUser: "guest", AdminPassword: "guest"}
	proc := start(t, append(env,
		"HOME="+dir, "RABBITMQ_NODENAME=t"+amqp+"@localhost", "RABBITMQ_DIST_PORT="+dist,
		"RABBITMQ_CONFIG_FILE="+write("rabbit.conf", "listeners.tcp.1 = 127.0.0.1:"+amqp+"\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = "+http1+"\n"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+write("plugins", "[rabbitmq_management].\n"),
		"RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir, "RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	), nil, server)
	proc.await(t, "RabbitMQ", func() error { return r.LogIn(r.AdminUser, r.AdminPassword) })
	return r
}

// AddUser makes a user with the management tag, so that its password can be
// tried over HTTP.
func (r *Rabbit) AddUser(t testing.TB, name, password string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"password": password, "tags": "management"})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, r.URL+"/api/users/"+url.PathEscape(name), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(r.AdminUser, r.AdminPassword)
	if err := expect(req, http.StatusCreated, http.StatusNoContent); err != nil {
		t.Fatalf("add the user %s: %v", name, err)
	}
}

// LogIn tries a password.
func (r *Rabbit) LogIn(user, password string) error {
	req, err := http.NewRequest(http.MethodGet, r.URL+"/api/whoami", nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(user, password)
	return expect(req, http.StatusOK)
}

// expect sends the request and wants one of the statuses.
func expect(req *http.Request, want ...int) error {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	for _, w := range want {
		if res.StatusCode == w {
			return nil
		}
	}
	return fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, res.Status)
}
