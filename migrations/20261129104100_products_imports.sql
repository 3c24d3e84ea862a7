-- +goose Up

-- Imports of the catalogue: jobs that go on where they were interrupted.
CREATE TABLE product_imports (
    id          uuid PRIMARY KEY,
    owner_id    uuid NOT NULL,               -- who began it
    admin       boolean NOT NULL,            -- as an admin, who may change everybody's products
    dry_run     boolean NOT NULL,
    status      text NOT NULL CONSTRAINT product_imports_status CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    media       text NOT NULL,
    charset     text NOT NULL DEFAULT '',
    position    bigint NOT NULL DEFAULT 0,   -- how far the file was read, in bytes of UTF-8
    line        bigint NOT NULL DEFAULT 0,   -- and in lines
    rows        bigint NOT NULL DEFAULT 0,
    created     bigint NOT NULL DEFAULT 0,
    updated     bigint NOT NULL DEFAULT 0,
    unchanged   bigint NOT NULL DEFAULT 0,
    failed      bigint NOT NULL DEFAULT 0,
    problems    jsonb NOT NULL DEFAULT '[]', -- of the first 1,000 rows that failed
    created_at  timestamptz NOT NULL DEFAULT now(),
    moved_at    timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE UNIQUE INDEX product_imports_running ON product_imports (owner_id) WHERE status IN ('queued', 'running');
CREATE INDEX product_imports_by_age ON product_imports (created_at);

-- Their files, in parts. One that no import came of is an upload that broke off.
CREATE TABLE product_import_files (
    import_id uuid NOT NULL,
    part      integer NOT NULL,
    content   bytea NOT NULL,
    kept_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (import_id, part)
);
CREATE INDEX product_import_files_by_age ON product_import_files (kept_at);

-- Which line had which SKU, while an import runs, and, of a dry run, the product that the line would have created.
CREATE TABLE product_import_lines (
    import_id uuid NOT NULL,
    sku       text NOT NULL,
    line      bigint NOT NULL,
    slug      text,
    PRIMARY KEY (import_id, sku)
);
CREATE INDEX product_import_lines_by_slug ON product_import_lines (import_id, slug) WHERE slug IS NOT NULL;

-- +goose Down
SELECT 'migrations only go forward';
