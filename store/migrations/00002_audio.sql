-- +goose Up
-- How the audio of big rooms is limited. The defaults are those of
-- protocol.DefaultRoomSettings, for rooms that were there before.
ALTER TABLE rooms ADD COLUMN audio_loudest INTEGER NOT NULL DEFAULT 3;
ALTER TABLE rooms ADD COLUMN audio_above INTEGER NOT NULL DEFAULT 12;

-- +goose Down
ALTER TABLE rooms DROP COLUMN audio_above;
ALTER TABLE rooms DROP COLUMN audio_loudest;
