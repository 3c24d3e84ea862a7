-- +goose Up

-- The palettes of the photos of public posts, for whoever searches by colour.
CREATE TABLE post_palettes (
    photo_id uuid PRIMARY KEY,                    -- of uploads
    post_id  uuid NOT NULL CONSTRAINT post_palettes_post REFERENCES posts ON DELETE CASCADE,
    room     text,                                -- of the post
    style    text,                                -- likewise
    tones    bytea NOT NULL                       -- 8 bytes each: L, a, b in hundredths, share in ten-thousandths; signed, big-endian
        CONSTRAINT post_palettes_tones CHECK (octet_length(tones) BETWEEN 8 AND 48 AND octet_length(tones) % 8 = 0),
    cells    integer[] NOT NULL                   -- the cells of CIELAB that hold the tones
);
CREATE INDEX post_palettes_of ON post_palettes (post_id);
-- Looked into cell by cell, hundreds of times for one question: a list of pending entries would be read each time.
CREATE INDEX post_palettes_cells ON post_palettes USING gin (cells) WITH (fastupdate = off);

-- How far the search for posts without palettes has come.
CREATE TABLE post_palette_walk (
    one      boolean PRIMARY KEY DEFAULT true CONSTRAINT post_palette_walk_one CHECK (one),
    after    uuid NOT NULL,
    ended_at timestamptz                          -- it came to the end of all posts then, and rests
);
INSERT INTO post_palette_walk (after) VALUES ('00000000-0000-0000-0000-000000000000');

-- +goose Down
SELECT 'migrations only go forward';
