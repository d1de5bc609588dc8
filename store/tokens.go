package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// grace is how much longer than its expiry a token is remembered: clocks may
// differ, and a token that is forgotten too early could be used again.
const grace = 2 * time.Minute

// Redeem counts one use of the service's token, kept until the token has expired
// at exp. It is one atomic statement: of any number of simultaneous calls, on
// any number of machines, uses succeed and the others get ErrUsed.
func (s *Store) Redeem(ctx context.Context, jti string, service protocol.ServiceID, exp time.Time, uses int) error {
	if uses < 1 {
		return ErrUsed
	}
	var used int
	err := s.fail(s.db.QueryRowContext(ctx,
		`INSERT INTO redeemed (service, jti, used, expires) VALUES ($1, $2, 1, $3)
		 ON CONFLICT (service, jti) DO UPDATE SET used = redeemed.used + 1,
		     expires = CASE WHEN excluded.expires > redeemed.expires THEN excluded.expires ELSE redeemed.expires END
		     WHERE redeemed.used < $4
		 RETURNING used`,
		string(service), jti, exp.Add(grace).UnixMilli(), uses).Scan(&used))
	if errors.Is(err, ErrNotFound) {
		return ErrUsed
	}
	return err
}

// Revoke refuses the session from now until a time, by which its resume tokens
// have expired.
func (s *Store) Revoke(ctx context.Context, session string, until time.Time) error {
	_, err := s.db.ExecContext(ctx,
		`INSERT INTO revoked (session, expires) VALUES ($1, $2) ON CONFLICT (session) DO UPDATE SET expires = excluded.expires`,
		session, until.Add(grace).UnixMilli())
	return s.fail(err)
}

// Revoked says whether the session was revoked.
func (s *Store) Revoked(ctx context.Context, session string) (bool, error) {
	var n int
	err := s.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM revoked WHERE session = $1`, session).Scan(&n)
	return n > 0, s.fail(err)
}

// Purge forgets tokens and revocations past their time.
func (s *Store) Purge(ctx context.Context) error {
	now := s.now()
	if _, err := s.db.ExecContext(ctx, `DELETE FROM redeemed WHERE expires < $1`, now); err != nil {
		return s.fail(err)
	}
	if _, err := s.db.ExecContext(ctx, `DELETE FROM licode_tokens WHERE expires < $1`, now); err != nil {
		return s.fail(err)
	}
	_, err := s.db.ExecContext(ctx, `DELETE FROM revoked WHERE expires < $1`, now)
	return s.fail(err)
}

// Secret gives the server's own secret of that name: 32 random bytes, made once
// and kept. All servers on one database have the same.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	if _, err := s.db.ExecContext(ctx, `INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`,
		name, base64.RawStdEncoding.EncodeToString(b[:])); err != nil {
		return nil, s.fail(err)
	}
	var value string
	if err := s.db.QueryRowContext(ctx, `SELECT value FROM secrets WHERE name = $1`, name).Scan(&value); err != nil {
		return nil, s.fail(err)
	}
	secret, err := base64.RawStdEncoding.DecodeString(value)
	if err != nil {
		return nil, fmt.Errorf("the secret %s in the database is not valid: %w", name, err)
	}
	return secret, nil
}
