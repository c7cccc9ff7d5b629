-- name: create_list
-- A new list, unless the account has one of this kind under that name.
INSERT INTO lists (list_id, account_id, kind, name, created_at) VALUES ($1, $2, $3, $4, now())
ON CONFLICT DO NOTHING
RETURNING list_id

-- name: list_of_name
-- The account's list of this kind and name.
SELECT list_id FROM lists WHERE account_id = $1 AND kind = $2 AND name = $3

-- name: find_list
-- The account's list of this kind.
SELECT list_id, name, last_position FROM lists WHERE account_id = $1 AND kind = $2 AND list_id = $3

-- name: hold_list
-- The same, kept from everybody else who adds to it: what is in it is looked for by a statement of its own, which
-- then sees what they have added.
SELECT last_position FROM lists WHERE account_id = $1 AND kind = $2 AND list_id = $3 FOR UPDATE

-- name: stage_contacts
-- Room for what is to be added, for as long as this connection lasts: `place` is the order it came in.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_contacts (
    place bigint NOT NULL, number text NOT NULL, name text NOT NULL, fields jsonb NOT NULL
)

-- name: add_contacts
-- Those of a few contacts that are not in the list yet, each number once, at the end of the list.
INSERT INTO contacts (list_id, position, number, name, fields)
SELECT $1, $2 + row_number() OVER (ORDER BY place), number, name, fields
FROM (
    SELECT DISTINCT ON (number) place, number, name, fields
    FROM unnest($3::text[], $4::text[], $5::jsonb[]) WITH ORDINALITY AS asked (number, name, fields, place)
    ORDER BY number, place
) AS first
WHERE NOT EXISTS (SELECT FROM contacts AS known WHERE known.list_id = $1 AND known.number = first.number)
ORDER BY place

-- name: add_staged_contacts
-- The same of those that are staged, where there may be a million: only numbers are sorted, not what goes with them.
INSERT INTO contacts (list_id, position, number, name, fields)
SELECT $1, $2 + row_number() OVER (ORDER BY place), number, name, fields
FROM staged_contacts JOIN (
    SELECT min(place) AS place FROM staged_contacts AS asked
    WHERE NOT EXISTS (SELECT FROM contacts AS known WHERE known.list_id = $1 AND known.number = asked.number)
    GROUP BY number
) AS first USING (place)
ORDER BY place

-- name: lengthen_list
-- So many contacts were added.
UPDATE lists SET last_position = last_position + $2 WHERE list_id = $1
