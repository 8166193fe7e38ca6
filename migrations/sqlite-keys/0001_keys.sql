-- Record keys, each wrapped by a key that is in no database. This file holds
-- nothing else, so that a copy of the node's store without it opens nothing,
-- and a key that is deleted here is gone.

-- Opens only under the wrapping key that the keys were wrapped with.
CREATE TABLE wrap (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    proof BLOB NOT NULL
) STRICT;

CREATE TABLE record_key (
    record  BLOB PRIMARY KEY CHECK (length(record) = 16),
    -- Nonce, ciphertext and tag.
    wrapped BLOB NOT NULL CHECK (length(wrapped) = 24 + 32 + 16)
) STRICT, WITHOUT ROWID;
