#!/bin/bash
# After `tally migrate`, which makes the roles. Again, it changes nothing.
set -euo pipefail
PGPASSWORD=$(cat /run/secrets/admin_password)
export PGPASSWORD
psql -v ON_ERROR_STOP=1 -h db -U tally_admin -d tally <<'SQL'
GRANT tally_worker, tally_relay, tally_api, tally_operator TO node_1;
GRANT tally_reader TO reporting;
SQL
