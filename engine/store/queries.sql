-- name: write
-- One commit of the writer: snapshots of calls and legs, and CDRs. Each row is the whole truth about
-- its key, so writing it twice is harmless. A call id that another call had before is not returned.
-- With the CDR of a campaign's attempt its lead is done, or queued for the next one.
WITH asked AS (
    SELECT * FROM jsonb_populate_recordset(NULL::calls, $1)
), new_calls AS (
    INSERT INTO calls AS known
    SELECT * FROM asked
    ON CONFLICT (call_id) DO UPDATE SET
        bridged_at = excluded.bridged_at, ended_at = excluded.ended_at, ended_by = excluded.ended_by,
        release_reason = excluded.release_reason, bridge = excluded.bridge, bridge_open = excluded.bridge_open,
        members = excluded.members, digits = excluded.digits, deadlines = excluded.deadlines,
        permit = excluded.permit, seeking = excluded.seeking, sought_since = excluded.sought_since, gave_up = excluded.gave_up, hears = excluded.hears,
        plays = excluded.plays, played_at = excluded.played_at, heard_seconds = excluded.heard_seconds,
        connecting = excluded.connecting, visit = excluded.visit, transfer = excluded.transfer,
        recordings = excluded.recordings, recorded = excluded.recorded
        WHERE known.account_id = excluded.account_id AND known.requested_at = excluded.requested_at
    RETURNING call_id
), new_legs AS (
    INSERT INTO legs
    SELECT leg.* FROM jsonb_populate_recordset(NULL::legs, $2) AS leg JOIN new_calls USING (call_id)
    ON CONFLICT (leg_id) DO UPDATE SET
        created_at = excluded.created_at, dialed_at = excluded.dialed_at, rang_at = excluded.rang_at,
        answered_at = excluded.answered_at, bridged_at = excluded.bridged_at, ended_at = excluded.ended_at,
        cause = excluded.cause, sip_code = excluded.sip_code, estimated = excluded.estimated,
        hangup_at = excluded.hangup_at, hangup_reason = excluded.hangup_reason, disposition = excluded.disposition,
        reason = excluded.reason, ended_by = excluded.ended_by, amd_status = excluded.amd_status,
        amd_reason = excluded.amd_reason, amd_at = excluded.amd_at, target = excluded.target,
        channel_name = excluded.channel_name
), new_recordings AS (
    INSERT INTO recordings AS known (name, account_id, node, call_id, leg, side, transcript, asked_at, started_at,
        ended_at, state, reason)
    SELECT recorded.name, account_id, node, call_id, leg, side, coalesce((request->>'transcript')::boolean, false),
        to_timestamp(recorded.asked_at), to_timestamp(recorded.started_at), to_timestamp(recorded.ended_at),
        CASE WHEN paused THEN 'paused' ELSE 'recording' END, failed
    FROM asked JOIN new_calls USING (call_id) CROSS JOIN jsonb_to_recordset(asked.recordings) AS recorded (
        name text, leg text, side text, asked_at double precision, started_at double precision,
        ended_at double precision, paused boolean, failed text
    ) ORDER BY recorded.name
    ON CONFLICT (name) DO UPDATE SET
        started_at = excluded.started_at, ended_at = excluded.ended_at, state = excluded.state,
        reason = excluded.reason
        WHERE known.settled_at IS NULL  -- what its file has shown since stays
), new_cdrs AS (
    INSERT INTO cdrs (request_id, account_id, node, kind, agent_number, customer_number, dialed_number, caller_id,
        disposition, reason, ended_by, call_date, created_at, answered_at, ended_at, billsec, duration, channel, digits,
        heard_seconds, announcement_seconds, campaign_id, campaign_type, list_id, unique_id, is_dnd, answers, amd_status,
        amd_reason)
    SELECT cdr.request_id, cdr.account_id, cdr.node, cdr.kind, agent_number, customer_number, dialed_number, caller_id,
        disposition, reason, ended_by, call_date, created_at, answered_at, ended_at, billsec, duration, channel, digits,
        heard_seconds, announcement_seconds, campaign_id, campaign_type, list_id, unique_id, is_dnd, answers, amd_status,
        amd_reason
    FROM jsonb_populate_recordset(NULL::cdrs, $3) AS cdr ORDER BY call_date
    ON CONFLICT (request_id) DO NOTHING
), ended AS (
    SELECT leads.campaign_id, leads.position, cdr.disposition,
        (asked.request->'campaign'->>'retry_seconds')::double precision AS retry_seconds,
        NOT EXISTS (
            SELECT FROM jsonb_populate_recordset(NULL::legs, $2) AS leg
            WHERE leg.call_id = asked.call_id AND leg.dialed_at IS NOT NULL
                AND (leg.hangup_reason IS DISTINCT FROM 'interrupted' OR leg.rang_at IS NOT NULL OR leg.estimated)
        ) AND EXISTS (
            SELECT FROM jsonb_populate_recordset(NULL::legs, $2) AS leg
            WHERE leg.call_id = asked.call_id AND leg.hangup_reason IN (
                'not_dialled', 'store_away', 'asterisk_away', 'stopped', 'account', 'calling_hours', 'route', 'caller_id',
                'unplaceable', 'interrupted'
            )
        ) AND lost < 10 AS is_lost,  -- nobody was rung, and that is not the lead's fault
        asked.request->'campaign'->'retry_on' ? cdr.disposition AND
            leads.attempts - lost <= (asked.request->'campaign'->>'max_retries')::integer AS is_retried
    FROM asked JOIN new_calls USING (call_id) JOIN leads USING (call_id)
    JOIN jsonb_populate_recordset(NULL::cdrs, $3) AS cdr ON cdr.request_id = asked.call_id
    WHERE asked.kind = 'campaign' AND asked.ended_at IS NOT NULL AND leads.state = 'calling'
    ORDER BY leads.campaign_id, leads.position FOR UPDATE OF leads
), reached AS (
    UPDATE leads AS known
    SET disposition = ended.disposition, lost = known.lost + is_lost::integer,
        state = CASE WHEN is_lost OR is_retried THEN 'queued' ELSE 'done' END, claimed_until = 'epoch',
        due_at = CASE
            WHEN is_lost THEN now() + interval '5 seconds'
            WHEN is_retried THEN now() + make_interval(secs => retry_seconds)
            ELSE known.due_at
        END
    FROM ended WHERE known.campaign_id = ended.campaign_id AND known.position = ended.position
)
SELECT call_id FROM new_calls

