-- name: cdrs_by_date
-- An account's CDRs of whole UTC days, from the first moment's to before the second's, by id, so many from the offset.
-- Days hold millions of them, so they are not sorted: in the index each day's ids stand in their order. Ids grow with
-- the days, nearly (a spooled CDR is late, its id high). So days are taken from the one with the lowest id until there
-- are twice as many rows as are asked for (some may be late ones), and the id that would be the last of the page among
-- those bounds what has to be looked at of all days: no row of the page has a higher one.
WITH RECURSIVE days AS (
    (
        SELECT (call_date AT TIME ZONE 'UTC')::date AS day, id AS first_id FROM cdrs
        WHERE account_id = $1
            AND (call_date AT TIME ZONE 'UTC')::date >= ($2::timestamptz AT TIME ZONE 'UTC')::date
            AND (call_date AT TIME ZONE 'UTC')::date < ($3::timestamptz AT TIME ZONE 'UTC')::date
        ORDER BY (call_date AT TIME ZONE 'UTC')::date, id LIMIT 1
    )
    UNION ALL
    SELECT later.day, later.first_id FROM days CROSS JOIN LATERAL (
        SELECT (call_date AT TIME ZONE 'UTC')::date AS day, id AS first_id FROM cdrs
        WHERE account_id = $1
            AND (call_date AT TIME ZONE 'UTC')::date > days.day
            AND (call_date AT TIME ZONE 'UTC')::date < ($3::timestamptz AT TIME ZONE 'UTC')::date
        ORDER BY (call_date AT TIME ZONE 'UTC')::date, id LIMIT 1
    ) AS later
), ranked AS (
    SELECT day, first_id, row_number() OVER (ORDER BY first_id) AS place FROM days
), taken AS (
    SELECT 0::bigint AS place, NULL::date AS day, 0::bigint AS rows
    UNION ALL
    SELECT ranked.place, ranked.day, taken.rows + (
        SELECT count(*) FROM (
            SELECT id FROM cdrs
            WHERE account_id = $1 AND (call_date AT TIME ZONE 'UTC')::date = ranked.day
            ORDER BY id LIMIT 2 * ($4::bigint + $5::bigint)
        ) AS first_ones
    )
    FROM taken JOIN ranked ON ranked.place = taken.place + 1
    WHERE taken.rows < 2 * ($4::bigint + $5::bigint)
), bound AS (
    SELECT coalesce((
        SELECT found.id FROM taken CROSS JOIN LATERAL (
            SELECT id FROM cdrs
            WHERE account_id = $1 AND (call_date AT TIME ZONE 'UTC')::date = taken.day
            ORDER BY id LIMIT $4::bigint + $5::bigint
        ) AS found
        ORDER BY found.id LIMIT 1 OFFSET $4::bigint + $5::bigint - 1
    ), 9223372036854775807) AS id
), page AS (
    SELECT found.id FROM ranked CROSS JOIN LATERAL (
        SELECT id FROM cdrs
        WHERE account_id = $1 AND (call_date AT TIME ZONE 'UTC')::date = ranked.day
            AND id <= (SELECT id FROM bound)
        ORDER BY id LIMIT $4::bigint + $5::bigint
    ) AS found
    WHERE ranked.first_id <= (SELECT id FROM bound)
    ORDER BY found.id LIMIT $4::bigint OFFSET $5::bigint
)
SELECT cdrs.* FROM page JOIN cdrs USING (id) ORDER BY cdrs.id

-- name: dispositions
-- How an account's requests and attempts came out, counted.
SELECT disposition, count(*) AS calls FROM cdrs WHERE account_id = $1 GROUP BY disposition

-- name: cdr_of_attempt
-- The CDR of one campaign's attempt of one account.
SELECT * FROM cdrs WHERE account_id = $1 AND unique_id = $2

-- name: reported_campaign
-- What a report says of a campaign of one account, by its id or its number, and whether it has numbers to call.
SELECT campaign_id, starts_at, ends_at,
    EXISTS (SELECT FROM leads WHERE leads.campaign_id = campaigns.campaign_id)
        OR EXISTS (SELECT FROM contacts WHERE contacts.list_id = campaigns.list_id) AS has_numbers
