-- +goose Up

-- A refund is asked for (pending), taken on by the provider (processing), and then succeeds or fails; a bank may send back
-- even what had succeeded.
ALTER TABLE refunds DROP CONSTRAINT refunds_status;
ALTER TABLE refunds ADD CONSTRAINT refunds_status CHECK (status IN ('pending', 'processing', 'succeeded', 'failed'));
ALTER TABLE refunds ADD COLUMN failure text NOT NULL DEFAULT '',                   -- the provider's word for why
                    ADD COLUMN checked_at timestamptz NOT NULL DEFAULT now();      -- when the provider was last asked about it
CREATE UNIQUE INDEX refunds_provider_refund ON refunds (provider_refund_id) WHERE provider_refund_id IS NOT NULL;
DROP INDEX refunds_pending;
CREATE INDEX refunds_unsettled ON refunds (checked_at) WHERE status IN ('pending', 'processing');
CREATE INDEX refunds_by_order ON refunds (order_id);

ALTER TABLE payment_events ADD COLUMN refund_id text NOT NULL DEFAULT '';

-- What each comparison of our books with the provider's found.
CREATE TABLE payment_reconciliations (
    id         uuid PRIMARY KEY,
    since      timestamptz NOT NULL,              -- what it looked at begins here
    intents    bigint NOT NULL,                   -- how many it looked at
    refunds    bigint NOT NULL,
    mended     bigint NOT NULL,                   -- what our side had missed and has now
    drift      bigint NOT NULL,                   -- what still differs afterwards: people have to look
    findings   jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Pieces that came back and are on the shelf again.
ALTER TABLE order_items ADD COLUMN restocked bigint NOT NULL DEFAULT 0
    CONSTRAINT order_items_restocked CHECK (restocked BETWEEN 0 AND shipped);

CREATE TABLE returns (
    id         uuid PRIMARY KEY,
    order_id   uuid NOT NULL CONSTRAINT returns_order REFERENCES orders (id),
    user_id    uuid NOT NULL,
    status     text NOT NULL CONSTRAINT returns_status CHECK (status IN ('requested', 'approved', 'rejected', 'received')),
    reason     text NOT NULL,                     -- the customer's words
    note       text NOT NULL DEFAULT '',          -- ours
    refund_id  uuid CONSTRAINT returns_refund REFERENCES refunds (id),
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX returns_by_order ON returns (order_id, id);
CREATE INDEX returns_by_status ON returns (status, id DESC);

CREATE TABLE return_lines (
    return_id uuid NOT NULL CONSTRAINT return_lines_return REFERENCES returns (id),
    item_id   uuid NOT NULL CONSTRAINT return_lines_item REFERENCES order_items (id),
    quantity  bigint NOT NULL CONSTRAINT return_lines_quantity CHECK (quantity > 0),
    PRIMARY KEY (return_id, item_id)
);
CREATE INDEX return_lines_by_item ON return_lines (item_id);

-- Promotions that need no code, and how often each person has used which: a limit is one conditional update.
ALTER TABLE coupons ADD COLUMN automatic boolean NOT NULL DEFAULT false;
CREATE INDEX coupons_automatic ON coupons (id) WHERE automatic AND active;
CREATE TABLE coupon_people (
    coupon_id uuid NOT NULL CONSTRAINT coupon_people_coupon REFERENCES coupons (id),
    user_id   uuid NOT NULL,
    uses      bigint NOT NULL CONSTRAINT coupon_people_uses CHECK (uses >= 0),
    PRIMARY KEY (coupon_id, user_id)
);
INSERT INTO coupon_people (coupon_id, user_id, uses) SELECT coupon_id, user_id, count(*) FROM coupon_uses GROUP BY 1, 2;

-- +goose Down
SELECT 'migrations only go forward';
