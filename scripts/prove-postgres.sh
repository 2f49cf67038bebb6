#!/usr/bin/env bash
# Proves the topology of docker-compose.yml on one machine, without containers: Temporal's server on PostgreSQL,
# several workers and the command line; the example plans, and what happens when a worker or the server is killed.
#
#   scripts/prove-postgres.sh [--workers N] [--infrastructure]
#
# It starts what the containers start — deploy/temporal/*, deploy/worker/*, the server version of the compose file —
# and prints a table. Exit code 0 says that every line of it is as it should be, 3 that some are not.
# --infrastructure stops before the workers. The first run builds the server with Go; PostgreSQL is installed from
# Debian where that is allowed. Whatever way it ends, it ends what it started and removes its files.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly here
readonly server_version=1.29.7

workers=3
infrastructure_only=false
while [ $# -gt 0 ]; do
  case "$1" in
    --workers) workers="${2:?--workers needs a number}" && shift 2 ;;
    --infrastructure) infrastructure_only=true && shift ;;
    *) echo "unknown argument \"$1\"; known are --workers N and --infrastructure" >&2 && exit 2 ;;
  esac
done
case "$workers" in
  [2-9]) ;;
  *) echo "--workers must be 2 to 9, not \"$workers\": one of them is killed" >&2 && exit 2 ;;
esac

work="$(mktemp -d "${TMPDIR:-/tmp}/planwright-postgres.XXXXXX")"
readonly work
# shellcheck source=scripts/native-cluster.sh
. "$here/scripts/native-cluster.sh"
# shellcheck source=scripts/proof-table.sh
. "$here/scripts/proof-table.sh"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- the cluster --------------------------------------------------------------------------------------------------

need_postgres
need_temporal
choose_addresses
timed "PostgreSQL $("$postgres_bin/postgres" --version | grep -o "[0-9.]*" | head -1): a new cluster, started" start_postgres
timed "schema tool $server_version: both databases made" set_up_schema
timed 'schema tool once more: nothing to do' set_up_schema
check_dynamic_config
timed "Temporal server $server_version: SERVING" start_temporal
timed 'namespace, retention, search attributes: made' set_up_namespace
timed 'namespace once more: nothing to do' set_up_namespace
if [ "$infrastructure_only" = true ]; then exit 0; fi

# --- our workers and command line ---------------------------------------------------------------------------------

planwright() { node "$here/bin/planwright.mjs" "$@"; }

# json EXPRESSION: prints what a JavaScript expression over `it` makes of standard input: one JSON document, or
# several, of which `it` is the first.
json() {
  node -e '
    const text = require("node:fs").readFileSync(0, "utf8");
    let it;
    try { it = JSON.parse(text); } catch { it = JSON.parse(text.split("\n", 1)[0]); }
    console.log(String(eval(process.argv[1])));' "$1"
}

start_worker() { # start_worker NAME: as a container does; each has a temporary folder of its own
  mkdir -p "$work/tmp-$1" "$work/state"
  PLANWRIGHT_STATE="$work/state" TMPDIR="$work/tmp-$1" \
    start "$1" sh "$here/deploy/worker/entrypoint.sh" --slots 8
}
wait_for_worker() { TMPDIR="$work/tmp-$1" until_true 60 "$1" node "$here/deploy/worker/health.mjs"; }

start_workers() {
  local n
  for ((n = 1; n <= workers; n++)); do start_worker "worker-$n"; done
  for ((n = 1; n <= workers; n++)); do wait_for_worker "worker-$n"; done
}

# equal_steps FILE COUNT chain|fan COMMAND…: writes a plan of COUNT equal steps, at most 16 at a time.
equal_steps() {
  node -e '
    const [file, count, shape, command, ...args] = process.argv.slice(1);
    const steps = Array.from({ length: Number(count) }, (_, i) => ({
      id: `s${i}`, name: `step ${i}`, command, args, idempotent: true, timeout_sec: 60,
      depends_on: shape === "chain" && i > 0 ? [`s${i - 1}`] : [],
    }));
    const plan = { plan_id: `PROOF-${shape}`, version: "1.0", globals: { max_concurrency: 16 }, steps };
    require("node:fs").writeFileSync(file, JSON.stringify(plan));' "$@"
}

has_state() { [ "$(planwright show "$1" --json | json it.state)" = "$2" ]; }
has_begun() { [ "$(planwright show "$1" --json | json it.counts.succeeded)" -gt 0 ]; }

# begin PLAN: starts it and prints the run's id.
begin() { planwright start "$1" --root "$work/root" --detach --json 2>>"$work/runs.log" | json it.run_id; }

