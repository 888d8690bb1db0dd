-- Small values with names, as JSON: what the program keeps beside runs.
CREATE TABLE notes (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- The order of lists, also among runs of the same moment. All that lists are filtered by is in it, so
-- that runs which do not pass are not looked at. Those that have not ended are few and often asked for.
DROP INDEX runs_started;
CREATE INDEX runs_list ON runs (started, id, phase, blueprint, "trigger");
CREATE INDEX runs_list_open ON runs (started, id, phase, blueprint, "trigger") WHERE ended IS NULL;
