-- name: open_campaigns
-- The campaigns that run, and those whose time has come or is over, the first ones first; and what time it is.
SELECT campaign_id, number, account_id, name, list_id, dnd_list_id, settings, calls_per_minute, state, reason, starts_at,
    ends_at, created_at, started_at, settled_at, enrolled_position, next_start_at,
    state = 0 OR ends_at <= now() AS is_to_turn, clock_timestamp() AS read_at, EXISTS (
        SELECT FROM lists WHERE lists.list_id = campaigns.list_id AND lists.account_id = campaigns.account_id
    ) AS has_list
FROM campaigns
WHERE state IN (0, 1, 4) AND (state = 1 OR state = 0 AND starts_at <= now() OR state = 4 AND ends_at <= now())
ORDER BY created_at, campaign_id

-- name: begin_campaigns
-- Let those run whose time has come.
UPDATE campaigns SET state = 1, started_at = now() WHERE state = 0 AND starts_at <= now() RETURNING campaign_id

-- name: end_campaigns
-- Complete those whose time is over, paused ones, too.
UPDATE campaigns SET state = 3, settled_at = now() WHERE state IN (1, 4) AND ends_at <= now() RETURNING campaign_id

-- name: complete_campaign
-- Complete a campaign that has nobody left to call, if its leads were enrolled up to there and no further: somebody
-- who enrols more at this moment is waited for, and then it is not.
UPDATE campaigns SET state = 3, settled_at = now()
WHERE campaign_id = $1 AND state = 1 AND enrolled_position = $2
    AND NOT EXISTS (SELECT FROM contacts WHERE list_id = campaigns.list_id AND position > $2)
    AND NOT EXISTS (SELECT FROM leads WHERE leads.campaign_id = $1 AND leads.state = 'queued')
    AND NOT EXISTS (SELECT FROM leads WHERE leads.campaign_id = $1 AND leads.state = 'calling')
RETURNING campaign_id

-- name: fail_campaign
-- A campaign that runs can not be carried out, and why.
UPDATE campaigns SET state = 5, reason = $2, settled_at = now() WHERE campaign_id = $1 AND state = 1
RETURNING campaign_id

-- name: grant_starts
-- Put off when the next call of a campaign may start, if nobody has meanwhile; when that is now, and what time it is.
-- Nothing where it does not run.
WITH granted AS (
    UPDATE campaigns SET next_start_at = to_timestamp($3)
    WHERE campaign_id = $1 AND state = 1 AND next_start_at = to_timestamp($2)
    RETURNING next_start_at
)
SELECT granted.next_start_at IS NOT NULL AS is_granted,
    coalesce(granted.next_start_at, campaigns.next_start_at) AS next_start_at, clock_timestamp() AS read_at
FROM campaigns LEFT JOIN granted ON true WHERE campaign_id = $1 AND state = 1

-- name: enrol_leads
-- Make leads of a campaign's next contacts, due in the order of its list. Another engine that does so is waited for,
-- and has made its leads due before.
WITH campaign AS (
    SELECT campaign_id, list_id, enrolled_position FROM campaigns WHERE campaign_id = $1 AND state = 1 FOR UPDATE
), fresh AS (
    SELECT campaign_id, next.* FROM campaign CROSS JOIN LATERAL (  -- so that none of those behind them is read
        SELECT position, number, name, fields FROM contacts
        WHERE contacts.list_id = campaign.list_id AND position > campaign.enrolled_position
        ORDER BY position LIMIT $2
    ) AS next
), moved AS (
    UPDATE campaigns SET enrolled_position = last.position
    FROM (SELECT campaign_id, max(position) AS position FROM fresh GROUP BY campaign_id) AS last
    WHERE campaigns.campaign_id = last.campaign_id
)
INSERT INTO leads (campaign_id, position, number, name, fields, state, due_at)
SELECT campaign_id, position, number, name, fields, 'queued', clock_timestamp() FROM fresh ORDER BY position
ON CONFLICT (campaign_id, position) DO NOTHING
RETURNING position

