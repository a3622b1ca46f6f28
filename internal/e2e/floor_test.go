//go:build servers

package e2e

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The floors are processes of their own, so that their CPU can be measured as
// the program's is: this test binary, started again with floorEnv set.
const floorEnv = "ROTA_E2E_FLOOR"

func TestMain(m *testing.M) {
	switch os.Getenv(floorEnv) {
	case "get":
		floorGet()
	case "rotate":
		floorRotate()
	default:
		os.Exit(m.Run())
	}
}

// floorGet answers each request as cheaply as an honest server could: it
// hashes the body, derives a signing key and signs (five HMACs), opens 500
// bytes of AES-GCM and encodes JSON, with the plain standard library.
func floorGet() {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	nonce := make([]byte, gcm.NonceSize())
	sealed := gcm.Seal(nil, nonce, make([]byte, 500), nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s\n", l.Addr())
	panic(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		hash := sha256.Sum256(body)
		mac := []byte("AWS4secret")
		for _, part := range []string{r.Header.Get("X-Amz-Date"), "us-east-1", "secretsmanager", "aws4_request", hex.EncodeToString(hash[:])} {
			h := hmac.New(sha256.New, mac)
			h.Write([]byte(part))
			mac = h.Sum(nil)
		}
		value, err := gcm.Open(nil, nonce, sealed, nil)
		if err != nil {
			panic(err)
		}
		var in struct{ SecretId string }
		if err := json.Unmarshal(body, &in); err != nil {
			panic(err)
		}
		out, err := json.Marshal(map[string]any{
			"ARN": in.SecretId, "Name": in.SecretId, "VersionId": hex.EncodeToString(mac[:16]), "SecretString": base64.StdEncoding.EncodeToString(value)[:500],
			"VersionStages": []string{"AWSCURRENT"}, "CreatedDate": 1795408490.123,
		})
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(out)
	})))
}

// floorRotate has the same conversation with the database as a rotation of a
// role with a single user, for each role once: the new password refused, the
// verifier computed and set, the new one tried, the old one refused, the new
// one tried as a control.
func floorRotate() {
	n, err := strconv.Atoi(os.Getenv("ROTA_E2E_ROLES"))
	if err != nil {
		panic(err)
	}
	atOnce, err := strconv.Atoi(os.Getenv("ROTA_E2E_AT_ONCE"))
	if err != nil {
		panic(err)
	}
	base, err := pgx.ParseConfig(os.Getenv("ROTA_E2E_URL"))
	if err != nil {
		panic(err)
	}
	start := time.Now()
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := floorRotation(base, fmt.Sprintf("floor_%04d", i)); err != nil {
				panic(err)
			}
		})
	}
	wg.Wait()
	fmt.Printf("%d\n", time.Since(start).Nanoseconds())
}

func floorRotation(base *pgx.ConnConfig, role string) error {
	ctx := context.Background()
	old, next := "first-"+role, rand.Text()
	refused := func(password string) error {
		_, err := floorLogin(ctx, base, role, password, "")
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "28P01" {
			return nil
		}
		return fmt.Errorf("%s: not refused: %w", role, err)
	}
	if err := refused(next); err != nil {
		return err
	}
	if _, err := floorLogin(ctx, base, role, old, "ALTER ROLE "+role+" PASSWORD '"+verifier(next)+"'"); err != nil {
		return err
	}
	if _, err := floorLogin(ctx, base, role, next, "SELECT now()"); err != nil {
		return err
	}
	if err := refused(old); err != nil {
		return err
	}
	_, err := floorLogin(ctx, base, role, next, "SELECT now()")
	return err
}

func floorLogin(ctx context.Context, base *pgx.ConnConfig, user, password, statement string) (pgconn.CommandTag, error) {
	cfg := base.Config.Copy()
	cfg.User, cfg.Password = user, password
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	_, err = conn.Exec(ctx, statement).ReadAll()
	return pgconn.CommandTag{}, errors.Join(err, conn.Close(ctx))
}

// verifier is PostgreSQL's form of a SCRAM-SHA-256 password (RFC 5803).
func verifier(password string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, 4096, 32)
	if err != nil {
		panic(err)
	}
	sign := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(sign(salted, "Client Key"))
	e := base64.StdEncoding.EncodeToString
	return "SCRAM-SHA-256$4096:" + e(salt) + "$" + e(stored[:]) + ":" + e(sign(salted, "Server Key"))
}
