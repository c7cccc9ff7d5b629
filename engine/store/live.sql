-- name: call_of_channel
-- The call of one account that a channel was of, by the leg's id; or is of, by Asterisk's name or id, which it may give
-- again.
SELECT calls.* FROM calls JOIN legs USING (call_id) WHERE account_id = $1 AND leg_id = $2
UNION ALL
(
    SELECT calls.* FROM calls JOIN legs USING (call_id)
    WHERE account_id = $1 AND calls.ended_at IS NULL AND $2 IN (channel_name, channel)
    ORDER BY requested_at DESC LIMIT 1
)

-- name: calls_on
-- An account's calls that have a channel, on whichever node, oldest first.
SELECT * FROM calls
WHERE account_id = $1 AND ended_at IS NULL
    AND EXISTS (SELECT FROM legs WHERE legs.call_id = calls.call_id AND legs.ended_at IS NULL)
ORDER BY requested_at, call_id

-- name: order_of_call
-- Ask this of a call of another node; the notification tells its engine to look.
WITH made AS (
    INSERT INTO call_orders (node, call_id, asked) VALUES ($1, $2, $3) RETURNING order_id
)
SELECT order_id, pg_notify('legwork', 'order ' || order_id) FROM made

-- name: take_orders
-- What is asked of the node's calls, once. What nobody waits for any more goes unheard.
WITH stale AS (
    DELETE FROM call_orders WHERE asked_at < now() - interval '1 minute'
)
UPDATE call_orders SET taken_at = now()
WHERE node = $1 AND taken_at IS NULL AND asked_at > now() - make_interval(secs => $2)
RETURNING order_id, call_id, asked

-- name: answer_order
-- What was asked is done, or why it is not.
UPDATE call_orders SET refusal = $2 WHERE order_id = $1

-- name: order_answered
-- Why what was asked is not done, '' if it is; no row before that is known.
DELETE FROM call_orders WHERE order_id = $1 AND refusal IS NOT NULL RETURNING refusal

-- name: withdraw_order
-- Nobody waits for it any more: it is not to be done, if nobody has begun.
DELETE FROM call_orders WHERE order_id = $1 AND taken_at IS NULL RETURNING order_id
