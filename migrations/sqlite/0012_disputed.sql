-- What others dispute of what this node decided, as they told it: who, the index of the
-- dispute in their own log, the claim, the index of the adjudication in this node's, and
-- the day on which it was told. Salt and what was found are sealed under the claim's own
-- record: whoever erases the claim erases them.
CREATE TABLE disputed (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation TEXT NOT NULL CHECK (length(organisation) BETWEEN 1 AND 64),
    entry        INTEGER NOT NULL CHECK (entry >= 0),
    claim        BLOB NOT NULL CHECK (length(claim) = 16),
    leaf         INTEGER NOT NULL CHECK (leaf >= 0),
    day          INTEGER NOT NULL,
    record       BLOB NOT NULL CHECK (length(record) = 16),
    payload      BLOB NOT NULL
) STRICT;

-- Of an adjudication an organisation has one.
CREATE UNIQUE INDEX disputed_once ON disputed (organisation, leaf);
CREATE INDEX disputed_by_claim ON disputed (claim, id);

CREATE TRIGGER disputed_never_changes BEFORE UPDATE ON disputed
BEGIN SELECT raise(ABORT, 'what was told is never changed'); END;
CREATE TRIGGER disputed_never_shrinks BEFORE DELETE ON disputed
BEGIN SELECT raise(ABORT, 'what was told is never taken back'); END;
