-- name: account_of_did
-- Whose number was dialed: the first of these that is applied as a DID.
SELECT account_id FROM unnest($1::text[]) WITH ORDINALITY AS dialed (number, place)
JOIN applied ON kind = 'did' AND enabled AND id = number
ORDER BY place, account_id LIMIT 1

-- name: known_caller
-- How many calls of an account a number was in as the customer, and the agent who talked to it last.
WITH known AS (
    SELECT call_id FROM calls
    WHERE request #> '{customer,targets}' @> jsonb_build_array(jsonb_build_object('number', $2::text))
        AND account_id = $1
    ORDER BY requested_at DESC LIMIT 1000
)
SELECT (SELECT count(*) FROM known) AS calls, coalesce((
    SELECT agent_id FROM known JOIN legs USING (call_id)
    WHERE agent_id <> '' AND bridged_at IS NOT NULL
    ORDER BY bridged_at DESC LIMIT 1
), '') AS agent_id
