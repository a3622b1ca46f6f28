package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/rotahq/rota/access/session"
	"github.com/rotahq/rota/store"
)

// The principals that a new database begins with: who may do everything, with
// the key pair of the data folder, and the role that rotation functions run
// as, which has no keys.
const (
	adminName    = "rota-admin"
	adminPolicy  = "FullAccess"
	adminAllowed = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

	functionPolicy = "RotationFunction"
)

// functionAllowed is what rotation functions do to any secret. Each of their
// sessions is limited further, to the secret that it rotates.
var functionAllowed = session.Allow([]string{
	"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
	"secretsmanager:UpdateSecretVersionStage", "secretsmanager:GetRandomPassword",
}, "*")

// firstPrincipals makes the first principals, once. The administrator's key is
// that of the file credentials; it is made, file first, so that a crash in
// between leaves no key that nobody knows. Afterwards the file may go: nothing
// is made again but by rota principal recover.
func (n *node) firstPrincipals(ctx context.Context, c nodeConfig) error {
	path := filepath.Join(c.dir, "credentials")
	founded, err := n.store.Founded(ctx)
	if err != nil {
		return err
	}
	if founded {
		n.keys, err = readKeys(path)
		if errors.Is(err, fs.ErrNotExist) {
			n.log.Info("there is no file credentials in the data folder: clients need keys of their own", "folder", c.dir)
			return nil
		}
		return err
	}
	if n.keys, n.first, err = firstKeys(path, c.region); err != nil {
		return err
	}
	if strings.HasPrefix(n.keys.id, store.TemporaryKey) {
		return fmt.Errorf("%s holds temporary credentials, which cannot be the administrator's: move it away, and a key pair is made", path)
	}
	_, err = n.store.FirstPrincipals(ctx,
		store.FirstPrincipal{Principal: adminName, PolicyName: adminPolicy, Document: adminAllowed, KeyID: n.keys.id, Secret: n.keys.secret},
		store.FirstPrincipal{Principal: session.FunctionRole(c.account), PolicyName: functionPolicy, Document: functionAllowed},
	)
	return err
}
