-- Who may do what, and what nobody may.
--
-- Five roles for the parts of the pipeline and the owner of it all, without
-- passwords: an administrator makes the logins and grants them the roles they
-- need (`GRANT tally_worker TO …`). One login may have several.
--
--   tally_owner     owns the tables and migrates
--   tally_worker    adjudicates and judges
--   tally_relay     appends to the log, publishes to the broker, tells results
--   tally_api       takes claims in and reads
--   tally_operator  enrols, publishes policies, sets up, settles what was set
--                   aside
--   tally_reader    reads views that hold nothing sealed and no token

SET LOCAL search_path = tally, pg_catalog;

-- Roles are of the whole cluster: another database may make them at this
-- moment, or have made them.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['tally_owner', 'tally_worker', 'tally_relay', 'tally_api',
                                'tally_operator', 'tally_reader']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
    -- Whoever migrates must be able to give the owner what it makes.
    IF NOT pg_has_role(current_user, 'tally_owner', 'MEMBER') THEN
        EXECUTE format('GRANT tally_owner TO %I', current_user);
    END IF;
    -- It must own the schema before it can own what is in it.
    ALTER SCHEMA tally OWNER TO tally_owner;
END $$;

-- ---- history is not rewritten -------------------------------------------------

CREATE FUNCTION refuse() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $$;

CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse('the audit trail only grows');
CREATE TRIGGER entry_only_grows BEFORE UPDATE OR DELETE ON entry
    FOR EACH ROW EXECUTE FUNCTION refuse('the log only grows');
CREATE TRIGGER node_only_grows BEFORE UPDATE OR DELETE ON node
    FOR EACH ROW EXECUTE FUNCTION refuse('the log only grows');
CREATE TRIGGER checkpoint_never_shrinks BEFORE DELETE ON checkpoint
    FOR EACH ROW EXECUTE FUNCTION refuse('the log only grows');
-- Its place in the log is added later; nothing else is.
CREATE TRIGGER outcome_never_changes
    BEFORE UPDATE OF claim, status, charge, allowed, paid, patient, policy, hash OR DELETE ON outcome
    FOR EACH ROW EXECUTE FUNCTION refuse('an outcome is never taken back');
CREATE TRIGGER decision_never_changes BEFORE UPDATE OR DELETE ON decision
    FOR EACH ROW EXECUTE FUNCTION refuse('what was decided is never taken back');
CREATE TRIGGER history_never_changes BEFORE UPDATE OR DELETE ON history
    FOR EACH ROW EXECUTE FUNCTION refuse('what was decided is never taken back');
CREATE TRIGGER claim_never_shrinks BEFORE DELETE ON claim
    FOR EACH ROW EXECUTE FUNCTION refuse('a claim is never taken back');
CREATE TRIGGER claim_payload_never_changes BEFORE UPDATE OR DELETE ON claim_payload
    FOR EACH ROW EXECUTE FUNCTION refuse('a claim is never taken back');
CREATE TRIGGER contract_never_changes BEFORE UPDATE OR DELETE ON contract
    FOR EACH ROW EXECUTE FUNCTION refuse('a version of a contract is never changed');
CREATE TRIGGER event_never_changes BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION refuse('an event is never changed');
CREATE TRIGGER discarded_never_changes BEFORE UPDATE OR DELETE ON discarded
    FOR EACH ROW EXECUTE FUNCTION refuse('a claim that was discarded stays so');
CREATE TRIGGER flag_never_shrinks BEFORE DELETE ON flag
    FOR EACH ROW EXECUTE FUNCTION refuse('a flag is withdrawn, not deleted');

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['audit', 'entry', 'node', 'checkpoint', 'outcome', 'decision',
                                'history', 'claim', 'claim_payload', 'contract', 'event',
                                'discarded', 'flag']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION refuse(%L)', name || '_is_not_emptied', name,
                       'history is not rewritten');
    END LOOP;
END $$;

-- ---- what is read without anything sealed -------------------------------------

CREATE VIEW read_claim AS
    SELECT encode(c.id, 'hex') AS claim, c.place, c.sequence, c.submitter,
           date '1970-01-01' + c.received AS received, c.charge,
           CASE o.status WHEN 1 THEN 'paid' WHEN 2 THEN 'denied' WHEN 3 THEN 'pended' END AS status,
           o.allowed, o.paid, o.patient, o.leaf, d.claim IS NOT NULL AS discarded
    FROM claim AS c
    LEFT JOIN outcome AS o ON o.claim = c.place
    LEFT JOIN discarded AS d ON d.claim = c.place;

CREATE VIEW read_queue AS
    SELECT encode(c.id, 'hex') AS claim, q.partitions, q.partition, q.attempts, q.crashes,
           CASE q.state WHEN 0 THEN 'ready' WHEN 1 THEN 'behind' ELSE 'held' END AS state,
           q.reason, q.published
    FROM queue AS q JOIN claim AS c ON c.place = q.claim;

