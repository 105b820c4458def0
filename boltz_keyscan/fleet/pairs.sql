-- The repositories of a state that is merged: if its result is the newer one, and if its keys are taken.
CREATE TEMP TABLE pairs AS
SELECT id, theirs, ours, newer, CASE
    WHEN newer THEN NOT (theirs_open AND theirs NOT IN (SELECT repository FROM other.keys))
    ELSE ours_open AND ours NOT IN (SELECT repository FROM main.keys) END AS keys_wanted
FROM (
    SELECT theirs.id AS id, theirs.number AS theirs, ours.number AS ours,
        theirs.status IN ('failed', 'pending') AS theirs_open,
        ours.status IN ('failed', 'pending') AS ours_open,
        ours.id IS NULL OR (theirs.status != 'pending' AND theirs.ended > ours.ended) AS newer
    FROM other.repositories AS theirs LEFT JOIN main.repositories AS ours USING (id))
