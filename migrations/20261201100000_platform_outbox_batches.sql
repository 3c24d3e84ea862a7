-- +goose Up
-- +atrium compatible-from 20261129110300

-- What caches are to forget because of the row's transaction, a JSON array; null: nothing.
ALTER TABLE outbox ADD COLUMN drops jsonb;
-- Handed on before all that is not urgent.
ALTER TABLE outbox ADD COLUMN urgent boolean NOT NULL DEFAULT false;
-- Whether a worker of the process knows that a row without a receipt may be gone; builds before know receipts only.
ALTER TABLE processes ADD COLUMN takes_batches boolean NOT NULL DEFAULT false;

-- +goose Down
SELECT 'migrations only go forward';