last_run='' last_ms=1
# run_plan CHECK PLAN [OPTION…]: runs it to its end. Sets `last_run` and `last_ms`; a row when CHECK is not empty.
run_plan() {
  local check="$1" began status=0
  shift
  began="$(now)"
  planwright start "$@" --json >"$work/run.jsonl" 2>"$work/run.log" || status=$?
  last_ms=$(($(now) - began))
  if [ "$status" -ne 0 ]; then
    row "${check:-$1}" BAD "exit code $status"
    tail -qn 3 "$work/run.log" "$work/run.jsonl" | cut -c 1-400 >&2
    return 0
  fi
  last_run="$(json it.run_id <"$work/run.jsonl")"
  if [ -n "$check" ]; then row "$check" ok "$(since "$began")"; fi
}

# survives CHECK PLAN COMMAND…: starts the plan, does something terrible once steps have ended, and wants it to succeed.
survives() {
  local check="$1" plan="$2" began run
  shift 2
  began="$(now)"
  run="$(begin "$plan")"
  until_true 30 temporal-server has_begun "$run"
  "$@"
  until_true 120 temporal-server has_state "$run" succeeded
  row "$check" ok "$(since "$began")"
}
lose_worker() { stop "worker-$workers" KILL; }
lose_server() { stop temporal-server KILL && start_temporal; }

git init -q "$work/root"
(cd "$work/root" && echo text >file)
git -C "$work/root" add file
git -C "$work/root" -c user.name=proof -c user.email=proof@example.com commit -qm 'a file'
prepare_checkout() { planwright --version >>"$work/runs.log"; } # else the first worker would, within its own time
timed 'this checkout: installed and built' prepare_checkout
timed "$workers workers, each healthy by its container's check" start_workers
places="$(cd "$work/state" && printf '%s ' worker-*/)"
row 'each has a place of its own in the state volume' ok "$places"

for plan in "$here"/plans/*.json "$here"/plans/*.yaml; do
  name="plans/$(basename "$plan")"
  case "$name" in
    plans/safe_merge.json) run_plan "$name, on a demonstration with conflicts" "$plan" --demo \
        --var RESOLVER=planwright-demo-resolver --var "GATE=node check.mjs" ;;
    plans/approval.json)
      run="$(begin "$plan")"
      began="$(now)"
      until_true 30 temporal-server planwright approve "$run" ask
      until_true 30 temporal-server has_state "$run" succeeded
      row "$name, approved from the command line" ok "$(since "$began")"
      ;;
    plans/commit_test_gate.json) run_plan "$name, a commit tested" "$plan" --root "$work/root" --var 'TEST=test -e file' ;;
    plans/test_fix_round.json) ;; # a round of the next one
    plans/test_fix_verify.json) run_plan "$name, green in its second round" "$plan" --root "$work/root" \
        --var 'TEST=test -e fixed' --var 'FIX=touch fixed' ;;
    *) run_plan "$name" "$plan" --root "$work/root" ;;
  esac
  if [ "$name" = plans/test_simple.json ]; then
    # The command line's own state directory has no log of it: they come from the worker's host, through Temporal.
    if planwright logs "$last_run" 2>>"$work/runs.log" | grep -q 'step 4'; then row 'its logs, read from another host' ok ''; else
      row 'its logs, read from another host' BAD ''
    fi
  fi
done

equal_steps "$work/chain.json" 100 chain true
run_plan '' "$work/chain.json" --root "$work/root"
row 'a chain of 100 `true`, whole command' ok "$((last_ms / 100)) ms a step"
equal_steps "$work/fan.json" 500 fan true
run_plan '' "$work/fan.json" --root "$work/root"
row '500 independent `true`, 16 at a time, whole command' ok "$((500000 / last_ms)) steps a second"
hosts="$(planwright show "$last_run" --json | json 'new Set(it.steps.map((step) => step.logs?.host)).size' || true)"
row 'they were run by every worker' "$([ "$hosts" = "$workers" ] && echo ok || echo BAD)" "$hosts hosts"

equal_steps "$work/slow.json" 60 fan sleep 0.5
survives '60 steps of `sleep 0.5`; a worker is killed on the way' "$work/slow.json" lose_worker
timed 'a worker in its place, healthy' eval 'start_worker "worker-$workers" && wait_for_worker "worker-$workers"'
survives '60 steps of `sleep 0.5`; the server is killed and started again' "$work/slow.json" lose_server

equal_steps "$work/long.json" 16 fan sleep 50
run="$(begin "$work/long.json")"
until_true 30 temporal-server has_state "$run" running
began="$(now)"
temporal workflow signal --workflow-id "$run" --name cancel >>"$work/runs.log" 2>&1
until_true 30 temporal-server has_state "$run" canceled
row 'canceled by `temporal workflow signal --name cancel`' ok "$(since "$began")"

print_table
