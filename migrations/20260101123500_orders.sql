-- +goose Up

-- One cart per person. Its row is also the lock under which lines move and a checkout runs.
CREATE TABLE carts (
    user_id    uuid PRIMARY KEY,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cart_items (
    user_id        uuid NOT NULL,
    variant_id     uuid NOT NULL,
    product_id     uuid NOT NULL,
    product_name   text NOT NULL,                 -- what is left to show once the product is gone
    quantity       bigint NOT NULL CONSTRAINT cart_items_quantity CHECK (quantity BETWEEN 1 AND 999),
    price_amount   bigint NOT NULL,               -- as it was when the line was put in
    price_currency text NOT NULL,
    added_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, variant_id)
);

CREATE TABLE addresses (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL,
    name        text NOT NULL,
    line1       text NOT NULL,
    line2       text,
    city        text NOT NULL,
    region      text,
    postal_code text NOT NULL,
    country     text NOT NULL CONSTRAINT addresses_country CHECK (country ~ '^[A-Z]{2}$'),
    phone       text,
    is_default  boolean NOT NULL DEFAULT false,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE INDEX addresses_by_user ON addresses (user_id, id DESC);
CREATE UNIQUE INDEX addresses_one_default ON addresses (user_id) WHERE is_default;

CREATE TABLE coupons (
    id                   uuid PRIMARY KEY,
    code                 text NOT NULL CONSTRAINT coupons_code_key UNIQUE,  -- upper case
    percent_bp           bigint CONSTRAINT coupons_percent CHECK (percent_bp BETWEEN 1 AND 10000),
    amount               bigint CONSTRAINT coupons_amount CHECK (amount > 0),
    currency             text CONSTRAINT coupons_currency CHECK (currency ~ '^[A-Z]{3}$'), -- of amount and min_subtotal
    min_subtotal         bigint NOT NULL DEFAULT 0 CONSTRAINT coupons_min_subtotal CHECK (min_subtotal >= 0),
    starts_at            timestamptz,
    ends_at              timestamptz,
    max_uses             bigint,                  -- null: no limit
    max_uses_per_person  bigint,
    uses                 bigint NOT NULL DEFAULT 0,
    active               boolean NOT NULL DEFAULT true,
    version              bigint NOT NULL DEFAULT 1,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    CONSTRAINT coupons_kind CHECK ((percent_bp IS NULL) <> (amount IS NULL) AND (amount IS NULL OR currency IS NOT NULL)),
    CONSTRAINT coupons_uses CHECK (uses >= 0 AND (max_uses IS NULL OR uses <= max_uses))
);

CREATE TABLE orders (
    id             uuid PRIMARY KEY,
    number         text NOT NULL CONSTRAINT orders_number_key UNIQUE,
    user_id        uuid NOT NULL,
    status         text NOT NULL CONSTRAINT orders_status CHECK (status IN ('pending_payment', 'paid', 'partially_shipped',
                       'shipped', 'delivered', 'cancelled', 'expired', 'refunded', 'partially_refunded', 'review')),
    stock          text NOT NULL CONSTRAINT orders_stock CHECK (stock IN ('reserved', 'sold', 'returned')),
    currency       text NOT NULL,
    subtotal       bigint NOT NULL CONSTRAINT orders_subtotal CHECK (subtotal >= 0),
    shipping       bigint NOT NULL CONSTRAINT orders_shipping CHECK (shipping >= 0),
    tax            bigint NOT NULL CONSTRAINT orders_tax CHECK (tax BETWEEN 0 AND total),
    tax_rate_bp    bigint NOT NULL,
    discount       bigint NOT NULL CONSTRAINT orders_discount CHECK (discount BETWEEN 0 AND subtotal),
    total          bigint NOT NULL,
    address        jsonb NOT NULL,                -- as it was at checkout
    reserved_until timestamptz NOT NULL,
    version        bigint NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    CONSTRAINT orders_total CHECK (total = subtotal - discount + shipping)
);
CREATE INDEX orders_by_user ON orders (user_id, id DESC);
CREATE INDEX orders_by_status ON orders (status, id DESC);
CREATE INDEX orders_waiting ON orders (reserved_until) WHERE status = 'pending_payment';

CREATE TABLE coupon_uses (
    order_id  uuid PRIMARY KEY,                   -- one coupon an order; the row goes when the use is given back
    coupon_id uuid NOT NULL CONSTRAINT coupon_uses_coupon REFERENCES coupons (id),
    user_id   uuid NOT NULL,
    used_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX coupon_uses_by_person ON coupon_uses (coupon_id, user_id);

CREATE TABLE order_items (
    id         uuid PRIMARY KEY,
    order_id   uuid NOT NULL CONSTRAINT order_items_order REFERENCES orders (id),
    variant_id uuid NOT NULL,
    product_id uuid NOT NULL,
    name       text NOT NULL,
    sku        text NOT NULL,
    quantity   bigint NOT NULL CONSTRAINT order_items_quantity CHECK (quantity > 0),
    unit_price bigint NOT NULL CONSTRAINT order_items_unit_price CHECK (unit_price >= 0),
    line_total bigint NOT NULL,
    discount   bigint NOT NULL DEFAULT 0,         -- this line's share of the order's discount
    shipped    bigint NOT NULL DEFAULT 0,
    refunded   bigint NOT NULL DEFAULT 0,
    withdrawn  bigint NOT NULL DEFAULT 0,         -- of refunded: never shipped, and never will be
    CONSTRAINT order_items_once UNIQUE (order_id, variant_id),
    CONSTRAINT order_items_line_total CHECK (line_total = quantity * unit_price),
    CONSTRAINT order_items_discounted CHECK (discount BETWEEN 0 AND line_total),
    CONSTRAINT order_items_shipped CHECK (shipped >= 0 AND withdrawn >= 0 AND shipped + withdrawn <= quantity),
    CONSTRAINT order_items_refunded CHECK (refunded BETWEEN withdrawn AND quantity)
);

CREATE TABLE payments (
    id            uuid PRIMARY KEY,
    order_id      uuid NOT NULL CONSTRAINT payments_order REFERENCES orders (id),
    attempt       integer NOT NULL,
    provider      text NOT NULL,
    intent_id     text,                           -- null until the provider has answered
    client_secret text,
    live          boolean NOT NULL DEFAULT false,
    status        text NOT NULL CONSTRAINT payments_status CHECK (status IN ('open', 'processing', 'succeeded', 'cancelled', 'review')),
    currency      text NOT NULL,
    amount        bigint NOT NULL CONSTRAINT payments_amount CHECK (amount >= 0),
    captured      bigint NOT NULL DEFAULT 0 CONSTRAINT payments_captured CHECK (captured >= 0),
    refunded      bigint NOT NULL DEFAULT 0,      -- asked for or done
    checked_at    timestamptz NOT NULL DEFAULT now(), -- when the provider was last asked about it
    created_at    timestamptz NOT NULL,
    CONSTRAINT payments_attempt UNIQUE (order_id, attempt),
    CONSTRAINT payments_intent UNIQUE (provider, intent_id),
    CONSTRAINT payments_refunded CHECK (refunded BETWEEN 0 AND captured)
);
CREATE UNIQUE INDEX payments_one_open ON payments (order_id) WHERE status IN ('open', 'processing');
CREATE INDEX payments_unsettled ON payments (checked_at) WHERE status IN ('open', 'processing');

-- Every event that the provider told us, once.
CREATE TABLE payment_events (
    provider    text NOT NULL,
    event_id    text NOT NULL,
    type        text NOT NULL,
    intent_id   text NOT NULL,
    live        boolean NOT NULL,
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, event_id)
);
CREATE INDEX payment_events_by_intent ON payment_events (intent_id);

CREATE TABLE refunds (
    id         uuid PRIMARY KEY,                  -- also the idempotency key at the provider
    order_id   uuid NOT NULL CONSTRAINT refunds_order REFERENCES orders (id),
    payment_id uuid NOT NULL CONSTRAINT refunds_payment REFERENCES payments (id),
    cause      text NOT NULL,                     -- what asked for it: the same cause never refunds twice
    amount     bigint NOT NULL CONSTRAINT refunds_amount CHECK (amount > 0),
    currency   text NOT NULL,
    reason     text NOT NULL,
    status     text NOT NULL CONSTRAINT refunds_status CHECK (status IN ('pending', 'succeeded', 'failed')),
    provider_refund_id text,
    created_by uuid,                              -- null: Atrium itself
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    CONSTRAINT refunds_cause UNIQUE (order_id, cause)
);

CREATE INDEX refunds_pending ON refunds (created_at) WHERE status = 'pending';

CREATE TABLE shipments (
    id              uuid PRIMARY KEY,
    order_id        uuid NOT NULL CONSTRAINT shipments_order REFERENCES orders (id),
    carrier         text NOT NULL,
    tracking_number text NOT NULL,
    lines           jsonb NOT NULL,               -- [{item_id, quantity}]
    shipped_at      timestamptz NOT NULL,
    delivered_at    timestamptz
);
CREATE INDEX shipments_by_order ON shipments (order_id, id);

CREATE TABLE order_history (
    id       uuid PRIMARY KEY,
    order_id uuid NOT NULL CONSTRAINT order_history_order REFERENCES orders (id),
    at       timestamptz NOT NULL DEFAULT now(),
    status   text NOT NULL,
    note     text NOT NULL DEFAULT ''
);
CREATE INDEX order_history_by_order ON order_history (order_id, id);

-- +goose Down
SELECT 'migrations only go forward';
