-- name: cdrs
-- So many CDRs of one account, ninety days of them up to now: one in two is a campaign's attempt, each hundredth came late.
INSERT INTO cdrs (request_id, account_id, node, kind, agent_number, customer_number, dialed_number, caller_id,
    disposition, reason, ended_by, call_date, created_at, answered_at, ended_at, billsec, duration, channel, digits,
    campaign_id, campaign_type, list_id, unique_id, amd_status)
SELECT to_hex(n + 68719476736), 'bench', 'n1', CASE WHEN campaign IS NULL THEN 'click2call' ELSE 'campaign' END, '',
    number, number, '15168148111', disposition, 'as it was', 'party', ended_at, ended_at - interval '20 s',
    CASE WHEN disposition = 'ANSWER' THEN ended_at - interval '9 s' END, ended_at,
    CASE WHEN disposition = 'ANSWER' THEN 9 ELSE 0 END, 20, 'n1-' || to_hex(n + 68719476736) || '.b1',
    CASE WHEN disposition = 'ANSWER' AND n % 3 = 0 THEN '12' ELSE '' END,
    campaign, CASE WHEN campaign IS NOT NULL THEN 1 END, CASE WHEN campaign IS NOT NULL THEN 'LS00000000aa' END,
    CASE WHEN campaign IS NOT NULL THEN campaign || '_LS00000000aa_' || n || '-u1' END,
    CASE WHEN abs(hashint8(n + 1)::bigint) % 7 = 0 THEN 'machine' END
FROM (
    SELECT n, '9199' || lpad((n / 2 % 88000)::text, 8, '0') AS number,
        (ARRAY['ANSWER', 'ANSWER', 'NOANSWER', 'BUSY', 'ANSWER', 'CONGESTION', 'CHANUNAVAIL', 'NOANSWER', 'CANCEL', 'DND'])
            [1 + abs(hashint8(n)::bigint) % 10] AS disposition,
        now() - interval '90 days' * (1 - n::double precision / $2)
            - CASE WHEN n % 100 = 0 THEN interval '3 days' ELSE interval '0' END AS ended_at,
        CASE WHEN n % 2 = 0 THEN 'CM' || lpad(to_hex(n / 200000), 10, '0') END AS campaign
    FROM generate_series($1::bigint, $3::bigint) AS n
) AS made

-- name: legs
-- The legs of the CDRs from one id to another.
INSERT INTO legs (leg_id, call_id, position, name, side, number, endpoint, created_at, dialed_at, answered_at, ended_at,
    cause, estimated, disposition, reason, ended_by)
SELECT channel, request_id, 0, 'b1', 'customer', dialed_number, 'PJSIP/' || dialed_number || '@carrier', created_at,
    created_at, answered_at, ended_at, 16, false, disposition, reason, ended_by
FROM cdrs WHERE id BETWEEN $1 AND $2
