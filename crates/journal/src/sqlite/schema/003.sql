-- Small values with names, as JSON: what the program keeps beside runs.
CREATE TABLE notes (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- The order of the list, also among runs of the same moment. All that lists are filtered by is in it,
-- so that runs which do not pass are not looked at.
DROP INDEX runs_started;
CREATE INDEX runs_list ON runs (started, id, phase, blueprint, "trigger");
