-- +goose Up
-- sfu: media are forwarded here. p2p: participants send them to each other.
ALTER TABLE rooms ADD COLUMN mode TEXT NOT NULL DEFAULT 'sfu';

-- +goose Down
ALTER TABLE rooms DROP COLUMN mode;