-- name: write_provided
-- The first commit of calls that depend on something: an idempotency key that is free, a callback that is still as it
-- was read, a lead that is still as it was claimed, of a campaign that runs, and not on its do-not-disturb list. Key,
-- answer, callback, lead, call, leg and CDR, all or none. Another engine's commit of the same is waited for, and so is
-- who stops the campaign; a call whose key was taken, whose callback was changed, deleted or fired, whose lead was
-- claimed again, or whose start comes too late, is not returned.
-- One that is over already rang nobody: it is a CDR and no request that a cap would count.
-- Keys, callbacks, campaigns, leads are taken in their order, so that two engines never wait for each other.
WITH asked AS (
    SELECT * FROM jsonb_populate_recordset(NULL::calls, $1)
), new_keys AS (
    INSERT INTO idempotency_keys AS known (account_id, key, fingerprint, call_id, status, body, expires_at)
    SELECT account_id, key, fingerprint, call_id, status, body, now() + make_interval(secs => keep_seconds)
    FROM jsonb_to_recordset($3) AS kept (
        account_id text, key text, fingerprint text, call_id text, status integer, body text, keep_seconds integer
    )
    WHERE NOT EXISTS (
        SELECT FROM calls JOIN asked USING (call_id)
        WHERE calls.call_id = kept.call_id AND calls.requested_at <> asked.requested_at
    )
    ORDER BY account_id, key
    ON CONFLICT (account_id, key) DO UPDATE SET
        fingerprint = excluded.fingerprint, call_id = excluded.call_id, status = excluded.status,
        body = excluded.body, expires_at = excluded.expires_at,
        replayed_at = CASE WHEN known.call_id = excluded.call_id THEN known.replayed_at END
        WHERE known.call_id = excluded.call_id OR known.expires_at <= now()
    RETURNING call_id
), due AS (
    SELECT due.* FROM jsonb_to_recordset($4) AS due (
        request_id text, version integer, state text, reason text, settled_at timestamptz
    ) JOIN callbacks USING (request_id) ORDER BY request_id FOR UPDATE OF callbacks
), settled AS (
    UPDATE callbacks AS known
    SET state = due.state, reason = due.reason, settled_at = due.settled_at
    FROM due JOIN asked ON asked.call_id = due.request_id
    WHERE known.request_id = due.request_id AND known.account_id = asked.account_id
        AND (known.state = 'scheduled' AND known.version = due.version
            OR known.state = due.state AND EXISTS (
                SELECT FROM calls WHERE calls.call_id = asked.call_id
                    AND calls.node = asked.node AND calls.requested_at = asked.requested_at
            ))  -- by this very commit, which is made again
    RETURNING known.request_id AS call_id
), claims AS (
    SELECT * FROM jsonb_to_recordset($6) AS claim (
        call_id text, campaign_id text, position bigint, version integer, latest_at timestamptz
    )
), running AS (
    SELECT campaign_id, account_id, dnd_list_id FROM campaigns
    WHERE campaign_id IN (SELECT campaign_id FROM claims) AND state = 1 AND (ends_at IS NULL OR ends_at > now())
    ORDER BY campaign_id FOR SHARE
), claimed AS (
    SELECT campaign_id, position, claims.call_id, claims.version, latest_at, account_id, dnd_list_id
    FROM claims JOIN running USING (campaign_id) JOIN leads USING (campaign_id, position)
    ORDER BY campaign_id, position FOR UPDATE OF leads
), begun AS (
    UPDATE leads AS known
    SET state = CASE WHEN asked.ended_at IS NULL THEN 'calling' ELSE 'done' END, call_id = asked.call_id,
        attempts = known.attempts + CASE WHEN asked.ended_at IS NULL THEN 1 ELSE 0 END,
        disposition = coalesce(cdr.disposition, known.disposition)
    FROM claimed JOIN asked USING (call_id, account_id)
        LEFT JOIN jsonb_populate_recordset(NULL::cdrs, $5) AS cdr ON cdr.request_id = asked.call_id
    WHERE known.campaign_id = claimed.campaign_id AND known.position = claimed.position
        AND known.state = 'queued' AND known.version = claimed.version
        AND (latest_at IS NULL OR latest_at >= clock_timestamp())
        AND (asked.ended_at IS NOT NULL OR NOT EXISTS (
            SELECT FROM contacts WHERE list_id = dnd_list_id AND contacts.number = known.number
        ))
        AND NOT EXISTS (SELECT FROM calls WHERE calls.call_id = asked.call_id)
        AND NOT EXISTS (SELECT FROM cdrs WHERE cdrs.request_id = asked.call_id)
    RETURNING known.call_id
), begun_before AS (  -- by this very commit, which is made again
    SELECT claims.call_id FROM claims JOIN asked USING (call_id)
    JOIN leads ON leads.campaign_id = claims.campaign_id AND leads.position = claims.position
        AND leads.call_id = asked.call_id AND leads.state <> 'queued'
    WHERE EXISTS (
        SELECT FROM calls WHERE calls.call_id = asked.call_id
            AND calls.node = asked.node AND calls.requested_at = asked.requested_at
    ) OR asked.ended_at IS NOT NULL AND EXISTS (SELECT FROM cdrs WHERE cdrs.request_id = asked.call_id)
), accepted AS (
    SELECT call_id FROM new_keys UNION ALL SELECT call_id FROM settled UNION ALL
    SELECT call_id FROM begun UNION ALL SELECT call_id FROM begun_before
), new_calls AS (
    INSERT INTO calls SELECT asked.* FROM asked JOIN accepted USING (call_id) WHERE ended_at IS NULL
    ON CONFLICT (call_id) DO NOTHING
), new_legs AS (
    INSERT INTO legs
    SELECT leg.* FROM jsonb_populate_recordset(NULL::legs, $2) AS leg JOIN accepted USING (call_id)
    ON CONFLICT (leg_id) DO NOTHING
), new_cdrs AS (
    INSERT INTO cdrs (request_id, account_id, node, kind, agent_number, customer_number, dialed_number, caller_id,
        disposition, reason, ended_by, call_date, created_at, answered_at, ended_at, billsec, duration, channel, digits,
        heard_seconds, announcement_seconds, campaign_id, campaign_type, list_id, unique_id, is_dnd, answers, amd_status,
        amd_reason)
    SELECT cdr.request_id, cdr.account_id, cdr.node, cdr.kind, agent_number, customer_number, dialed_number, caller_id,
        disposition, reason, ended_by, call_date, created_at, answered_at, ended_at, billsec, duration, channel, digits,
        heard_seconds, announcement_seconds, campaign_id, campaign_type, list_id, unique_id, is_dnd, answers, amd_status,
        amd_reason
    FROM jsonb_populate_recordset(NULL::cdrs, $5) AS cdr JOIN accepted ON accepted.call_id = cdr.request_id
    ON CONFLICT (request_id) DO NOTHING
)
SELECT call_id FROM accepted

