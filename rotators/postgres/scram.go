package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	iterations = 4096 // PostgreSQL's default, which is also RFC 7677's least
	saltBytes  = 16   // PostgreSQL's own
)

// verifier makes what PostgreSQL stores for a password
// (https://www.postgresql.org/docs/current/catalog-pg-authid.html). The
// server takes it in place of a password and stores it as it is.
func verifier(password string, random io.Reader) (string, error) {
	if !samePrepared(password) {
		return "", errors.New("the password holds characters that clients of PostgreSQL normalise in different ways " +
			"(SASLprep, PRECIS): choose one without them")
	}
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return verifierWith(password, salt)
}

func verifierWith(password string, salt []byte) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive the SCRAM key: %w", err)
	}
	stored := sha256.Sum256(hmacSHA256(salted, "Client Key"))
	return formatVerifier(salt, stored[:], hmacSHA256(salted, "Server Key")), nil
}

// deadVerifier makes a verifier that no password fits: its keys are random
// themselves, so there is nothing that anybody could know.
func deadVerifier(random io.Reader) (string, error) {
	b := make([]byte, saltBytes+2*sha256.Size)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return formatVerifier(b[:saltBytes], b[saltBytes:saltBytes+sha256.Size], b[saltBytes+sha256.Size:]), nil
}

func formatVerifier(salt, stored, server []byte) string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(stored), b64(server))
}

func hmacSHA256(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

// samePrepared reports whether every client hashes exactly these bytes.
// libpq and the server prepare a password with SASLprep (RFC 4013), pgx with
// PRECIS (RFC 8265), and all take the raw bytes where that fails. They agree,
// and change nothing, on text that is in normal form KC already and holds
// neither spaces other than ASCII's nor characters that SASLprep drops.
// Passwords that rota chooses are ASCII.
func samePrepared(password string) bool {
	for _, r := range password {
		switch {
		case r < 0x80:
		case r == 0x00AD, r == 0x034F, r == 0x1806, // RFC 3454 table B.1
			r >= 0x180B && r <= 0x180D,
			r >= 0x200B && r <= 0x200D,
			r == 0x2060, r == 0xFEFF,
			r >= 0xFE00 && r <= 0xFE0F:
			return false
		case unicode.IsSpace(r), unicode.Is(unicode.Z, r):
			return false
		}
	}
	return norm.NFKC.IsNormalString(password)
}