FROM campaigns WHERE account_id = $1 AND (campaign_id = $2 OR number = $3)

-- name: cdrs_by_campaign
-- The CDRs of a campaign, in the order written. What the offset leaves out is counted in the index.
SELECT cdrs.* FROM (SELECT id FROM cdrs WHERE campaign_id = $1 ORDER BY id LIMIT $2 OFFSET $3) AS page
JOIN cdrs USING (id) ORDER BY id

-- name: campaign_dispositions
-- How a campaign's attempts came out, counted.
SELECT disposition, count(*) AS calls FROM cdrs WHERE campaign_id = $1 GROUP BY disposition

-- name: reported_cdrs
-- The CDRs behind some ids of one account: of attempts by their unique ids, of requests by theirs.
SELECT asked.id AS asked, cdrs.kind, reason, disposition, amd_status, customer_number, dialed_number, created_at,
    answered_at, ended_at, channel, digits
FROM unnest($2::text[]) AS asked (id) JOIN cdrs ON cdrs.unique_id = asked.id WHERE account_id = $1
UNION ALL
SELECT asked.id, cdrs.kind, reason, disposition, amd_status, customer_number, dialed_number, created_at,
    answered_at, ended_at, channel, digits
FROM unnest($2::text[]) AS asked (id) JOIN cdrs ON cdrs.request_id = asked.id WHERE account_id = $1

-- name: reported_calls
-- Those of some request ids of one account that have no CDR yet: calls that are on, callbacks to come or deleted.
SELECT asked.id AS asked, 'Dialing' AS status, calls.request #>> '{customer,targets,0,number}' AS number,
    (SELECT min(created_at) FROM legs WHERE legs.call_id = calls.call_id) AS created_at
FROM unnest($2::text[]) AS asked (id) JOIN calls ON calls.call_id = asked.id WHERE account_id = $1
UNION ALL
SELECT asked.id, CASE callbacks.state WHEN 'scheduled' THEN 'Queued' ELSE 'Skipped' END, customer_number, NULL
FROM unnest($2::text[]) AS asked (id) JOIN callbacks ON callbacks.request_id = asked.id
WHERE account_id = $1 AND callbacks.state IN ('scheduled', 'deleted')

-- name: reported_leads
-- Those of some attempts of one account's campaigns that have no CDR yet: the one that is on, or the next one of a
-- lead, or the first one of a contact that is no lead yet. When the campaign has ended, there will be none.
SELECT asked.asked, CASE
        WHEN leads.state = 'calling' THEN 'Dialing'
        WHEN campaigns.state IN (0, 1, 4) THEN 'Queued'
        ELSE 'Skipped'
    END AS status, coalesce(leads.number, contacts.number) AS number,
    CASE leads.state WHEN 'calling' THEN (
        SELECT min(created_at) FROM legs WHERE legs.call_id = leads.call_id
    ) END AS created_at
FROM jsonb_to_recordset($2) AS asked (asked text, campaign_id text, list_id text, position bigint, attempt integer)
JOIN campaigns ON campaigns.campaign_id = asked.campaign_id AND campaigns.list_id = asked.list_id
LEFT JOIN leads ON leads.campaign_id = asked.campaign_id AND leads.position = asked.position
LEFT JOIN contacts ON contacts.list_id = asked.list_id AND contacts.position = asked.position
    AND contacts.position > campaigns.enrolled_position AND asked.attempt = 1
WHERE campaigns.account_id = $1 AND (
    leads.state = 'calling' AND leads.attempts = asked.attempt
    OR leads.state = 'queued' AND leads.attempts + 1 = asked.attempt
    OR leads.state IS NULL AND contacts.number IS NOT NULL
)

-- name: poll_string
-- What each contact of a campaign pressed in its latest attempt in which it pressed anything, one behind the other.
SELECT string_agg(digits, $3 ORDER BY
    CASE WHEN $2 = 'number' THEN dialed_number END, CASE WHEN $2 = 'billsec' THEN billsec END, call_date, id) AS pressed
