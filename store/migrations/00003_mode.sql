-- +goose Up
-- How media go in a room: sfu or p2p (protocol.Mode).
ALTER TABLE rooms ADD COLUMN mode TEXT NOT NULL DEFAULT 'sfu';

-- +goose Down
ALTER TABLE rooms DROP COLUMN mode;
