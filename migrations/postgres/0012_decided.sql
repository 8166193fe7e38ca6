-- What was decided is found by its place in the log: other organisations ask what is new.

SET LOCAL search_path = tally, pg_catalog;

CREATE INDEX outcome_by_leaf ON outcome (leaf) WHERE leaf IS NOT NULL;
CREATE INDEX revision_by_leaf ON revision (leaf) WHERE leaf IS NOT NULL;
