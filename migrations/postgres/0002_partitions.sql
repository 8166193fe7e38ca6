-- Partitions of what grows without bound: a month each.

SET LOCAL search_path = tally, pg_catalog;

-- What no month takes: a simulated clock can be years away. Sealed bytes do not
-- compress, and two of them a page are better than two detours.
CREATE TABLE claim_payload_other PARTITION OF claim_payload DEFAULT
    WITH (toast_tuple_target = 8160);
CREATE TABLE decision_other PARTITION OF decision DEFAULT WITH (toast_tuple_target = 8160);
CREATE TABLE audit_other PARTITION OF audit DEFAULT;

-- Makes one partition, unless it is there, or the default one has rows of its
-- months: those stay where they are. Answers how many it made.
--
-- The new one is made beside the table and attached: that locks out no reader
-- and no writer of the table for longer than a look at the default one.
CREATE FUNCTION make_partition(parent text, suffix text, lower bigint, upper bigint, key text)
RETURNS integer
LANGUAGE plpgsql
SET search_path = tally, pg_catalog
AS $$
DECLARE
    child text := parent || '_' || suffix;
    other text := parent || '_other';
    taken boolean;
BEGIN
    IF to_regclass('tally.' || quote_ident(child)) IS NOT NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I >= $1 AND %I < $2)', other, key, key)
        INTO taken USING lower, upper;
    IF taken THEN
        RETURN 0;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS '
                   'INCLUDING STORAGE)', child, parent);
    IF parent <> 'audit' THEN
        EXECUTE format('ALTER TABLE %I SET (toast_tuple_target = 8160)', child);
    END IF;
    -- Said beforehand, so that attaching need not look.
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT bounds CHECK (%I >= %s AND %I < %s)',
                   child, key, lower, key, upper);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                   parent, child, lower, upper);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT bounds', child);
    RETURN 1;
END $$;

-- Makes the partitions of the months of two dates, both included, that are not
-- there. Answers how many it made.
CREATE FUNCTION make_partitions(since date, through date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = tally, pg_catalog
SET lock_timeout = '5s'
AS $$
DECLARE
    month date;
    next date;
    epoch CONSTANT date := '1970-01-01';
    made integer := 0;
BEGIN
    IF through - since > 3660 THEN
        RAISE EXCEPTION 'more than ten years of partitions at once';
    END IF;
    -- One maker at a time.
    PERFORM pg_advisory_xact_lock(500152036473);
    FOR month IN
        SELECT generate_series(date_trunc('month', since::timestamp),
                               date_trunc('month', through::timestamp), interval '1 month')::date
    LOOP
        next := (month + interval '1 month')::date;
        made := made
            + make_partition('claim_payload', to_char(month, 'YYYY_MM'),
                             month - epoch, next - epoch, 'received')
            + make_partition('decision', to_char(month, 'YYYY_MM'),
                             month - epoch, next - epoch, 'received')
            + make_partition('audit', to_char(month, 'YYYY_MM'),
                             (month - epoch)::bigint * 86400000,
                             (next - epoch)::bigint * 86400000, 'at');
    END LOOP;
    RETURN made;
END $$;

-- The partitions of this month and the next three, by this database's clock.
-- With the owner's rights: any process that writes may see to it.
CREATE FUNCTION make_next_partitions() RETURNS integer
LANGUAGE sql SECURITY DEFINER
SET search_path = tally, pg_catalog
AS $$ SELECT tally.make_partitions(current_date, (current_date + interval '3 months')::date) $$;
