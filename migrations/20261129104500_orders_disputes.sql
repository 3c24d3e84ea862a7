-- +goose Up

-- Payments that customers ask their banks to take back, as the provider tells.
CREATE TABLE disputes (
    id                  uuid PRIMARY KEY,
    order_id            uuid NOT NULL,
    payment_id          uuid NOT NULL,
    provider_dispute_id text NOT NULL CONSTRAINT disputes_provider_key UNIQUE,
    amount              bigint NOT NULL,
    currency            text NOT NULL,
    status              text NOT NULL CONSTRAINT disputes_status CHECK (status IN ('open', 'won', 'lost')),
    opened_at           timestamptz NOT NULL,
    closed_at           timestamptz
);
CREATE INDEX disputes_by_order ON disputes (order_id, opened_at);
CREATE INDEX disputes_open ON disputes (opened_at) WHERE status = 'open';

-- +goose Down
SELECT 'migrations only go forward';
