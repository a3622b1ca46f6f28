package testserver

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Rabbit is a RabbitMQ with its management API. The user "guest" that it
// usually comes with does not exist.
type Rabbit struct {
	URL           string // of the management API
	AMQPPort      int
	AdminUser     string
	AdminPassword string
}

// RabbitMQ starts Debian's rabbitmq-server with the management plugin, as the
// user rabbitmq if the test runs as root.
func RabbitMQ(t testing.TB) *Rabbit {
	t.Helper()
	server := look(t, "/usr/lib/rabbitmq/bin/rabbitmq-server")
	epmd := look(t, "/usr/bin/epmd", "/usr/lib/erlang/erts-*/bin/epmd")
	cred := account(t, "rabbitmq")
	dir, p := folder(t, cred), freePorts(t, 4)
	amqp, http1, dist, names := port(p[0]), port(p[1]), port(p[2]), port(p[3])
	r := &Rabbit{URL: "http://127.0.0.1:" + http1, AMQPPort: p[0], AdminUser: "admin", AdminPassword: rand.Text()}
	conf, plugins := filepath.Join(dir, "rabbit.conf"), filepath.Join(dir, "plugins")
	write(t, cred, conf, []byte("listeners.tcp.1 = 127.0.0.1:"+amqp+"\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = "+http1+
		"\ndefault_user = "+r.AdminUser+"\ndefault_pass = "+r.AdminPassword+"\n"))
	write(t, cred, plugins, []byte("[rabbitmq_management].\n"))
	env := append(os.Environ(), "HOME="+dir, "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+names)

	// Erlang's name service: where none runs, a node starts one as a daemon
	// that outlives the node. This one is ours to end.
	daemon := start(t, command{log: filepath.Join(dir, "epmd"), env: env, cred: cred}, epmd)
	await(t, "epmd", daemon, func() error {
		c, err := net.Dial("tcp", "127.0.0.1:"+names)
		if err != nil {
			return err
		}
		return c.Close()
	})
	node := start(t, command{log: filepath.Join(dir, "said"), cred: cred, env: append(
		env,
		// The script then becomes the server; otherwise it stays as a wrapper,
		// and what ends the wrapper does not reach the server.
		"RUNNING_UNDER_SYSTEMD=true",
		"RABBITMQ_NODENAME=t"+amqp+"@localhost", "RABBITMQ_DIST_PORT="+dist,
		"RABBITMQ_CONFIG_FILE="+conf, "RABBITMQ_ENABLED_PLUGINS_FILE="+plugins,
		"RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir, "RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	)}, server)
	// AMQP is listened for last, well after the API.
	await(t, "RabbitMQ", node, func() error { return r.get("/health/checks/port-listener/"+amqp, r.AdminUser, r.AdminPassword) })
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
func (r *Rabbit) LogIn(user, password string) error { return r.get("/whoami", user, password) }

// get asks below /api and wants 200.
func (r *Rabbit) get(path, user, password string) error {
	req, err := http.NewRequest(http.MethodGet, r.URL+"/api"+path, nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(user, password)
	return answers(req)
}