FROM (
    SELECT DISTINCT ON (dialed_number) id, dialed_number, call_date, billsec, digits FROM cdrs
    WHERE campaign_id = $1 AND digits <> '' ORDER BY dialed_number, id DESC
) AS latest

-- name: poll
-- The same, contact by contact, with the answers by the IVR's step; some of them.
SELECT unique_id, number, digits, answers, answered_at, billsec FROM (
    SELECT DISTINCT ON (dialed_number) id, unique_id, dialed_number AS number, call_date, digits, answers, answered_at,
        billsec
    FROM cdrs WHERE campaign_id = $1 AND digits <> '' ORDER BY dialed_number, id DESC
) AS latest
ORDER BY CASE WHEN $2 = 'number' THEN number END, CASE WHEN $2 = 'billsec' THEN billsec END, call_date, id
LIMIT $3 OFFSET $4

-- name: machine_codes
-- The attempts of a campaign from a time to before another, by telephone and column: rows as one JSON text, made here
-- because the engine has calls to see to meanwhile. $4 says in which column an outcome is counted, if in any. Nothing is where they are counted for
-- that account ($6) on any node at this moment.
WITH free AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('machine codes'), hashtext($6)) AS is_free
), attempts AS (
    SELECT dialed_number AS telephone, $4::jsonb ->> CASE
        WHEN channel = '' THEN 'undialled'  -- suppressed, refused, lost: no telephone was tried
        WHEN disposition = 'ANSWER' AND amd_status = 'machine' THEN amd_status
        ELSE disposition
    END AS word
    FROM free JOIN cdrs ON is_free WHERE campaign_id = $1 AND call_date >= $2 AND call_date < $3
), telephones AS (
    SELECT telephone,
        count(*)::text AS total_machine_recognitions,
        (count(*) FILTER (WHERE word = 'no_answer'))::text AS no_answer,
        (count(*) FILTER (WHERE word = 'answer_machine'))::text AS answer_machine,
        (count(*) FILTER (WHERE word = 'busy'))::text AS busy,
        (count(*) FILTER (WHERE word = 'congestion'))::text AS congestion,
        (count(*) FILTER (WHERE word = 'failed'))::text AS failed
    FROM attempts WHERE word IS NOT NULL GROUP BY telephone ORDER BY telephone LIMIT $5
)
SELECT count(*) AS telephones, coalesce(json_agg(row_to_json(telephones))::text, '[]') AS rows,
    (SELECT is_free FROM free) AS is_free
FROM telephones

-- name: machine_codes_of_all
-- The same of all campaigns of an account.
WITH free AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('machine codes'), hashtext($6)) AS is_free
), attempts AS (
    SELECT dialed_number AS telephone, $4::jsonb ->> CASE
        WHEN channel = '' THEN 'undialled'  -- suppressed, refused, lost: no telephone was tried
        WHEN disposition = 'ANSWER' AND amd_status = 'machine' THEN amd_status
        ELSE disposition
    END AS word
    FROM free JOIN cdrs ON is_free WHERE account_id = $1 AND call_date >= $2 AND call_date < $3 AND campaign_id IS NOT NULL
        AND (call_date AT TIME ZONE 'UTC')::date >= ($2::timestamptz AT TIME ZONE 'UTC')::date
        AND (call_date AT TIME ZONE 'UTC')::date <= ($3::timestamptz AT TIME ZONE 'UTC')::date
), telephones AS (
    SELECT telephone,
        count(*)::text AS total_machine_recognitions,
        (count(*) FILTER (WHERE word = 'no_answer'))::text AS no_answer,
        (count(*) FILTER (WHERE word = 'answer_machine'))::text AS answer_machine,
        (count(*) FILTER (WHERE word = 'busy'))::text AS busy,
        (count(*) FILTER (WHERE word = 'congestion'))::text AS congestion,
        (count(*) FILTER (WHERE word = 'failed'))::text AS failed
    FROM attempts WHERE word IS NOT NULL GROUP BY telephone ORDER BY telephone LIMIT $5
)
SELECT count(*) AS telephones, coalesce(json_agg(row_to_json(telephones))::text, '[]') AS rows,
    (SELECT is_free FROM free) AS is_free
FROM telephones
