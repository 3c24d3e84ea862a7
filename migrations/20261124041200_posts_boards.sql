-- +goose Up

-- Boards: posts and products that somebody gathered, in the order they gave them.
CREATE TABLE boards (
    id          uuid PRIMARY KEY,
    owner_id    uuid NOT NULL,
    title       text NOT NULL,
    description text NOT NULL DEFAULT '',
    visibility  text NOT NULL CONSTRAINT boards_visibility CHECK (visibility IN ('public', 'private')),
    cover_kind  text,                             -- the item whose photo stands for the board; null: the first that can be seen
    cover_id    uuid,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX boards_owner ON boards (owner_id, id DESC);

CREATE TABLE board_items (
    board_id uuid NOT NULL CONSTRAINT board_items_board REFERENCES boards ON DELETE CASCADE,
    kind     text NOT NULL CONSTRAINT board_items_kind CHECK (kind IN ('post', 'product')),
    item_id  uuid NOT NULL,                       -- of posts, or of products
    rank     text COLLATE "C" NOT NULL,           -- a fractional index: between any two there is room
    added_at timestamptz NOT NULL DEFAULT now(),
    post_id  uuid GENERATED ALWAYS AS (CASE WHEN kind = 'post' THEN item_id END) STORED
        CONSTRAINT board_items_post REFERENCES posts ON DELETE CASCADE,
    PRIMARY KEY (board_id, kind, item_id)
);
CREATE INDEX board_items_order ON board_items (board_id, rank, item_id);
CREATE INDEX board_items_holding ON board_items (post_id, board_id DESC) WHERE post_id IS NOT NULL;

-- +goose Down
SELECT 'migrations only go forward';