CREATE VIEW read_flag AS
    SELECT encode(flag, 'hex') AS flag, pattern, score,
           date '1970-01-01' + first_seen AS first_seen,
           date '1970-01-01' + last_seen AS last_seen, exposure, leaf, slot
    FROM flag WHERE standing;

CREATE VIEW read_log AS SELECT size, adjudicated, note FROM checkpoint;

CREATE VIEW read_dead_letter AS
    SELECT id, at, queue, code, reason, submitter, settled, settled_at FROM dead_letter;

-- ---- grants -------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tally FROM PUBLIC;
GRANT USAGE ON SCHEMA tally
    TO tally_owner, tally_worker, tally_relay, tally_api, tally_operator, tally_reader;
-- Whether the schema is the one a program knows.
GRANT SELECT ON _sqlx_migrations
    TO tally_worker, tally_relay, tally_api, tally_operator, tally_reader;

GRANT SELECT ON read_claim, read_queue, read_flag, read_log, read_dead_letter TO tally_reader;

-- Whoever works reads what is stored: what is sealed opens only with the vault.
GRANT SELECT ON layout, generation, unit, contract, member, event, submission, claim, claim_payload, queue,
    discarded, outcome, decision, history, accumulator, result, fact, unjudged, flag, flag_claim,
    flag_member, flag_provider, component, policy, outbox, head, entry, node, checkpoint,
    dead_letter, worker
    TO tally_worker, tally_relay, tally_api, tally_operator;
GRANT SELECT ON audit TO tally_api, tally_operator;
-- Whatever is done to a record leaves an entry, and every part may meet what it
-- cannot use.
GRANT INSERT ON audit, dead_letter TO tally_worker, tally_relay, tally_api, tally_operator;
GRANT EXECUTE ON FUNCTION make_next_partitions()
    TO tally_worker, tally_relay, tally_api, tally_operator;

GRANT INSERT ON outcome, decision, history, accumulator, result, fact, unjudged, flag, flag_claim,
    flag_member, flag_provider, outbox TO tally_worker;
GRANT UPDATE (done, held) ON unit TO tally_worker;
GRANT UPDATE (used) ON accumulator TO tally_worker;
GRANT UPDATE (record, payload) ON fact TO tally_worker;
GRANT UPDATE (standing) ON flag TO tally_worker;
GRANT UPDATE (attempts, crashes, state, reason) ON queue TO tally_worker;
GRANT DELETE ON queue, unjudged, generation TO tally_worker;
-- To lock what is taken off, in order.
GRANT UPDATE (id) ON unjudged TO tally_worker;
GRANT INSERT, UPDATE, DELETE ON worker TO tally_worker;

GRANT INSERT ON entry, node, checkpoint TO tally_relay;
GRANT UPDATE ON checkpoint, head TO tally_relay;
GRANT UPDATE (leaf) ON outcome, policy TO tally_relay;
GRANT UPDATE (leaf, slot) ON flag TO tally_relay;
GRANT UPDATE (published) ON queue TO tally_relay;
GRANT DELETE ON outbox, result TO tally_relay;
GRANT INSERT, UPDATE, DELETE ON worker TO tally_relay;

GRANT INSERT ON submission, claim, claim_payload, queue TO tally_api, tally_relay;
GRANT INSERT (token) ON unit TO tally_api, tally_relay;
GRANT UPDATE (sequence, last_claim) ON unit TO tally_api, tally_relay;
GRANT USAGE ON SEQUENCE claim_place TO tally_api, tally_relay;

GRANT INSERT, UPDATE ON layout TO tally_operator;
GRANT INSERT, DELETE ON generation TO tally_operator;
GRANT INSERT ON contract, member, event, unjudged, component, policy, outbox, discarded
    TO tally_operator;
GRANT INSERT (token) ON unit TO tally_operator;
GRANT UPDATE (contract, sequence, last_claim, held) ON unit TO tally_operator;
GRANT UPDATE (unit) ON member TO tally_operator;
GRANT UPDATE (previous) ON claim TO tally_operator;
GRANT UPDATE (attempts, crashes, state, reason, published) ON queue TO tally_operator;
GRANT DELETE ON queue TO tally_operator;
GRANT UPDATE (token, settled, settled_at) ON dead_letter TO tally_operator;

-- ---- handed over --------------------------------------------------------------

DO $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT c.oid::regclass AS name, c.relkind FROM pg_class AS c
        WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO tally_owner',
                       CASE made.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, made.name);
    END LOOP;
    FOR made IN
        SELECT p.oid::regprocedure AS name FROM pg_proc AS p
        WHERE p.pronamespace = 'tally'::regnamespace
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO tally_owner', made.name);
    END LOOP;
END $$;
