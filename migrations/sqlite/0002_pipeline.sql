-- What a pipeline of several processes needs, and detection beside it. It only
-- adds: a node of 0001 goes on with what it has.

-- What every process on this store agrees on.
CREATE TABLE identity (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    origin     TEXT NOT NULL,
    partitions INTEGER NOT NULL CHECK (partitions > 0)
) STRICT;

-- Numbers of partitions of before, while a broker may still have their queues.
CREATE TABLE generation (
    partitions INTEGER PRIMARY KEY CHECK (partitions > 0)
) STRICT;

-- Who submitted. Until now that was whoever had the node's folder.
ALTER TABLE submission ADD COLUMN submitter TEXT NOT NULL DEFAULT 'local';
-- Of what was sent; those of before are named by it, and have none of their own.
ALTER TABLE submission ADD COLUMN content BLOB NOT NULL DEFAULT x'' CHECK (length(content) IN (0, 32));
ALTER TABLE claim ADD COLUMN submitter TEXT NOT NULL DEFAULT 'local';
CREATE INDEX claim_by_submitter ON claim (submitter, id);

-- The number of the claim before in the unit: events have numbers too, and a
-- claim that was discarded is stepped over.
ALTER TABLE claim ADD COLUMN previous INTEGER NOT NULL DEFAULT 0;
UPDATE claim SET previous = sequence - 1;
ALTER TABLE unit ADD COLUMN last_claim INTEGER NOT NULL DEFAULT 0;
UPDATE unit SET last_claim = sequence;

-- The number of partitions that `partition` is of, and what stopped the claim.
ALTER TABLE queue ADD COLUMN partitions INTEGER NOT NULL DEFAULT 8;
ALTER TABLE queue ADD COLUMN reason TEXT NOT NULL DEFAULT '';

-- A member moved from a unit to another: an event in the order of both.
CREATE TABLE event (
    unit      INTEGER NOT NULL REFERENCES unit (id),
    sequence  INTEGER NOT NULL CHECK (sequence > 0),
    member    BLOB NOT NULL CHECK (length(member) = 32),
    from_unit INTEGER NOT NULL REFERENCES unit (id),
    to_unit   INTEGER NOT NULL REFERENCES unit (id),
    PRIMARY KEY (unit, sequence)
) STRICT, WITHOUT ROWID;

-- Given up by an operator: it never has an outcome.
CREATE TABLE discarded (
    claim INTEGER PRIMARY KEY REFERENCES claim (place)
) STRICT;

-- Marks on groups of facts that are to be judged; an id is never given twice.
CREATE TABLE unjudged (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    detector INTEGER NOT NULL CHECK (detector > 0),
    key      BLOB NOT NULL CHECK (length(key) = 32)
) STRICT;

CREATE INDEX unjudged_by_group ON unjudged (detector, key, id);

CREATE TRIGGER event_only_grows BEFORE UPDATE ON event
BEGIN SELECT raise(ABORT, 'an event is never changed'); END;
CREATE TRIGGER event_never_shrinks BEFORE DELETE ON event
BEGIN SELECT raise(ABORT, 'an event is never taken back'); END;
CREATE TRIGGER discarded_never_shrinks BEFORE DELETE ON discarded
BEGIN SELECT raise(ABORT, 'a claim that was discarded stays so'); END;
