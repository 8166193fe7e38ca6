-- Payments: what payees were told that they are paid, and what for. What is settled
-- and may have to be told is marked when it is decided; a mark is only a hint, and
-- goes when a payment tells it, or when there is nothing to tell.

CREATE TABLE due (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    provider BLOB NOT NULL CHECK (length(provider) = 32),
    claim    INTEGER NOT NULL REFERENCES claim (place)
) STRICT;

CREATE INDEX due_by_provider ON due (provider, id);
CREATE INDEX due_by_claim ON due (claim);

-- `number` counts the payments of a payee, from 1: the fence against telling the
-- same twice. `brought` is what the one before it carried forward. `submitter` is
-- whoever sent all that is told, where that is one. `payload` is the 835 without
-- what is of claims, under a key of its own; `hash` is of all of it.
CREATE TABLE payment (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    trace     TEXT NOT NULL UNIQUE,
    payee     BLOB NOT NULL CHECK (length(payee) = 32),
    number    INTEGER NOT NULL CHECK (number > 0),
    day       INTEGER NOT NULL,
    amount    INTEGER NOT NULL CHECK (amount >= 0),
    brought   INTEGER NOT NULL CHECK (brought >= 0),
    forwarded INTEGER NOT NULL CHECK (forwarded >= 0),
    parts     INTEGER NOT NULL CHECK (parts > 0),
    submitter TEXT,
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    record    BLOB NOT NULL CHECK (length(record) = 16),
    payload   BLOB NOT NULL,
    UNIQUE (payee, number),
    CHECK (amount = 0 OR forwarded = 0)
) STRICT;

CREATE INDEX payment_by_submitter ON payment (submitter, id) WHERE submitter IS NOT NULL;

-- What was told of a claim as it stood after so many revisions. `kind`: 0 it is
-- paid or denied, 1 money that was left is taken, 2 it is reversed, 3 it is reversed
-- and the money is left until the correction. `payload` is what the 835 says of it,
-- under the claim's key.
CREATE TABLE payment_part (
    payment  INTEGER NOT NULL REFERENCES payment (id),
    number   INTEGER NOT NULL CHECK (number > 0),
    claim    INTEGER NOT NULL REFERENCES claim (place),
    revision INTEGER NOT NULL CHECK (revision >= 0),
    kind     INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 3),
    paid     INTEGER NOT NULL,
    interest INTEGER NOT NULL CHECK (interest >= 0),
    withheld INTEGER NOT NULL CHECK (withheld >= 0),
    record   BLOB CHECK (length(record) = 16),
    payload  BLOB,
    PRIMARY KEY (payment, number),
    CHECK ((record IS NULL) = (payload IS NULL) AND (payload IS NULL) = (kind = 1))
) STRICT, WITHOUT ROWID;

-- What a claim came to is told once, and taken back once.
CREATE UNIQUE INDEX payment_part_once ON payment_part (claim, revision, min(kind, 2));

-- ---- what is to be told -------------------------------------------------------

-- What waits is not told; that it waits again may be.
CREATE TRIGGER outcome_is_due AFTER INSERT ON outcome WHEN NEW.status <> 3
BEGIN
    INSERT INTO due (provider, claim) SELECT provider, place FROM claim WHERE id = NEW.claim;
END;
CREATE TRIGGER revision_is_due AFTER INSERT ON revision
BEGIN
    INSERT INTO due (provider, claim) SELECT provider, place FROM claim WHERE id = NEW.claim;
END;

-- Of all that was decided before there were payments, nothing was told.
INSERT INTO due (provider, claim)
    SELECT c.provider, c.place FROM claim AS c JOIN outcome AS o ON o.claim = c.id
    WHERE o.status <> 3 OR EXISTS (SELECT 1 FROM revision AS r WHERE r.claim = c.id)
    ORDER BY c.place;

-- ---- history is not rewritten -------------------------------------------------

CREATE TRIGGER payment_never_changes BEFORE UPDATE ON payment
BEGIN SELECT raise(ABORT, 'a payment is never changed'); END;
CREATE TRIGGER payment_never_shrinks BEFORE DELETE ON payment
BEGIN SELECT raise(ABORT, 'a payment is never taken back'); END;
CREATE TRIGGER payment_part_never_changes BEFORE UPDATE ON payment_part
BEGIN SELECT raise(ABORT, 'what was told is never changed'); END;
CREATE TRIGGER payment_part_never_shrinks BEFORE DELETE ON payment_part
BEGIN SELECT raise(ABORT, 'what was told is never taken back'); END;
