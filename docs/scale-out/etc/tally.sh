#!/bin/sh
# Passwords from files into the URLs. They are letters and digits.
set -eu
user=${DATABASE_USER:-node_1}
case $user in
    tally_admin) password=$(cat /run/secrets/admin_password) ;;
    *) password=$(cat /run/secrets/node_password) ;;
esac
keyring=$(cat /run/secrets/keyring_password)
broker=$(cat /run/secrets/broker_password)
TALLY_DATABASE_URL="postgres://$user:$password@db/tally"
TALLY_DATABASE_KEYS="postgres://tally_keyring:$keyring@keys/tally_keys"
TALLY_BROKER_URL="amqp://tally:$broker@mq/tally"
export TALLY_DATABASE_URL TALLY_DATABASE_KEYS TALLY_BROKER_URL
exec tally "$@" --config /etc/tallystick/tally.toml
