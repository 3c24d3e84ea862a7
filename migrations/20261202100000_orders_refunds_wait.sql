-- +goose Up
-- +atrium compatible-from 20261129110300

-- A refund that waits until the bank has decided a dispute: it is not at the provider.
ALTER TABLE refunds ADD COLUMN waits boolean NOT NULL DEFAULT false;
-- How often the provider has refused it for good and it was asked for anew: each time by another idempotency key.
ALTER TABLE refunds ADD COLUMN renewed integer NOT NULL DEFAULT 0;

-- +goose Down
SELECT 'migrations only go forward';
