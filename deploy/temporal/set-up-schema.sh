#!/bin/sh
# Makes Temporal's two databases in PostgreSQL and brings their tables up to the tool's version.
#
# Safe to run again, and run at every start: each of the three commands looks at what is there first. Needs
# `temporal-sql-tool` on the PATH, and SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD, which the tool itself reads:
# the password is in no process's arguments.
set -eu

: "${SQL_HOST:?says where PostgreSQL is}" "${SQL_PASSWORD:?the password of SQL_USER}"
export SQL_PLUGIN=postgres12
export SQL_PORT="${SQL_PORT:-5432}" SQL_USER="${SQL_USER:-temporal}"

# set_up DATABASE SCHEMA: the schemas are inside the tool, so its version and theirs cannot differ.
set_up() {
  temporal-sql-tool --db "$1" create
  temporal-sql-tool --db "$1" setup-schema -v 0.0
  temporal-sql-tool --db "$1" update-schema --schema-name "postgresql/v12/$2"
}

set_up temporal temporal
set_up temporal_visibility visibility
echo "databases temporal and temporal_visibility are up to date"
