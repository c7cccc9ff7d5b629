-- name: create_campaign
-- A new campaign, and the answer to its request under an idempotency key where there is one: both or neither.
-- Not made where a list is not the account's, the name is taken, or the key is (another engine's commit of that is
-- waited for). A name that another commit takes at this moment is a violation of its constraint. Engines are told.
WITH asked AS (
    SELECT * FROM jsonb_to_record($1) AS asked (
        campaign_id text, account_id text, name text, list_id text, dnd_list_id text, settings jsonb,
        calls_per_minute integer, state smallint, starts_at timestamptz, ends_at timestamptz, created_at timestamptz,
        started_at timestamptz
    )
), looked AS (
    SELECT EXISTS (
        SELECT FROM lists WHERE lists.account_id = asked.account_id AND lists.list_id = asked.list_id
            AND kind = 'contacts'
    ) AS has_list, asked.dnd_list_id = '' OR EXISTS (
        SELECT FROM lists WHERE lists.account_id = asked.account_id AND lists.list_id = asked.dnd_list_id
            AND kind = 'dnd'
    ) AS has_dnd_list, EXISTS (
        SELECT FROM campaigns AS known WHERE known.account_id = asked.account_id AND known.name = asked.name
    ) AS is_named
    FROM asked
), taken AS (
    SELECT asked.* FROM asked, looked WHERE has_list AND has_dnd_list AND NOT is_named
), new_keys AS (
    INSERT INTO idempotency_keys AS known (account_id, key, fingerprint, call_id, status, body, expires_at)
    SELECT kept.account_id, key, fingerprint, call_id, status, body, now() + make_interval(secs => keep_seconds)
    FROM jsonb_to_recordset($2) AS kept (
        account_id text, key text, fingerprint text, call_id text, status integer, body text, keep_seconds integer
    ) JOIN taken ON taken.campaign_id = call_id
    ON CONFLICT (account_id, key) DO UPDATE SET
        fingerprint = excluded.fingerprint, call_id = excluded.call_id, status = excluded.status,
        body = excluded.body, expires_at = excluded.expires_at, replayed_at = NULL
        WHERE known.expires_at <= now()
    RETURNING call_id
), made AS (
    INSERT INTO campaigns (campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, state,
        starts_at, ends_at, created_at, started_at)
    SELECT campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, state, starts_at, ends_at,
        created_at, started_at
    FROM taken WHERE $2 = '[]' OR EXISTS (SELECT FROM new_keys)
    RETURNING number, pg_notify('legwork', 'campaign ' || campaign_id)
)
SELECT has_list, has_dnd_list, is_named, (SELECT number FROM made) AS number FROM looked

-- name: campaign
-- One campaign of an account, by its id or its number.
SELECT campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, starts_at, ends_at,
    created_at, number, state, reason, started_at, settled_at
FROM campaigns WHERE account_id = $1 AND (campaign_id = $2 OR number = $3)

-- name: campaign_named
-- One campaign of an account, by its name, else by its id or its number.
SELECT campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, starts_at, ends_at,
    created_at, number, state, reason, started_at, settled_at
FROM campaigns WHERE account_id = $1 AND (name = $2 OR campaign_id = $2 OR number = $3)
ORDER BY name = $2 DESC, created_at DESC LIMIT 1

-- name: campaigns_of
-- An account's campaigns, the oldest first.
SELECT campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, starts_at, ends_at,
    created_at, number, state, reason, started_at, settled_at
FROM campaigns WHERE account_id = $1 ORDER BY number

-- name: stop_campaign
-- Stop a campaign that is not over at that time, and tell running engines.
UPDATE campaigns SET state = 2, settled_at = to_timestamp($4)
WHERE account_id = $1 AND (campaign_id = $2 OR number = $3) AND state IN (0, 1, 4)
RETURNING campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, starts_at, ends_at,
    created_at, number, state, reason, started_at, settled_at, pg_notify('legwork', 'campaign ' || campaign_id)

-- name: pause_campaign
-- Pause a campaign that runs or is to, and tell running engines.
UPDATE campaigns SET state = 4
WHERE account_id = $1 AND (campaign_id = $2 OR number = $3) AND state IN (0, 1)
    AND (ends_at IS NULL OR ends_at > to_timestamp($4))
RETURNING campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, starts_at, ends_at,
    created_at, number, state, reason, started_at, settled_at, pg_notify('legwork', 'campaign ' || campaign_id)

-- name: resume_campaign
-- Let a paused campaign go on, or wait for its start if that is to come at that time, and tell running engines.
UPDATE campaigns SET state = CASE WHEN starts_at > to_timestamp($4) THEN 0 ELSE 1 END,
    started_at = CASE WHEN starts_at > to_timestamp($4) THEN started_at ELSE coalesce(started_at, to_timestamp($4)) END
WHERE account_id = $1 AND (campaign_id = $2 OR number = $3) AND state = 4
    AND (ends_at IS NULL OR ends_at > to_timestamp($4))
RETURNING campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, starts_at, ends_at,
    created_at, number, state, reason, started_at, settled_at, pg_notify('legwork', 'campaign ' || campaign_id)

-- name: start_campaign
-- Let a campaign that does not run go on at that time, whatever ended it, and tell running engines.
UPDATE campaigns SET state = 1, reason = '', settled_at = NULL, starts_at = least(starts_at, to_timestamp($4)),
    started_at = coalesce(started_at, to_timestamp($4))
WHERE account_id = $1 AND (campaign_id = $2 OR number = $3) AND state <> 1
    AND (ends_at IS NULL OR ends_at > to_timestamp($4))
RETURNING campaign_id, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, starts_at, ends_at,
    created_at, number, state, reason, started_at, settled_at, pg_notify('legwork', 'campaign ' || campaign_id)

-- name: campaign_progress
-- How far a campaign is at that time: contacts, leads by state, ended attempts by outcome, calls of the last minute.
-- Each part reads one index.
WITH counted AS (
    SELECT count(*) AS enrolled,
        count(*) FILTER (WHERE state = 'queued') AS queued,
        count(*) FILTER (WHERE state = 'queued' AND attempts > 0) AS retrying,
        count(*) FILTER (WHERE state = 'calling') AS calling,
        count(*) FILTER (WHERE state = 'done') AS done,
        max(due_at) FILTER (WHERE state = 'queued') AS last_due_at
    FROM leads WHERE campaign_id = $1
), outcomes AS (
    SELECT disposition, coalesce(amd_status, '') AS verdict, count(*) AS attempts
    FROM cdrs WHERE campaign_id = $1 GROUP BY 1, 2
)
SELECT counted.*, campaigns.settings, campaigns.campaign_id, campaigns.account_id, name, campaigns.list_id,
    dnd_list_id, calls_per_minute, starts_at, ends_at, created_at, number, state, reason, started_at, settled_at,
    coalesce((SELECT last_position FROM lists WHERE lists.list_id = campaigns.list_id), 0) AS contacts,
    (SELECT count(*) FROM calls
        WHERE calls.account_id = campaigns.account_id AND requested_at > to_timestamp($2::double precision - 60)
            AND request #>> '{campaign,campaign_id}' = $1) AS last_minute,
    coalesce((SELECT jsonb_agg(outcomes) FROM outcomes), '[]') AS outcomes
FROM campaigns, counted WHERE campaigns.campaign_id = $1
