-- +goose Up
-- Pictures that are to be fetched from elsewhere, until their photos are there or never will be. A photo's id is known before its upload.
CREATE TABLE upload_imports (
    upload_id  uuid        NOT NULL,
    owner_id   uuid        NOT NULL,
    url        text        NOT NULL,                    -- about a person: here and nowhere else, and no longer than needed
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT upload_imports_pkey PRIMARY KEY (upload_id)
);

CREATE INDEX upload_imports_owner ON upload_imports (owner_id);
CREATE INDEX upload_imports_created ON upload_imports (created_at);

-- +goose Down
SELECT 'migrations only go forward';
