-- Where a run stands. `phase` and `owner` say who works on it; `events` and `sum` are the end of its
-- chain of events.
CREATE TABLE runs (
    slot INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    blueprint TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    key TEXT,
    phase TEXT NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER,
    owner TEXT,
    fence INTEGER NOT NULL,
    wake INTEGER,
    events INTEGER NOT NULL,
    sum INTEGER NOT NULL
);
CREATE UNIQUE INDEX runs_key ON runs (blueprint, key) WHERE key IS NOT NULL;
CREATE INDEX runs_started ON runs (started);
CREATE INDEX runs_open ON runs (phase, owner, wake) WHERE ended IS NULL;

-- What a run began with. Apart from `runs`, whose rows change with every commit.
CREATE TABLE records (
    slot INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);

-- `place` is the slot times 2^32 plus the event's number: one key, in order, without an index.
CREATE TABLE events (
    place INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL
);

-- Large values and the texts of blueprints, each once, by its SHA-256.
CREATE TABLE blobs (
    hash BLOB PRIMARY KEY,
    bytes BLOB NOT NULL
);
CREATE TABLE blob_uses (
    slot INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (slot, hash)
) WITHOUT ROWID;
CREATE INDEX blob_uses_hash ON blob_uses (hash);

-- What runs wait for an answer to; the event that asked says the rest.
CREATE TABLE questions (
    slot INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    block INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (slot, scope, block)
) WITHOUT ROWID;
CREATE INDEX questions_name ON questions (name, kind);

-- What somebody wants a run to know, until the run has recorded what came of it. An id is never given
-- twice: who has seen one has seen all before it.
CREATE TABLE letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slot INTEGER NOT NULL,
    kind TEXT NOT NULL,
    scope INTEGER,
    block INTEGER,
    answer BLOB
);
CREATE INDEX letters_slot ON letters (slot);
