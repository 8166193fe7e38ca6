-- Appeals of claims: which there are, and what happened to each, in the order of the
-- claim. What people wrote is sealed under the claim's key.

SET LOCAL search_path = tally, pg_catalog;

CREATE TABLE appeal (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    appeal bytea NOT NULL UNIQUE CHECK (length(appeal) = 16),
    claim  bigint NOT NULL,
    level  smallint NOT NULL CHECK (level BETWEEN 1 AND 255),
    filed  integer NOT NULL
);

CREATE INDEX appeal_by_claim ON appeal (claim);

-- 1 filed, 2 extended, 3 asked, 4 answered, 5 decided, 6 withdrawn.
CREATE TABLE appeal_event (
    claim   bigint NOT NULL,
    number  integer NOT NULL CHECK (number > 0),
    appeal  bigint NOT NULL REFERENCES appeal (id),
    kind    smallint NOT NULL CHECK (kind BETWEEN 1 AND 6),
    day     integer NOT NULL,
    record  bytea NOT NULL CHECK (length(record) = 16),
    payload bytea NOT NULL,
    PRIMARY KEY (claim, number)
);

-- Neither decided nor taken back: one of a claim at most.
CREATE TABLE appeal_open (
    appeal bigint PRIMARY KEY,
    claim  bigint NOT NULL UNIQUE
);

ALTER TABLE appeal_event ALTER payload SET STORAGE EXTERNAL;

-- ---- history is not rewritten -------------------------------------------------

CREATE TRIGGER appeal_never_changes BEFORE UPDATE OR DELETE ON appeal
    FOR EACH ROW EXECUTE FUNCTION refuse('an appeal is never changed');
CREATE TRIGGER appeal_event_never_changes BEFORE UPDATE OR DELETE ON appeal_event
    FOR EACH ROW EXECUTE FUNCTION refuse('what happened to an appeal is never changed');

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['appeal', 'appeal_event']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION refuse(%L)', name || '_is_not_emptied', name,
                       'history is not rewritten');
    END LOOP;
END $$;

-- ---- what is read without anything sealed -------------------------------------

CREATE VIEW read_appeal AS
    SELECT encode(a.appeal, 'hex') AS appeal, encode(c.id, 'hex') AS claim, a.level,
           date '1970-01-01' + a.filed AS filed, o.appeal IS NOT NULL AS open
    FROM appeal AS a
    JOIN claim AS c ON c.place = a.claim
    LEFT JOIN appeal_open AS o ON o.appeal = a.id;

-- ---- grants -------------------------------------------------------------------

GRANT SELECT ON appeal, appeal_event, appeal_open
    TO tally_worker, tally_relay, tally_api, tally_operator;
GRANT SELECT ON read_appeal TO tally_reader;

-- Who submits files; the payer files what comes by post, and decides.
GRANT INSERT ON appeal, appeal_event, appeal_open TO tally_api, tally_operator;
GRANT DELETE ON appeal_open TO tally_api, tally_operator;

-- ---- handed over --------------------------------------------------------------

ALTER TABLE appeal OWNER TO tally_owner;
ALTER TABLE appeal_event OWNER TO tally_owner;
ALTER TABLE appeal_open OWNER TO tally_owner;
ALTER VIEW read_appeal OWNER TO tally_owner;
