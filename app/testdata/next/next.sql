-- +goose Up
-- +atrium compatible-from 20261129110300

CREATE TABLE next_notes (
    handler text NOT NULL,
    post_id uuid NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (handler, post_id, user_id)
);

-- +goose Down
SELECT 'migrations only go forward';
