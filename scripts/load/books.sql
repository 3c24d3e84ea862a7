-- Whether the shop's books balance: each line is a promise and what breaks it. Run by psql; nothing may be found.
WITH
held AS (
    SELECT i.variant_id, sum(i.quantity - i.withdrawn) FILTER (WHERE o.stock = 'reserved') AS reserved, sum(i.quantity - i.withdrawn) FILTER (WHERE o.stock = 'sold') AS sold
    FROM order_items i JOIN orders o ON o.id = i.order_id GROUP BY 1),
ledger AS (SELECT variant_id, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved FROM stock_movements GROUP BY 1),
findings AS (
    SELECT 'a level is not the sum of its movements' AS promise, v.id::text AS found FROM product_variants v JOIN ledger l ON l.variant_id = v.id
        WHERE (l.on_hand, l.reserved) <> (v.on_hand, v.reserved)
    UNION ALL SELECT 'reserved pieces without an order', v.id::text FROM product_variants v LEFT JOIN held h ON h.variant_id = v.id
        WHERE v.reserved <> coalesce(h.reserved, 0)
    UNION ALL SELECT 'sold and on hand are not what was stocked', v.id::text FROM product_variants v LEFT JOIN held h ON h.variant_id = v.id
        WHERE v.on_hand + coalesce(h.sold, 0) <> (SELECT sum(on_hand_delta) FROM stock_movements m WHERE m.variant_id = v.id AND m.kind = 'adjust')
    UNION ALL SELECT 'what is kept is not what the order is worth', o.id::text FROM orders o JOIN payments p ON p.order_id = o.id
        WHERE o.status = 'paid' AND p.captured - p.refunded <> o.total AND p.status = 'succeeded'
    UNION ALL SELECT 'a cancelled order keeps money', o.id::text FROM orders o JOIN payments p ON p.order_id = o.id
        WHERE o.status IN ('cancelled', 'expired') AND p.captured <> p.refunded
    UNION ALL SELECT 'a refund did not succeed', r.id::text FROM refunds r WHERE r.status <> 'succeeded'
    UNION ALL SELECT 'an order needs a person', o.id::text FROM orders o WHERE o.status = 'review'
    UNION ALL SELECT 'an order was charged twice', p.order_id::text FROM payments p WHERE p.captured > 0 GROUP BY p.order_id HAVING count(*) > 1
    UNION ALL SELECT 'an order was told about twice', n.subject_id::text FROM notifications n WHERE n.type = 'order.paid' GROUP BY n.subject_id HAVING count(*) > 1
    UNION ALL SELECT 'a paid order was not told about', o.id::text FROM orders o
        WHERE o.status = 'paid' AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.type = 'order.paid' AND n.subject_id = o.id))
SELECT promise || ': ' || found FROM findings LIMIT 20;
