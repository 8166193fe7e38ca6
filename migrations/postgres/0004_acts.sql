-- Acts: what changes the past of a unit, in its order. What was decided stays as
-- it is; each time it is taken back there is a revision, with what took its place.

SET LOCAL search_path = tally, pg_catalog;

-- 0 a claim, otherwise the kind of act: 1 void, 2 replacement, 3 readjudication,
-- 4 review.
ALTER TABLE queue ADD COLUMN kind smallint NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 4);

-- Beside the claim's row, which an act has as well. `payload` is what it came to.
CREATE TABLE act (
    claim    bigint PRIMARY KEY,
    original bigint,
    kind     smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    record   bytea CHECK (length(record) = 16),
    payload  bytea,
    CHECK ((record IS NULL) = (payload IS NULL))
);

-- Without a status the claim stands no more.
CREATE TABLE revision (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claim            bigint NOT NULL,
    act              bigint NOT NULL,
    number           integer NOT NULL CHECK (number > 0),
    charge           bigint,
    allowed          bigint,
    paid             bigint,
    patient          bigint,
    leaf             bigint,
    reversal_leaf    bigint,
    status           smallint CHECK (status IN (1, 2, 3)),
    hash             bytea CHECK (length(hash) = 32),
    policy           bytea CHECK (length(policy) = 32),
    record           bytea CHECK (length(record) = 16),
    payload          bytea,
    reversal_record  bytea NOT NULL CHECK (length(reversal_record) = 16),
    reversal_payload bytea NOT NULL,
    UNIQUE (claim, number),
    CHECK ((status IS NULL) = (payload IS NULL))
);

CREATE INDEX revision_by_act ON revision (act);
CREATE UNIQUE INDEX revision_gone ON revision (claim) WHERE status IS NULL;

-- The lines of a place from an act on; the latest hold.
CREATE TABLE revised_history (
    unit     bigint NOT NULL,
    sequence bigint NOT NULL,
    act      bigint NOT NULL,
    record   bytea NOT NULL CHECK (length(record) = 16),
    payload  bytea NOT NULL,
    PRIMARY KEY (unit, sequence, act)
);

-- Told to whoever submitted, then gone.
CREATE TABLE revised_result (
    revision bigint PRIMARY KEY
);

-- An entry of a revision, and whether it is the reversal.
ALTER TABLE outbox ADD COLUMN revision bigint;
ALTER TABLE outbox ADD COLUMN reversal boolean NOT NULL DEFAULT false;

ALTER TABLE act ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE revision ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE revision ALTER reversal_payload SET STORAGE EXTERNAL;
ALTER TABLE revised_history ALTER payload SET STORAGE EXTERNAL;

-- ---- history is not rewritten -------------------------------------------------

CREATE TRIGGER act_is_done_once BEFORE UPDATE ON act
    FOR EACH ROW WHEN (OLD.payload IS NOT NULL)
    EXECUTE FUNCTION refuse('what an act came to is never changed');
CREATE TRIGGER act_never_shrinks BEFORE DELETE ON act
    FOR EACH ROW EXECUTE FUNCTION refuse('an act is never taken back');
-- Its places in the log are added later; nothing else is.
CREATE TRIGGER revision_never_changes
    BEFORE UPDATE OF id, claim, act, number, charge, allowed, paid, patient, status, hash, policy,
        record, payload, reversal_record, reversal_payload OR DELETE ON revision
    FOR EACH ROW EXECUTE FUNCTION refuse('a revision is never changed');
CREATE TRIGGER revised_history_never_changes BEFORE UPDATE OR DELETE ON revised_history
    FOR EACH ROW EXECUTE FUNCTION refuse('what was decided is never taken back');

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['act', 'revision', 'revised_history']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION refuse(%L)', name || '_is_not_emptied', name,
                       'history is not rewritten');
    END LOOP;
END $$;

-- ---- what is read without anything sealed -------------------------------------

-- What a claim came to last, and whether it stands.
CREATE OR REPLACE VIEW read_claim AS
    SELECT encode(c.id, 'hex') AS claim, c.place, c.sequence, c.submitter,
           date '1970-01-01' + c.received AS received, c.charge,
           CASE coalesce(r.status, o.status)
               WHEN 1 THEN 'paid' WHEN 2 THEN 'denied' WHEN 3 THEN 'pended' END AS status,
           CASE WHEN r.id IS NULL THEN o.allowed ELSE r.allowed END AS allowed,
           CASE WHEN r.id IS NULL THEN o.paid ELSE r.paid END AS paid,
           CASE WHEN r.id IS NULL THEN o.patient ELSE r.patient END AS patient,
           CASE WHEN r.id IS NULL THEN o.leaf ELSE r.leaf END AS leaf,
           d.claim IS NOT NULL AS discarded,
           CASE a.kind WHEN 1 THEN 'void' WHEN 2 THEN 'replacement' WHEN 3 THEN 'readjudication'
                       WHEN 4 THEN 'review' END AS act,
           coalesce(r.number, 0) AS revision,
           EXISTS (SELECT FROM revision AS g WHERE g.claim = c.place AND g.status IS NULL) AS gone
    FROM claim AS c
    LEFT JOIN outcome AS o ON o.claim = c.place
    LEFT JOIN LATERAL (SELECT * FROM revision WHERE revision.claim = c.place
                       AND revision.status IS NOT NULL ORDER BY number DESC LIMIT 1) AS r ON true
    LEFT JOIN discarded AS d ON d.claim = c.place
    LEFT JOIN act AS a ON a.claim = c.place;

-- ---- grants -------------------------------------------------------------------

GRANT SELECT ON act, revision, revised_history, revised_result
    TO tally_worker, tally_relay, tally_api, tally_operator;

GRANT INSERT ON revision, revised_history, revised_result TO tally_worker;
GRANT UPDATE (record, payload) ON act TO tally_worker;
GRANT DELETE ON fact TO tally_worker;

GRANT UPDATE (leaf, reversal_leaf) ON revision TO tally_relay;
GRANT DELETE ON revised_result TO tally_relay;

GRANT INSERT ON act TO tally_api, tally_relay;

-- A payer's acts are taken in as claims are.
GRANT INSERT ON submission, claim, claim_payload, queue, act TO tally_operator;
GRANT USAGE ON SEQUENCE claim_place TO tally_operator;

-- ---- handed over --------------------------------------------------------------

ALTER TABLE act OWNER TO tally_owner;
ALTER TABLE revision OWNER TO tally_owner;
ALTER TABLE revised_history OWNER TO tally_owner;
ALTER TABLE revised_result OWNER TO tally_owner;
