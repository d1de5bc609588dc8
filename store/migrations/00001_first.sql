-- +goose Up
-- Ids and JSON are TEXT, times are Unix milliseconds: the common subset of
-- SQLite and PostgreSQL.
CREATE TABLE services (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    key     TEXT NOT NULL,
    roles   TEXT NOT NULL,
    super   INTEGER NOT NULL DEFAULT 0,
    created BIGINT NOT NULL
);
-- There is one super service at most.
CREATE UNIQUE INDEX services_super ON services (super) WHERE super = 1;

CREATE TABLE rooms (
    id               TEXT PRIMARY KEY,
    service          TEXT NOT NULL REFERENCES services (id) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    metadata         TEXT NOT NULL DEFAULT '',
    max_participants INTEGER NOT NULL DEFAULT 0,
    max_streams      INTEGER NOT NULL DEFAULT 0,
    codecs           TEXT NOT NULL,
    epoch            BIGINT NOT NULL DEFAULT 0,
    owner            TEXT NOT NULL DEFAULT '',
    created          BIGINT NOT NULL,
    updated          BIGINT NOT NULL,
    UNIQUE (service, name)
);
CREATE INDEX rooms_service ON rooms (service, id);

CREATE TABLE redeemed (
    service TEXT NOT NULL,
    jti     TEXT NOT NULL,
    used    INTEGER NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (service, jti)
);
CREATE INDEX redeemed_expires ON redeemed (expires);

CREATE TABLE revoked (
    session TEXT PRIMARY KEY,
    expires BIGINT NOT NULL
);
CREATE INDEX revoked_expires ON revoked (expires);

CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- +goose Down
DROP TABLE secrets;
DROP TABLE revoked;
DROP TABLE redeemed;
DROP TABLE rooms;
DROP TABLE services;
