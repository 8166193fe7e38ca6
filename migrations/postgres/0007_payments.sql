-- Payments: what payees were told that they are paid, and what for. What is settled
-- and may have to be told is marked when it is decided; a mark is only a hint, and
-- goes when a payment tells it, or when there is nothing to tell.

SET LOCAL search_path = tally, pg_catalog;

-- Rows are added, never changed: a payment takes the marks that it read, and one
-- that is made meanwhile stays for the next.
CREATE TABLE due (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claim    bigint NOT NULL,
    provider bytea NOT NULL CHECK (length(provider) = 32)
);

-- Not in the order of the primary key, which could be walked over all others' marks.
CREATE INDEX due_by_provider ON due (provider, (id + 0));
CREATE INDEX due_by_claim ON due (claim);

-- `number` counts the payments of a payee, from 1: the fence against telling the
-- same twice. `brought` is what the one before it carried forward. `submitter` is
-- whoever sent all that is told, where that is one. `payload` is the 835 without
-- what is of claims, under a key of its own; `hash` is of all of it.
CREATE TABLE payment (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    amount    bigint NOT NULL CHECK (amount >= 0),
    brought   bigint NOT NULL CHECK (brought >= 0),
    forwarded bigint NOT NULL CHECK (forwarded >= 0),
    number    integer NOT NULL CHECK (number > 0),
    day       integer NOT NULL,
    parts     integer NOT NULL CHECK (parts > 0),
    trace     text NOT NULL UNIQUE COLLATE "C",
    submitter text COLLATE "C",
    payee     bytea NOT NULL CHECK (length(payee) = 32),
    hash      bytea NOT NULL CHECK (length(hash) = 32),
    record    bytea NOT NULL CHECK (length(record) = 16),
    payload   bytea NOT NULL,
    UNIQUE (payee, number),
    CHECK (amount = 0 OR forwarded = 0)
);

CREATE INDEX payment_by_submitter ON payment (submitter, id) WHERE submitter IS NOT NULL;

-- What was told of a claim as it stood after so many revisions. `kind`: 0 it is
-- paid or denied, 1 money that was left is taken, 2 it is reversed, 3 it is reversed
-- and the money is left until the correction. `payload` is what the 835 says of it,
-- under the claim's key.
CREATE TABLE payment_part (
    payment  bigint NOT NULL,
    claim    bigint NOT NULL,
    paid     bigint NOT NULL,
    interest bigint NOT NULL CHECK (interest >= 0),
    withheld bigint NOT NULL CHECK (withheld >= 0),
    number   integer NOT NULL CHECK (number > 0),
    revision integer NOT NULL CHECK (revision >= 0),
    kind     smallint NOT NULL CHECK (kind BETWEEN 0 AND 3),
    record   bytea CHECK (length(record) = 16),
    payload  bytea,
    PRIMARY KEY (payment, number),
    CHECK ((record IS NULL) = (payload IS NULL) AND (payload IS NULL) = (kind = 1))
);

-- What a claim came to is told once, and taken back once.
CREATE UNIQUE INDEX payment_part_once ON payment_part (claim, revision, (least(kind, 2)));

ALTER TABLE payment ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE payment_part ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE due SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0);

-- ---- what is to be told -------------------------------------------------------

-- In the statement that decides, so that a worker of the last release marks too.
CREATE FUNCTION mark_due() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tally.due (provider, claim)
    SELECT c.provider, n.claim FROM decided AS n
    CROSS JOIN LATERAL (SELECT provider FROM tally.claim WHERE claim.place = n.claim OFFSET 0) AS c
    -- What waits is not told; that it waits again may be.
    WHERE n.status <> 3 OR TG_TABLE_NAME = 'revision' OR n.status IS NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER outcome_is_due AFTER INSERT ON outcome REFERENCING NEW TABLE AS decided
    FOR EACH STATEMENT EXECUTE FUNCTION mark_due();
CREATE TRIGGER revision_is_due AFTER INSERT ON revision REFERENCING NEW TABLE AS decided
    FOR EACH STATEMENT EXECUTE FUNCTION mark_due();

-- Of all that was decided before there were payments, nothing was told.
INSERT INTO due (provider, claim)
    SELECT c.provider, c.place FROM claim AS c JOIN outcome AS o ON o.claim = c.place
    WHERE o.status <> 3 OR EXISTS (SELECT FROM revision AS r WHERE r.claim = c.place)
    ORDER BY c.place;

-- ---- history is not rewritten -------------------------------------------------

CREATE TRIGGER payment_never_changes BEFORE UPDATE OR DELETE ON payment
    FOR EACH ROW EXECUTE FUNCTION refuse('a payment is never changed');
CREATE TRIGGER payment_part_never_changes BEFORE UPDATE OR DELETE ON payment_part
    FOR EACH ROW EXECUTE FUNCTION refuse('what was told is never changed');

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['payment', 'payment_part']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION refuse(%L)', name || '_is_not_emptied', name,
                       'history is not rewritten');
    END LOOP;
END $$;

-- ---- what is read without anything sealed -------------------------------------

CREATE VIEW read_payment AS
    SELECT trace, number, date '1970-01-01' + day AS day, amount, brought, forwarded, parts
    FROM payment;

-- ---- grants -------------------------------------------------------------------

REVOKE ALL ON FUNCTION mark_due() FROM PUBLIC;
GRANT SELECT ON read_payment TO tally_reader;
GRANT SELECT ON due, payment, payment_part
    TO tally_worker, tally_relay, tally_api, tally_operator;

GRANT INSERT ON due TO tally_worker;

-- An operator pays.
GRANT INSERT ON payment, payment_part TO tally_operator;
GRANT DELETE ON due TO tally_operator;

-- ---- handed over --------------------------------------------------------------

ALTER TABLE due OWNER TO tally_owner;
ALTER TABLE payment OWNER TO tally_owner;
ALTER TABLE payment_part OWNER TO tally_owner;
ALTER VIEW read_payment OWNER TO tally_owner;
ALTER FUNCTION mark_due() OWNER TO tally_owner;
