package store

import (
	"regexp"
	"strings"

	"github.com/rotahq/rota"
)

// who is a principal that a request names.
type who struct {
	arn   string
	kind  string // user or role
	name  string // without the path
	asked string // as the request has it
}

// key is what no other principal has: as in IAM, names differ in more than
// their path and the case of their letters.
func (w who) key() string { return w.kind + "/" + strings.ToLower(w.name) }

// IAM's characters for names and paths
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
// A path here has no wildcard, since nobody matches part of a principal.
var (
	principalName = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
	principalPath = regexp.MustCompile(`^([!-)+-.0->@-~]+/)*$`)
	policyName    = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,128}$`)
)

// maxPath is the length of a path without its first slash.
const maxPath = 511

// EngineRole is the name of the role that stands in journals and records for
// rota's own work. It is no principal: nobody can act as it.
const EngineRole = "rota-engine"

// parsePrincipal reads an ARN, user/NAME, role/NAME, or NAME, which is a
// user's. "" is the caller.
func (s *Store) parsePrincipal(c rota.Caller, text string) (who, error) {
	asked := text
	if text == "" {
		text = c.Principal
	}
	home := "arn:aws:iam::" + s.cfg.Account + ":"
	if rest, ok := strings.CutPrefix(text, home); ok {
		text = rest
	} else if !strings.Contains(text, "/") && !strings.HasPrefix(text, "arn:") {
		text = "user/" + text
	}
	kind, path, _ := strings.Cut(text, "/")
	cut := strings.LastIndexByte(path, '/') + 1
	w := who{arn: home + text, kind: kind, name: path[cut:], asked: asked}
	path = path[:cut]
	if kind != "user" && kind != "role" || !principalName.MatchString(w.name) || !principalPath.MatchString(path) || len(path) > maxPath {
		return w, &rota.Error{
			Code: rota.InvalidParameter, Message: "The principal must be NAME or user/NAME, role/NAME, or the ARN of a user or role of account " + s.cfg.Account + ".",
			Hint: "a name has up to 64 letters, digits and _+=,.@-",
		}
	}
	return w, nil
}

// IAM's sentences for users and roles
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html).
func (w who) missing() error {
	return rota.E(rota.NotFound, "The %s with name %s cannot be found.", w.kind, w.name)
}

func (w who) exists() error {
	kind := "User"
	if w.kind == "role" {
		kind = "Role"
	}
	return rota.E(rota.Exists, "%s with name %s already exists.", kind, w.name)
}
