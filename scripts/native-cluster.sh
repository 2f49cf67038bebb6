#!/usr/bin/env bash
# A Temporal cluster on PostgreSQL without containers: the functions behind scripts/prove-postgres.sh, which sets
# `here` (the checkout), `work` (a temporary folder) and `server_version`, and calls `clean_up` when it ends.
#
# All of it is in `work`, on free loopback ports, with a password made for this run; a PostgreSQL that the machine
# may already run is not touched.
: "${here:?}" "${work:?}" "${server_version:?}"

say() { printf '%s\n' "$*" >&2; }
fail() { say "failed: $*"; exit 1; }

# fail_with LOG MESSAGE: fails, after the end of what a program said.
fail_with() { tail -20 "$1" >&2; fail "$2, as above"; }

# --- what it needs ------------------------------------------------------------------------------------------------

find_postgres() { # prints the newest folder of initdb and postgres: Debian keeps them off the PATH
  local folder
  for folder in /usr/lib/postgresql/*/bin; do
    if [ -x "$folder/initdb" ]; then printf '%s\n' "$folder"; fi
  done | sort --version-sort | tail -1
}

# Sets `postgres_bin`.
need_postgres() {
  postgres_bin="$(find_postgres)"
  if [ -n "$postgres_bin" ]; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail 'no PostgreSQL in /usr/lib/postgresql: install it ("apt-get install postgresql") and start this again'
  fi
  say 'installing PostgreSQL (apt-get install postgresql)'
  # Without this line the package makes a cluster of its own and starts it.
  mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/planwright.conf
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql >"$work/apt.log" 2>&1 ||
    fail_with "$work/apt.log" 'apt-get install postgresql'
  postgres_bin="$(find_postgres)"
}

# Puts `temporal-server`, `temporal-sql-tool` and `temporal` on the PATH.
need_temporal() {
  local cache="${XDG_CACHE_HOME:-$HOME/.cache}/planwright" programs name
  programs="$cache/temporal-server-$server_version"
  if ! [ -x "$programs/temporal-server" ] || ! [ -x "$programs/temporal-sql-tool" ]; then
    command -v go >/dev/null || fail "no Go, which builds Temporal $server_version here: install Go 1.24 or newer"
    say "building Temporal's server and schema tool $server_version (once, 2 to 4 minutes)"
    mkdir -p "$work/go" "$programs"
    GOBIN="$work/go" nice -n 10 go install \
      "go.temporal.io/server/cmd/server@v$server_version" "go.temporal.io/server/cmd/tools/sql@v$server_version" \
      >"$work/go.log" 2>&1 || fail_with "$work/go.log" 'go install'
    # Under the names they have in the images, which the scripts in deploy/ use; whole, or not at all.
    for name in server:temporal-server sql:temporal-sql-tool; do
      cp "$work/go/${name%:*}" "$programs/${name#*:}.part"
      mv "$programs/${name#*:}.part" "$programs/${name#*:}"
    done
  fi
  mkdir -p "$work/bin"
  PATH="$work/bin:$programs:$PATH"
  if ! command -v temporal >/dev/null; then # else the one that the embedded server uses
    name="$(find "$cache/bin" -maxdepth 1 -name 'temporal*' -executable 2>/dev/null | sort --version-sort | tail -1)"
    if [ -z "$name" ]; then fail 'no Temporal CLI on the PATH or in the cache: "npx planwright up" gets one'; fi
    ln -s "$name" "$work/bin/temporal"
  fi
}

# --- what it starts, and how that ends ----------------------------------------------------------------------------

declare -A pid_of=()
started=() # newest last

# start NAME COMMAND…: in a session of its own, so that a Ctrl-C reaches this script alone and `clean_up` keeps the
# order. Each asks the kernel for a signal when this script dies: even `kill -9` of it leaves nothing running.
start() {
  local name="$1"
  shift
  setsid setpriv --pdeathsig TERM "$@" </dev/null >>"$work/$name.log" 2>&1 &
  pid_of[$name]=$!
  started+=("$name")
}

# stop NAME SIGNAL: ends one and waits for its end.
stop() {
  local pid="${pid_of[$1]:-}"
  if [ -z "$pid" ]; then return 0; fi # in a trap, a plain `return` gives the status from before the trap
  unset "pid_of[$1]"
  kill -s "$2" "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

# Ends everything, newest first, shows the ends of the logs if it failed (exit code 1), and removes `work`.
clean_up() {
  local status=$? i name
  trap - EXIT INT TERM HUP
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do
    name="${started[i]}"
    case "$name" in
      postgres) stop postgres INT ;; # a fast shutdown: it ends its sessions, where TERM would wait for them
      *) stop "$name" TERM ;;
    esac
  done
  if [ "$status" -eq 1 ] && [ ${#started[@]} -gt 0 ]; then
    while read -r name; do # once each, also what was started again
      say "--- the end of $name's output"
      tail -n 5 "$work/$name.log" | cut -c 1-400 >&2
    done < <(printf '%s\n' "${started[@]}" | sort -u)
  fi
  rm -rf "$work"
  exit "$status"
}

# until_true SECONDS NAME COMMAND…: asks until the command succeeds; fails when the process NAME has ended, or in time.
until_true() {
  local end=$((SECONDS + $1)) name="$2"
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! kill -0 "${pid_of[$name]}" 2>/dev/null; then fail "$name ended by itself"; fi
    if [ "$SECONDS" -ge "$end" ]; then fail "$name runs, but this does not succeed: $*"; fi
    sleep 0.1
  done
}

# --- PostgreSQL and Temporal --------------------------------------------------------------------------------------

# Prints COUNT free loopback ports, found together so that no two are the same. Below 32768: Temporal's PostgreSQL
# tables keep a membership port as a `smallint`, and the system hands out the higher ones to every client.
free_ports() {
  node -e '
    const { createServer } = require("node:net");
    const listen = () => new Promise((done) => {
      const server = createServer().on("error", () => done(listen()));
      server.listen(10_000 + Math.floor(Math.random() * 22_000), "127.0.0.1", () => done(server));
    });
    Promise.all(Array.from({ length: Number(process.argv[1]) }, listen)).then((servers) => {
      console.log(servers.map((server) => server.address().port).join(" "));
      for (const server of servers) server.close();
    });' "$1"
}

# Exports where everything will be; the person's own Temporal profiles and Planwright state stay out of it.
choose_addresses() {
  local ports
  read -ra ports < <(free_ports 9)
  POSTGRES_PASSWORD="$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')"
  export POSTGRES_PASSWORD POSTGRES_HOST=127.0.0.1 POSTGRES_PORT="${ports[0]}"
  export SQL_HOST=127.0.0.1 SQL_PORT="${ports[0]}" SQL_USER=temporal
  export FRONTEND_PORT="${ports[1]}" FRONTEND_MEMBERSHIP_PORT="${ports[2]}"
  export HISTORY_PORT="${ports[3]}" HISTORY_MEMBERSHIP_PORT="${ports[4]}"
  export MATCHING_PORT="${ports[5]}" MATCHING_MEMBERSHIP_PORT="${ports[6]}"
  export WORKER_PORT="${ports[7]}" WORKER_MEMBERSHIP_PORT="${ports[8]}"
  export DYNAMIC_CONFIG="$here/deploy/temporal/dynamic.yaml"
  unset "${!TEMPORAL_@}"
  export TEMPORAL_ADDRESS="127.0.0.1:$FRONTEND_PORT" TEMPORAL_NAMESPACE=default
  export TEMPORAL_CONFIG_FILE="$work/temporal.toml" PLANWRIGHT_HOME="$work/home"
  echo "[profile.default]" >"$TEMPORAL_CONFIG_FILE"
}

start_postgres() {
  # It refuses to run as root. A change of user drops the wish for a signal, hence once more.
  local as=()
  if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid postgres --regid postgres --init-groups --pdeathsig INT)
    chmod 711 "$work" # that user passes through
  fi
  mkdir "$work/postgres"
  (umask 077 && printf '%s' "$POSTGRES_PASSWORD" >"$work/postgres/password")
  if [ "$(id -u)" = 0 ]; then chown -R postgres:postgres "$work/postgres"; fi
  (cd "$work/postgres" && "${as[@]}" "$postgres_bin/initdb" --pgdata data --username temporal --pwfile password \
    --auth scram-sha-256 --encoding UTF8 --no-locale) >"$work/initdb.log" 2>&1 || fail_with "$work/initdb.log" initdb
  rm "$work/postgres/password"
  start postgres "${as[@]}" "$postgres_bin/postgres" -D "$work/postgres/data" -p "$POSTGRES_PORT" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories="$work/postgres" -c max_connections=200
  until_true 30 postgres "$postgres_bin/pg_isready" -q -h 127.0.0.1 -p "$POSTGRES_PORT"
}

set_up_schema() {
  SQL_PASSWORD="$POSTGRES_PASSWORD" sh "$here/deploy/temporal/set-up-schema.sh" >"$work/schema.log" 2>&1 ||
    fail_with "$work/schema.log" deploy/temporal/set-up-schema.sh
}

check_dynamic_config() {
  temporal-server validate-dynamic-config "$DYNAMIC_CONFIG" >"$work/dynamic.log" 2>&1 ||
    fail_with "$work/dynamic.log" "$DYNAMIC_CONFIG"
}

start_temporal() {
  start temporal-server temporal-server --root "$here/deploy" --config temporal --env cluster --allow-no-auth start
  until_true 60 temporal-server temporal operator cluster health
}

set_up_namespace() {
  sh "$here/deploy/temporal/set-up-namespace.sh" >"$work/namespace.log" 2>&1 ||
    fail_with "$work/namespace.log" deploy/temporal/set-up-namespace.sh
}
