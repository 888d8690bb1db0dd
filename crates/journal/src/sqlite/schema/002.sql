-- Events of many runs at once, in the order in which they came: a commit writes few pages. They are
-- moved to `events` later, each run's side by side.
CREATE TABLE recent (
    id INTEGER PRIMARY KEY,
    place INTEGER NOT NULL,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL
);
