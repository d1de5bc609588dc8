-- +goose Up
-- What only Licode's API tells, of services and rooms that it made.
ALTER TABLE services ADD COLUMN licode TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN licode_name TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN licode_media TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN licode_data TEXT NOT NULL DEFAULT '';
CREATE INDEX rooms_licode_name ON rooms (service, licode_name) WHERE licode_name <> '';

-- Its tokens are kept until they are used or expire.
CREATE TABLE licode_tokens (
    id      TEXT PRIMARY KEY,
    service TEXT NOT NULL REFERENCES services (id) ON DELETE CASCADE,
    room    TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    host    TEXT NOT NULL,
    secure  INTEGER NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX licode_tokens_room ON licode_tokens (room);
CREATE INDEX licode_tokens_service ON licode_tokens (service);
CREATE INDEX licode_tokens_expires ON licode_tokens (expires);

-- +goose Down
DROP TABLE licode_tokens;
DROP INDEX rooms_licode_name;
ALTER TABLE rooms DROP COLUMN licode_data;
ALTER TABLE rooms DROP COLUMN licode_media;
ALTER TABLE rooms DROP COLUMN licode_name;
ALTER TABLE services DROP COLUMN licode;
