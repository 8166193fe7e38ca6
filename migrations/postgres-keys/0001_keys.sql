-- Record keys, each wrapped by a key that is in no database. In a schema of its
-- own, which belongs in a database of its own: a copy of the store without it
-- opens nothing, and its backups are kept for as long as an erased key may
-- linger, which is short.

SET LOCAL search_path = tally_keys, pg_catalog;

-- Opens only under the wrapping key that the keys were wrapped with.
CREATE TABLE wrap (
    id    smallint PRIMARY KEY CHECK (id = 1),
    proof bytea NOT NULL
);

-- Keys are made and found by the batch, and read at random: nothing of a key is
-- next to another's but by chance.
CREATE TABLE record_key (
    record  bytea PRIMARY KEY CHECK (length(record) = 16),
    -- Nonce, ciphertext and tag.
    wrapped bytea NOT NULL CHECK (length(wrapped) = 24 + 32 + 16)
);
