package testserver

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
		await(t, "the end of epmd", nil, func() error {
			cmd := exec.Command(epmd, "-port", names, "-kill")
			cmd.Env = env
			out, err := cmd.CombinedOutput()
			if err != nil && !strings.Contains(string(out), "living nodes") { // it has yet to see the server's end
				t.Errorf("epmd did not end: %v: %s", err, out)
				return nil
			}
			return err
		})
	})
	r := &Rabbit{URL: "http://127.0.0.1:" + http1, AdminUser: "guest", AdminPassword: "guest"}
	proc := start(t, filepath.Join(dir, "said"), append(env,
		"HOME="+dir, "RABBITMQ_NODENAME=t"+amqp+"@localhost", "RABBITMQ_DIST_PORT="+dist,
		"RABBITMQ_CONFIG_FILE="+write("rabbit.conf", "listeners.tcp.1 = 127.0.0.1:"+amqp+"\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = "+http1+"\n"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+write("plugins", "[rabbitmq_management].\n"),
		"RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir, "RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	), nil, server)
	await(t, "RabbitMQ", proc.done, func() error { return r.LogIn(r.AdminUser, r.AdminPassword) })
	return r
}

// AddUser makes a user, or changes the password and tags of one that exists.
// Its password can be tried over HTTP only with a tag, such as "management".
func (r *Rabbit) AddUser(t testing.TB, name, password string, tags ...string) {
	t.Helper()
	r.Send(t, "PUT", "/users/"+url.PathEscape(name), map[string]any{"password": password, "tags": strings.Join(tags, ",")}, nil)
}

// Send makes a request below /api as the administrator, fails unless it
// succeeds, and reads the answer into the pointer out. A nil body is none; a
// nil out reads nothing.
func (r *Rabbit) Send(t testing.TB, method, path string, body, out any) {
	t.Helper()
	req := request(t, method, r.URL+"/api"+path, body)
	req.SetBasicAuth(r.AdminUser, r.AdminPassword)
	send(t, req, out)
}

// LogIn tries a password.
func (r *Rabbit) LogIn(user, password string) error {
	req, err := http.NewRequest(http.MethodGet, r.URL+"/api/whoami", nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(user, password)
	return answers(req)
}
