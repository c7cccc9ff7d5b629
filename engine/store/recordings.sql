-- name: recordings_of
-- The recordings of some calls, in their order.
SELECT * FROM recordings WHERE call_id = ANY ($1::text[]) ORDER BY call_id, asked_at, name

-- name: recording
-- One recording, whoever's.
SELECT * FROM recordings WHERE name = $1

-- name: recordings
-- An account's recordings, the newest first, of one call or in one state where that is given, from behind one where
-- that is given.
SELECT * FROM recordings
WHERE account_id = $1 AND ($2 = '' OR call_id = $2) AND ($3 = '' OR state = $3)
    AND ($4 = '' OR (asked_at, name) < (SELECT asked_at, name FROM recordings WHERE account_id = $1 AND name = $4))
ORDER BY asked_at DESC, name DESC LIMIT $5

-- name: unsettled_recordings
-- A node's recordings that have ended, by themselves or with their call, and whose files nobody has looked at.
SELECT recordings.*, extract(epoch FROM now() - coalesce(recordings.ended_at, calls.ended_at, now()))::double precision
    AS ended_seconds
FROM recordings LEFT JOIN calls USING (call_id)
WHERE recordings.node = $1 AND settled_at IS NULL
    AND (recordings.ended_at IS NOT NULL OR calls.ended_at IS NOT NULL OR calls.call_id IS NULL)
    AND recordings.due_at <= now()
ORDER BY asked_at LIMIT $2

-- name: settle_recording
-- What a recording's file has shown; a transcript that is to be made of it is queued, or has failed with it.
WITH settled AS (
    UPDATE recordings SET state = $2, reason = $3, seconds = $4, bytes = $5, settled_at = now(),
        tries = 0, due_at = 'epoch', error = '',
        ended_at = coalesce(ended_at, now()),
        started_at = CASE WHEN $4::double precision IS NULL THEN started_at ELSE coalesce(started_at, asked_at) END,
        removed_at = CASE WHEN $5::bigint IS NULL THEN now() END
    WHERE name = $1 AND settled_at IS NULL
    RETURNING *
)
INSERT INTO transcripts (name, account_id, node, call_id, side, state, attempts, due_at, reason, text, queued_at,
    settled_at)
SELECT name, account_id, node, call_id, side, CASE state WHEN 'finished' THEN 'queued' ELSE 'failed' END, 0, now(),
    CASE state WHEN 'finished' THEN '' ELSE 'recording_failed' END, '', now(),
    CASE state WHEN 'finished' THEN NULL ELSE now() END
FROM settled WHERE transcript
ON CONFLICT (name) DO NOTHING

-- name: recordings_to_upload
-- A node's recordings that are not in the bucket yet, and may be tried now.
SELECT * FROM recordings
WHERE node = $1 AND removed_at IS NULL AND state = 'finished' AND uploaded_at IS NULL AND due_at <= now()
ORDER BY settled_at LIMIT $2

-- name: note_upload
-- It is in the bucket; one that was deleted meanwhile is to be deleted there, too.
UPDATE recordings SET uploaded_at = now(), tries = 0, due_at = 'epoch', error = '' WHERE name = $1

-- name: put_off_recording
-- What was to be done with it could not be done: why, and for how many seconds it is left alone.
UPDATE recordings SET tries = tries + 1, error = $2, due_at = now() + make_interval(secs => $3) WHERE name = $1

-- name: recordings_to_remove
-- A node's recordings that are in the bucket, and needed here by no transcript any more.
SELECT * FROM recordings
WHERE node = $1 AND removed_at IS NULL AND uploaded_at IS NOT NULL AND due_at <= now() AND NOT EXISTS (
    SELECT FROM transcripts WHERE transcripts.name = recordings.name AND transcripts.settled_at IS NULL
)
ORDER BY settled_at LIMIT $2

-- name: note_removed
-- There is no file on the node any more.
UPDATE recordings SET removed_at = now(), tries = 0, due_at = 'epoch', error = ''
WHERE name = $1 AND removed_at IS NULL

-- name: old_recordings
-- A node's recordings that are older than so many days, and are not deleted, or were put into the bucket since.
SELECT * FROM recordings
WHERE node = $1 AND (state <> 'deleted' OR uploaded_at IS NOT NULL) AND due_at <= now()
    AND settled_at < now() - make_interval(days => $2)
ORDER BY settled_at LIMIT $3

-- name: delete_recording
-- It is nowhere any more, nor what was said in it; unless it was put into the bucket since that was looked at.
WITH gone AS (
    UPDATE recordings SET state = 'deleted', removed_at = coalesce(removed_at, now()), uploaded_at = NULL
    WHERE name = $1 AND (uploaded_at IS NOT NULL) = $2
    RETURNING name
)
DELETE FROM transcripts USING gone WHERE transcripts.name = gone.name

-- name: transcripts_of
-- What was said in one call of one account.
SELECT transcripts.* FROM transcripts JOIN recordings USING (name)
WHERE transcripts.account_id = $1 AND transcripts.call_id = $2 ORDER BY asked_at, name

-- name: claim_transcripts
-- Some of a node's transcripts that are due, the first ones first; an engine that died may have claimed them before.
WITH due AS (
    SELECT name FROM transcripts
    WHERE node = $1 AND state IN ('queued', 'running') AND due_at <= now() AND claimed_until <= now()
    ORDER BY due_at, name LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE transcripts SET state = 'running', attempts = attempts + 1, claimed_until = now() + make_interval(secs => $3)
FROM due WHERE transcripts.name = due.name
RETURNING transcripts.*

-- name: finish_transcript
-- What was said; unless it was claimed again since that attempt.
UPDATE transcripts SET state = 'done', text = $3, segments = $4, reason = '', settled_at = now()
WHERE name = $1 AND attempts = $2 AND state = 'running'

-- name: fail_transcript
-- Why that attempt failed, and in how many seconds there is another; NULL where there is none.
UPDATE transcripts SET reason = $3, state = CASE WHEN $4::double precision IS NULL THEN 'failed' ELSE 'queued' END,
    settled_at = CASE WHEN $4::double precision IS NULL THEN now() END, claimed_until = 'epoch',
    due_at = now() + make_interval(secs => coalesce($4, 0))
WHERE name = $1 AND attempts = $2 AND state = 'running'