-- name: claim_leads
-- Some leads of a campaign that are due, the first ones first, which other nodes will leave alone for so many seconds;
-- and whether each is on that list of numbers not to be disturbed. What another node is at is left to it.
WITH due AS (
    SELECT campaign_id, position FROM leads
    WHERE campaign_id = $1 AND state = 'queued' AND due_at <= now() AND claimed_until <= now()
    ORDER BY due_at, position LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE leads SET claimed_until = now() + make_interval(secs => $3), version = version + 1 FROM due
WHERE leads.campaign_id = due.campaign_id AND leads.position = due.position
RETURNING leads.campaign_id, leads.position, number, name, fields, attempts, version, due_at, EXISTS (
    SELECT FROM contacts WHERE list_id = $4 AND contacts.number = leads.number
) AS is_listed

-- name: keep_leads
-- Have other nodes leave leads of a campaign alone for so many seconds more; those that are still as they were claimed.
WITH kept AS (
    SELECT campaign_id, position FROM leads
    JOIN unnest($2::bigint[], $3::integer[]) AS asked (position, version) USING (position, version)
    WHERE campaign_id = $1 AND state = 'queued' FOR UPDATE OF leads SKIP LOCKED
)
UPDATE leads SET claimed_until = now() + make_interval(secs => $4) FROM kept
WHERE leads.campaign_id = kept.campaign_id AND leads.position = kept.position
RETURNING leads.position

-- name: put_off_leads
-- Give leads of a campaign back that are as they were claimed: due after so many seconds each, with 0 when they were.
WITH put_off AS (
    SELECT campaign_id, position, seconds FROM leads
    JOIN unnest($2::bigint[], $3::integer[], $4::double precision[]) AS asked (position, version, seconds)
        USING (position, version)
    WHERE campaign_id = $1 AND state = 'queued' FOR UPDATE OF leads SKIP LOCKED
)
UPDATE leads SET claimed_until = 'epoch',
    due_at = CASE WHEN seconds > 0 THEN now() + make_interval(secs => seconds) ELSE due_at END
FROM put_off WHERE leads.campaign_id = put_off.campaign_id AND leads.position = put_off.position

-- name: delete_old_leads
-- Some leads of campaigns that were over longer ago than so many days. What another engine deletes at this moment is
-- left to it; a campaign that is started again goes on behind them.
DELETE FROM leads WHERE (campaign_id, position) IN (
    SELECT campaign_id, position FROM campaigns JOIN leads USING (campaign_id)
    WHERE campaigns.settled_at < now() - make_interval(days => $1) AND campaigns.state IN (2, 3, 5)
        AND leads.state <> 'calling'
    LIMIT $2 FOR UPDATE OF leads SKIP LOCKED
)
RETURNING position

-- name: give_up_leads
-- Leads that are called by nodes nobody has heard of for so many seconds: as if the end of each call had not been seen,
-- an attempt that counts. Should a node come back after all, it writes the CDRs, and these leads are left as they are.
WITH gone AS (
    SELECT leads.campaign_id, leads.position, (settings->>'retry_seconds')::double precision AS retry_seconds,
        settings->'retry_on' ? 'CONGESTION' AND attempts - lost <= (settings->>'max_retries')::integer AS is_retried
    FROM leads JOIN calls USING (call_id) JOIN nodes USING (node)
        JOIN campaigns ON campaigns.campaign_id = leads.campaign_id
    WHERE leads.state = 'calling' AND calls.ended_at IS NULL AND nodes.seen_at < now() - make_interval(secs => $1)
    FOR UPDATE OF leads SKIP LOCKED
)
UPDATE leads SET state = CASE WHEN is_retried THEN 'queued' ELSE 'done' END, disposition = 'CONGESTION',
    due_at = now() + make_interval(secs => retry_seconds), claimed_until = 'epoch'
FROM gone WHERE leads.campaign_id = gone.campaign_id AND leads.position = gone.position
RETURNING leads.position