-- name: replay
-- The answer kept under an account's key.
UPDATE idempotency_keys SET replayed_at = now() WHERE account_id = $1 AND key = $2 AND expires_at > now()
RETURNING fingerprint, status, body

-- name: delete_expired_keys
-- Some keys whose time is over. What another engine deletes at this moment is left to it.
DELETE FROM idempotency_keys WHERE (account_id, key) IN (
    SELECT account_id, key FROM idempotency_keys WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING call_id

-- name: delete_old_cdrs
-- Some CDRs older than so many days, with their calls and legs; nothing of a call that is live.
-- What another engine deletes at this moment is left to it.
WITH old AS (
    SELECT request_id FROM cdrs
    WHERE call_date < now() - make_interval(days => $1)
        AND NOT EXISTS (SELECT FROM calls WHERE call_id = request_id AND calls.ended_at IS NULL)
    LIMIT $2 FOR UPDATE SKIP LOCKED
), old_legs AS (
    DELETE FROM legs USING old WHERE legs.call_id = old.request_id
), old_calls AS (
    DELETE FROM calls USING old WHERE calls.call_id = old.request_id
)
DELETE FROM cdrs USING old WHERE cdrs.request_id = old.request_id RETURNING cdrs.request_id

-- name: forget
-- Take back a node's calls that nobody was told of: their write may have come through after we gave it up.
-- Their keys are free again; a call that another engine has told of under its key stays. A callback is scheduled
-- again, and keeps the key that it was scheduled under; one that another node has fired since is that node's, and one
-- that was missed stays so. A lead is queued again, too, its attempt not counted. What is given as 'untold c…' is no call, but a callback that is not to be scheduled at all.
WITH untold AS (
    DELETE FROM callbacks USING unnest($1::text[]) AS given
    WHERE given LIKE 'untold %' AND request_id = split_part(given, ' ', 2) AND state = 'scheduled'
), given_up AS (
    SELECT call_id FROM unnest($1::text[]) AS call_id
    WHERE NOT EXISTS (SELECT FROM callbacks WHERE request_id = call_id)
), keyed AS (
    SELECT call_id FROM idempotency_keys JOIN given_up USING (call_id)
), freed AS (
    DELETE FROM idempotency_keys WHERE call_id IN (SELECT call_id FROM given_up) AND replayed_at IS NULL
    RETURNING call_id
), gone AS (
    DELETE FROM calls WHERE call_id = ANY ($1::text[]) AND node = $2
        AND call_id NOT IN (SELECT call_id FROM keyed EXCEPT SELECT call_id FROM freed)
    RETURNING call_id
), again AS (
    UPDATE callbacks SET state = 'scheduled', settled_at = NULL FROM gone WHERE request_id = call_id
), queued_again AS (
    UPDATE leads SET state = 'queued', attempts = attempts - 1, call_id = NULL FROM gone
    WHERE leads.call_id = gone.call_id AND leads.state = 'calling'
)
DELETE FROM legs USING gone WHERE legs.call_id = gone.call_id

-- name: seen
-- The node was alive at that time, at least. It shows that Postgres can be written, too.
UPDATE nodes SET seen_at = greatest(seen_at, to_timestamp($2)) WHERE node = $1

-- name: beat
-- The node is alive at that time: its own clock's, as the spool's times are, whenever Postgres gets round to it.
-- Its Asterisk was started at the second; NULL where that is not known yet.
INSERT INTO nodes AS known (node, seen_at, asterisk_started_at) VALUES ($1, to_timestamp($2), to_timestamp($3))
ON CONFLICT (node) DO UPDATE SET
    seen_at = excluded.seen_at, asterisk_started_at = coalesce(excluded.asterisk_started_at, known.asterisk_started_at)

-- name: left_behind
-- When the node was last alive, and when the Asterisk it had then was started.
SELECT seen_at, asterisk_started_at FROM nodes WHERE node = $1

-- name: take_lock
-- The lock of a Stasis application, until this connection ends; false when another has it.
SELECT pg_try_advisory_lock(hashtext('legwork'), hashtext($1))

-- name: end_holder
-- End the connection that holds the lock, if it is signed so.
SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = hashtext('legwork')::oid AND objid = hashtext($1)::oid
    AND application_name = $2

-- name: live_calls
-- The node's calls that have not ended: what an engine that starts takes back.
SELECT * FROM calls WHERE node = $1 AND ended_at IS NULL

-- name: legs_of
-- The legs of some calls, in the order they were placed.
SELECT * FROM legs WHERE call_id = ANY ($1::text[]) ORDER BY call_id, position

-- name: call
-- One call of one account.
SELECT * FROM calls WHERE account_id = $1 AND call_id = $2

-- name: any_call
-- One call, whoever's: for the operator.
SELECT * FROM calls WHERE call_id = $1

-- name: all_live_calls
-- Every live call, oldest first: for the operator.
SELECT * FROM calls WHERE ended_at IS NULL ORDER BY requested_at

-- name: cdr
-- The CDR of one request of one account.
SELECT * FROM cdrs WHERE account_id = $1 AND request_id = $2

-- name: any_cdr
-- One CDR, whoever's, with what the permit said: for the operator.
SELECT cdrs.*, calls.permit FROM cdrs LEFT JOIN calls ON calls.call_id = cdrs.request_id WHERE request_id = $1

-- name: live_kinds
-- An account's calls that have a channel now, counted by kind.
SELECT kind, count(*) AS calls FROM calls
WHERE account_id = $1 AND ended_at IS NULL
    AND EXISTS (SELECT FROM legs WHERE legs.call_id = calls.call_id AND legs.ended_at IS NULL)
GROUP BY kind

-- name: order_hangup
-- Ask whichever engine owns the call to end it; the notification tells it to look.
WITH asked AS (
    UPDATE calls SET hangup_asked_at = now() WHERE call_id = $1 AND ended_at IS NULL
    RETURNING call_id, node, requested_at
)
SELECT node, extract(epoch FROM now() - greatest(requested_at, seen_at))::double precision AS silent_seconds,
    pg_notify('legwork', 'hangup ' || call_id)
FROM asked LEFT JOIN nodes USING (node)

-- name: hangups_asked
-- The node's live calls that somebody asked to end.
SELECT call_id FROM calls WHERE node = $1 AND ended_at IS NULL AND hangup_asked_at IS NOT NULL

-- name: attempts
-- An account's requests of the 24 hours before a time (where asked for) and those for one number of the 10 minutes
-- before it, without some calls and those that came in, and when the first of each was made. Each third party that was
-- rung for a transfer counts as well.
SELECT day.calls AS today, day.first_at AS first_today_at, number.calls AS to_destination,
    number.first_at AS first_to_destination_at
FROM (
    SELECT count(*) AS calls, min(at) AS first_at FROM (
        SELECT requested_at AS at FROM calls
        WHERE $5 AND account_id = $1 AND requested_at > to_timestamp($3) - interval '24 hours' AND kind <> 'inbound'
            AND call_id <> ALL ($4::text[])
        UNION ALL
        SELECT dialed_at FROM legs JOIN calls USING (call_id)
        WHERE $5 AND side = 'third' AND dialed_at > to_timestamp($3) - interval '24 hours' AND account_id = $1
    ) AS asked
) AS day, (
    SELECT count(*) AS calls, min(at) AS first_at FROM (
        SELECT requested_at AS at FROM calls
        WHERE $6 AND request #> '{customer,targets}' @> jsonb_build_array(jsonb_build_object('number', $2::text))
            AND requested_at > to_timestamp($3) - interval '10 minutes'
            AND account_id = $1 AND call_id <> ALL ($4::text[]) AND kind <> 'inbound'
        UNION ALL
        SELECT dialed_at FROM legs JOIN calls USING (call_id)
        WHERE $6 AND side = 'third' AND number = $2 AND dialed_at > to_timestamp($3) - interval '10 minutes'
            AND account_id = $1
    ) AS asked
) AS number

-- name: stops
-- Where dialling is stopped: an account, or '' for all of them.
SELECT account_id, reason, stopped_at FROM stops ORDER BY account_id

-- name: stop
-- Stop dialling, and tell running engines.
WITH stopped AS (
    INSERT INTO stops (account_id, reason, stopped_at) VALUES ($1, $2, now())
    ON CONFLICT (account_id) DO UPDATE SET reason = excluded.reason
    RETURNING account_id
)
SELECT account_id, pg_notify('legwork', 'stop ' || account_id) FROM stopped

-- name: resume
-- Take a stop back, and tell running engines.
WITH resumed AS (DELETE FROM stops WHERE account_id = $1 RETURNING account_id)
SELECT account_id, pg_notify('legwork', 'resume ' || account_id) FROM resumed

-- name: applied
-- All that has been applied and is enabled; an agent with its state now.
SELECT kind, applied.account_id, id, body, CASE WHEN agent_id IS NOT NULL THEN
    jsonb_build_object('web_login', web_login, 'call_login', call_login, 'busy', busy) END AS state
FROM applied LEFT JOIN agent_states
    ON kind = 'agent' AND agent_states.account_id = applied.account_id AND agent_id = id
WHERE enabled ORDER BY kind, applied.account_id, position, id

-- name: disabled_accounts
-- The accounts that were applied once, and are missing from the file now.
SELECT id, body FROM applied WHERE kind = 'account' AND NOT enabled ORDER BY id

-- name: apply
-- Put the file's items in place of what was applied before; what is missing is disabled, not deleted.
-- An agent that was logged in or out before stays so.
WITH items AS (
    SELECT * FROM jsonb_populate_recordset(NULL::applied, $1)
), missing AS (
    UPDATE applied SET enabled = false, applied_at = now()
    WHERE enabled AND (kind, account_id, id) NOT IN (SELECT kind, account_id, id FROM items)
), new_states AS (
    INSERT INTO agent_states (account_id, agent_id, web_login, call_login, busy)
    SELECT account_id, id, coalesce((body->>'web_login')::boolean, false),
        coalesce((body->>'call_login')::boolean, false), false
    FROM items WHERE kind = 'agent'
    ON CONFLICT (account_id, agent_id) DO NOTHING
)
INSERT INTO applied (kind, account_id, id, position, body, enabled, applied_at)
SELECT kind, account_id, id, position, body, true, now() FROM items
ON CONFLICT (kind, account_id, id) DO UPDATE SET
    position = excluded.position, body = excluded.body, enabled = true, applied_at = now()

-- name: announce_applied
-- Tell running engines that accounts have changed.
SELECT pg_notify('legwork', 'applied')

-- name: change_applied
-- Change some settings of one item until the next apply, and tell running engines.
UPDATE applied SET body = body || $4, applied_at = now()
WHERE kind = $1 AND account_id = $2 AND id = $3 AND enabled
RETURNING id, pg_notify('legwork', 'applied')

-- name: set_agent_state
-- Log an agent in or out, set it busy or free; NULL leaves as it is. Running engines are told.
UPDATE agent_states SET web_login = coalesce($3, web_login), call_login = coalesce($4, call_login),
    busy = coalesce($5, busy)
WHERE account_id = $1 AND agent_id = $2
    AND EXISTS (SELECT FROM applied WHERE kind = 'agent' AND account_id = $1 AND id = $2 AND enabled)
RETURNING web_login, call_login, busy, pg_notify('legwork', 'applied')

-- name: dnd_listed
-- Those of the numbers that are on one of the account's do-not-disturb lists.
SELECT DISTINCT number FROM applied CROSS JOIN jsonb_array_elements_text(body->'numbers') AS listed (number)
WHERE kind = 'dnd_list' AND account_id = $1 AND enabled AND number = ANY ($2::text[])

-- name: sticky
-- The agent a number of an account is paired with.
SELECT agent_id FROM sticky_pairs
WHERE account_id = $1 AND number = $2 AND (expires_at IS NULL OR expires_at > now())

-- name: pair
-- Pair a number with an agent for so many seconds from now (NULL: for ever), whatever held before.
INSERT INTO sticky_pairs (account_id, number, agent_id, expires_at)
VALUES ($1, $2, $3, now() + make_interval(secs => $4))
ON CONFLICT (account_id, number) DO UPDATE SET agent_id = excluded.agent_id, expires_at = excluded.expires_at

-- name: delete_expired_pairs
-- Some pairs whose time is over. What another engine deletes at this moment is left to it.
DELETE FROM sticky_pairs WHERE (account_id, number) IN (
    SELECT account_id, number FROM sticky_pairs WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING number

-- name: schedule
-- A new callback, and the answer to its request under an idempotency key where there is one: both or neither.
-- Not made where the id has been used before or the key is taken (another engine's commit of that is waited for), nor
-- where the account is full: it has so many scheduled already, not counting what is being scheduled at this moment.
WITH counted AS (
    SELECT count(*) >= $3 AS is_full FROM callbacks
    WHERE account_id = $1::jsonb->>'account_id' AND state = 'scheduled'
), asked AS (
    SELECT asked.* FROM counted, jsonb_to_record($1) AS asked (
        request_id text, account_id text, agent_number text, customer_number text, caller_id text, wall text,
        time_zone text, due_at timestamptz, requested_at timestamptz, recording text
    )
    WHERE NOT is_full AND NOT EXISTS (SELECT FROM callbacks AS known WHERE known.request_id = asked.request_id)
        AND NOT EXISTS (SELECT FROM calls WHERE call_id = asked.request_id)
), new_keys AS (
    INSERT INTO idempotency_keys AS known (account_id, key, fingerprint, call_id, status, body, expires_at)
    SELECT kept.account_id, key, fingerprint, call_id, status, body, now() + make_interval(secs => keep_seconds)
    FROM jsonb_to_recordset($2) AS kept (
        account_id text, key text, fingerprint text, call_id text, status integer, body text, keep_seconds integer
    ) JOIN asked ON asked.request_id = call_id
    ON CONFLICT (account_id, key) DO UPDATE SET
        fingerprint = excluded.fingerprint, call_id = excluded.call_id, status = excluded.status,
        body = excluded.body, expires_at = excluded.expires_at, replayed_at = NULL
        WHERE known.expires_at <= now()
    RETURNING call_id
), made AS (
    INSERT INTO callbacks (request_id, account_id, agent_number, customer_number, caller_id, wall, time_zone, due_at,
        requested_at, recording, state, version, reason)
    SELECT request_id, account_id, agent_number, customer_number, caller_id, wall, time_zone, due_at, requested_at,
        recording, 'scheduled', 1, ''
    FROM asked WHERE $2 = '[]' OR EXISTS (SELECT FROM new_keys)
    RETURNING request_id
)
SELECT is_full, EXISTS (SELECT FROM made) AS is_made FROM counted

-- name: callback
-- One callback of one account.
SELECT request_id, account_id, agent_number, customer_number, caller_id, wall, time_zone, due_at, requested_at,
    recording, state, version, reason, settled_at
FROM callbacks WHERE account_id = $1 AND request_id = $2

-- name: callbacks
-- An account's callbacks, the newest first, in one state where one is given, from behind one where that is given.
SELECT request_id, account_id, agent_number, customer_number, caller_id, wall, time_zone, due_at, requested_at,
    recording, state, version, reason, settled_at
FROM callbacks
WHERE account_id = $1 AND ($2 = '' OR state = $2) AND ($3 = '' OR (requested_at, request_id) < (
    SELECT requested_at, request_id FROM callbacks WHERE account_id = $1 AND request_id = $3
))
ORDER BY requested_at DESC, request_id DESC LIMIT $4

-- name: all_callbacks
-- Every account's callbacks that are scheduled, the next one first: for the operator.
SELECT request_id, account_id, agent_number, customer_number, caller_id, wall, time_zone, due_at, requested_at,
    recording, state, version, reason, settled_at
FROM callbacks WHERE state = 'scheduled' ORDER BY due_at, request_id LIMIT $1

-- name: change_callback
-- Change a callback that is scheduled and still as it was read. One that is being fired is waited for. Whoever had
-- claimed it has to look again.
UPDATE callbacks SET agent_number = $4, customer_number = $5, caller_id = $6, wall = $7, time_zone = $8,
    due_at = to_timestamp($9), recording = $10, version = version + 1, claimed_until = 'epoch'
WHERE account_id = $1 AND request_id = $2 AND version = $3 AND state = 'scheduled'
RETURNING request_id

-- name: delete_callback
-- Delete a callback that is scheduled. One that is being fired is waited for.
UPDATE callbacks SET state = 'deleted', settled_at = to_timestamp($3), version = version + 1
WHERE account_id = $1 AND request_id = $2 AND state = 'scheduled'
RETURNING request_id

-- name: next_callback
-- When the next callback is due that nobody is at; not of some accounts.
SELECT min(due_at) AS due_at FROM callbacks
WHERE state = 'scheduled' AND claimed_until <= now() AND account_id <> ALL ($1::text[])

-- name: claim_callbacks
-- Some callbacks that are due at that time, the first ones first, which other nodes will leave alone for so many
-- seconds; not of some accounts. What another node claims or fires at this moment is left to it.
WITH due AS (
    SELECT request_id FROM callbacks
    WHERE state = 'scheduled' AND due_at <= to_timestamp($1) AND claimed_until <= now()
        AND account_id <> ALL ($3::text[])
    ORDER BY due_at, request_id LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE callbacks SET claimed_until = now() + make_interval(secs => $4) FROM due
WHERE callbacks.request_id = due.request_id
RETURNING callbacks.request_id, account_id, agent_number, customer_number, caller_id, wall, time_zone, due_at,
    requested_at, recording, state, version, reason, settled_at

-- name: put_off_callbacks
-- Leave callbacks alone for so many seconds each, but for those changed since they were read. What another node is at
-- in this moment is left to it.
WITH put_off AS (
    SELECT request_id, seconds FROM callbacks
    JOIN unnest($1::text[], $2::integer[], $3::double precision[]) AS asked (request_id, version, seconds)
        USING (request_id, version)
    WHERE state = 'scheduled' FOR UPDATE OF callbacks SKIP LOCKED
)
UPDATE callbacks SET claimed_until = now() + make_interval(secs => seconds) FROM put_off
WHERE callbacks.request_id = put_off.request_id

-- name: delete_old_callbacks
-- Some callbacks settled longer ago than so many days. What another engine deletes at this moment is left to it.
DELETE FROM callbacks WHERE request_id IN (
    SELECT request_id FROM callbacks
    WHERE settled_at < now() - make_interval(days => $1) AND state <> 'scheduled'
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING request_id

-- name: announcements
-- An account's announcements: those of the accounts file in its order, then those uploaded.
SELECT id, body->>'alias' AS number, regexp_replace(body->>'file', '^.*/', '') AS name,
    (body->>'seconds')::double precision AS seconds, 'file' AS source, NULL::timestamptz AS uploaded_at, position
FROM applied WHERE kind = 'announcement' AND account_id = $1 AND enabled AND body ? 'seconds'
UNION ALL
SELECT id, number::text, name, seconds, 'upload', uploaded_at, number
FROM announcements WHERE account_id = $1 AND deleted_at IS NULL
ORDER BY source, position, id

-- name: uploads
-- What was uploaded, whoever's, and what was deleted so lately that a call may still play it.
SELECT account_id, id, number, seconds, deleted_at FROM announcements
WHERE deleted_at IS NULL OR deleted_at > now() - make_interval(secs => $1)

-- name: sound
-- The sound of one that was uploaded.
SELECT sound FROM announcements WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL

-- name: add_announcement
-- Keep a sound under the account's next number that is nobody's name, and tell running engines; nothing where the
-- account has as many as it may have. The counter's row makes one upload wait for the other.
WITH taken AS (
    SELECT unnest(ARRAY[id, body->>'alias']) AS name FROM applied WHERE kind = 'announcement' AND account_id = $1
), counted AS (
    INSERT INTO announcement_numbers AS known (account_id, last_number)
    SELECT $1, min(number) FROM generate_series(1, 1 + (SELECT count(*) FROM taken)) AS number
    WHERE number::text NOT IN (SELECT name FROM taken WHERE name IS NOT NULL)
    ON CONFLICT (account_id) DO UPDATE SET last_number = (
        SELECT min(number)
        FROM generate_series(known.last_number + 1, known.last_number + 1 + (SELECT count(*) FROM taken)) AS number
        WHERE number::text NOT IN (SELECT name FROM taken WHERE name IS NOT NULL)
    )
    RETURNING last_number
), minted AS (
    SELECT extract(epoch FROM now())::bigint || '_' || last_number || '.wav' AS id, last_number FROM counted
)
INSERT INTO announcements (account_id, id, number, name, seconds, sound, uploaded_at)
SELECT $1, id, last_number, coalesce(nullif($2, ''), id), $3, $4, now() FROM minted
WHERE (SELECT count(*) FROM announcements WHERE account_id = $1 AND deleted_at IS NULL) < $5
RETURNING id, number::text AS number, name, seconds, 'upload' AS source, uploaded_at,
    pg_notify('legwork', 'announcement ' || $1)

-- name: delete_announcement
-- Delete one that was uploaded, its sound at once, and tell running engines. Its number is not given again.
UPDATE announcements SET deleted_at = now(), sound = ''
WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL
RETURNING id, pg_notify('legwork', 'announcement ' || $1)
