#!/usr/bin/env bash
# Proves workers on several hosts, on one machine: each host is a network namespace with a PID namespace, a host name, a
# state directory and a clone of its own; one Temporal server serves them over a bridge. One of them is cut off in the
# middle of a workstream, and the worker of one is killed.
#
#   scripts/prove-hosts.sh
#
# It needs root (for namespaces), iproute2 and the Temporal CLI, and prints a table. Exit code 0 says that every line of it
# is as it should be, 3 that some are not. Whatever way it ends, it ends what it started and removes its files.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly here
readonly server_version=none # nothing is built: the command line brings a server of its own
readonly hosts=(red green blue)

[ "$(id -u)" = 0 ] || { echo 'network namespaces need root: start this as root' >&2 && exit 2; }
command -v ip >/dev/null || { echo 'there is no "ip": install iproute2' >&2 && exit 2; }

work="$(mktemp -d "${TMPDIR:-/tmp}/planwright-hosts.XXXXXX")"
readonly work
# shellcheck source=scripts/native-cluster.sh
. "$here/scripts/native-cluster.sh"
# shellcheck source=scripts/proof-table.sh
. "$here/scripts/proof-table.sh"
readonly tag="pw$((BASHPID % 10000))"
trap 'leave' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Namespaces outlive the processes in them; the exit code goes on to `clean_up`.
leave() {
  local status=$? host name
  trap - EXIT
  set +e
  for host in "${hosts[@]}"; do stop "worker-$host" KILL; done # "unshare" heeds no TERM
  for name in "${started[@]}"; do stop "$name" TERM; done
  for host in server "${hosts[@]}"; do ip netns del "$tag-$host" 2>/dev/null; done
  ip link del "$tag" 2>/dev/null
  (exit "$status")
  clean_up
}

# --- the hosts ----------------------------------------------------------------------------------------------------

network="10.213.$((40 + BASHPID % 200))"
readonly network
export TEMPORAL_ADDRESS="$network.2:7233" TEMPORAL_NAMESPACE=default NO_COLOR=1
unset TEMPORAL_PROFILE TEMPORAL_API_KEY TEMPORAL_CONFIG_FILE PLANWRIGHT_HOST

planwright() { PLANWRIGHT_HOME="$work/cli" node "$here/bin/planwright.mjs" "$@"; }
json() { node -e 'const it = JSON.parse(require("node:fs").readFileSync(0, "utf8")); console.log(eval(process.argv[1]))' "$1"; }

make_bridge() {
  ip link add "$tag" type bridge
  ip addr add "$network.1/24" dev "$tag"
  ip link set "$tag" up
}

make_namespace() { # make_namespace NAME NUMBER
  ip netns add "$tag-$1"
  ip link add "$tag$2" type veth peer name eth0 netns "$tag-$1"
  ip link set "$tag$2" master "$tag" up
  ip -n "$tag-$1" link set lo up
  ip -n "$tag-$1" addr add "$network.$2/24" dev eth0
  ip -n "$tag-$1" link set eth0 up
}

make_host() { # make_host NAME NUMBER
  make_namespace "$1" "$2"
  mkdir -p "$work/$1/home"
  git clone -q "$work/origin" "$work/$1/project"
  echo "$1" >"$work/$1/project/host.txt" # ignored: what only this clone has
}

# The same path leads to the host's own clone.
start_worker() { # start_worker NAME
  PLANWRIGHT_HOME="$work/$1/home" start "worker-$1" ip netns exec "$tag-$1" \
    unshare --uts --pid --fork --kill-child --mount-proc sh -c '
      hostname "$1" && mount --bind "$2" "$3" && exec node "$4" worker --slots 2' \
    sh "$1" "$work/$1/project" "$work/project" "$here/bin/planwright.mjs"
}

find_temporal() { # prints the Temporal CLI
  if [ -n "${TEMPORAL_CLI_PATH:-}" ]; then printf '%s\n' "$TEMPORAL_CLI_PATH" && return; fi
  command -v temporal && return
  find "${XDG_CACHE_HOME:-$HOME/.cache}/planwright/bin" -maxdepth 1 -name 'temporal*' -executable 2>/dev/null |
    sort --version-sort | tail -1 | grep . || fail 'no Temporal CLI on the PATH or in the cache: "npx planwright up" gets one'
}

start_server() {
  local options=() name program
  program="$(find_temporal)"
  for name in PlanId RunState FailedStep Repository Branch Workstream Tool; do
    options+=(--search-attribute "$name=Keyword")
  done
  for name in matching.useNewMatcher frontend.WorkerHeartbeatsEnabled frontend.ListWorkersEnabled; do
    options+=(--dynamic-config-value "$name=true")
  done
  # In a namespace of its own it may listen everywhere: only this machine has a way there.
  start temporal-server ip netns exec "$tag-server" "$program" server start-dev --headless --ip 0.0.0.0 --port 7233 \
    --db-filename "$work/temporal.db" --log-level error "${options[@]}"
}

pool() { planwright worker list --json 2>>"$work/cli.log"; }
in_state() { [ "$(pool | json "it.workers.filter((one) => one.state === '$1').length")" = "$2" ]; }
host_of() { pool | json "it.workers.find((one) => one.works_on.some((work) => work.step_id === '$1'))?.host ?? ''"; }
is_at() { [ -n "$(host_of "$1")" ]; }
is_elsewhere() { local at; at="$(host_of "$1")" && [ -n "$at" ] && [ "$at" != "$2" ]; }

mkdir -p "$work/project" "$work/cli"
git -c init.defaultBranch=main init -q "$work/origin"
printf 'host.txt\nlogs/\n' >"$work/origin/.gitignore"
git -C "$work/origin" add -A
git -C "$work/origin" -c user.name=T -c user.email=t@example.org commit -qm begin

planwright --version >"$work/cli.log" 2>&1 # built here once, and not by each worker
make_bridge
make_namespace server 2
start_server
until_true 30 temporal-server planwright list --json
began="$(now)"
n=10
for host in "${hosts[@]}"; do make_host "$host" $((n += 1)) && start_worker "$host"; done
until_true 90 temporal-server in_state IDLE 3
row 'three hosts, each with a worker that is IDLE' ok "$(since "$began")"

# --- each works in its own clone ------------------------------------------------------------------------------------

node -e '
  const steps = Array.from({ length: 6 }, (_, n) => ({
    id: `s${n}`, name: `step ${n}`, command: "sh", args: ["-c", "cat host.txt; hostname; until [ -e $0 ]; do sleep 0.2; done", process.argv[2]],
    idempotent: true, timeout_sec: 300,
  }));
  require("node:fs").writeFileSync(process.argv[1], JSON.stringify({ plan_id: "HOSTS", version: "1.0", globals: { max_concurrency: 6 }, steps }));
' "$work/plan.json" "$work/go"
run="$(planwright start "$work/plan.json" --root "$work/project" --detach --json 2>>"$work/cli.log" | json it.run_id)"
# The slots are those that each worker told last, some seconds ago.
each_has_two() {
  planwright worker list >"$work/list"
  [ "$(grep -cE '^BUSY +[a-z]+:1 .* 2/2 .*, and 1 more step$' "$work/list")" = 3 ]
}
until_true 60 temporal-server each_has_two
sed 's/^/    /' "$work/list" >&2
row 'six steps on them: each has two, and "worker list" says so' ok ''
touch "$work/go"
until_true 60 temporal-server in_state IDLE 3
ran="$(planwright show "$run" --json | json 'it.steps.map((step) => step.logs.host).sort().join(" ")')"
said="$(planwright logs "$run" --raw 2>>"$work/cli.log" | sort | tr '\n' ' ')"
twice="$(printf '%s\n' $ran $ran | sort | tr '\n' ' ')"
check 'each step ran in the clone of its host; logs are read from there' "$ran" [ "$said" = "$twice" ]

node -e '
  const jobs = Array.from({ length: 6 }, (_, n) => ({
    job_id: `job-${n}`, workstream_id: "hosts", tool: "mechanical", env: {},
    command: { exe: "sh", args: ["-c", "sleep 2; cat host.txt"] },
    paths: { repo_root: process.argv[2], working_dir: ".", log_file: `logs/job-${n}.log`, error_report: `logs/job-${n}.json` },
  }));
  require("node:fs").writeFileSync(process.argv[1], JSON.stringify(jobs));
' "$work/jobs.json" "$work/project"
began="$(now)"
planwright job submit "$work/jobs.json" --seal >>"$work/cli.log" 2>&1
planwright job workers --count 6 --detach >>"$work/cli.log" 2>&1
ended=0
planwright job wait >>"$work/cli.log" 2>&1 || ended=$?
logs="$(cat "$work"/*/project/logs/job-?.log 2>/dev/null | grep -cE '^(red|green|blue)$' || true)"
check 'six jobs of two seconds each, six at once: each log is in the clone it ran in' "$(since "$began")" \
  [ "$ended $logs" = '0 6' ]

# --- a host is cut off in the middle of a workstream ----------------------------------------------------------------
# Patches are objects of the repository: workstreams need one that all hosts share, here by the file system.

mkdir -p "$work/shared/workstreams"
git -C "$work/shared" -c init.defaultBranch=main init -q
git -C "$work/shared" config user.name T
git -C "$work/shared" config user.email t@example.org
cat >"$work/shared/workstreams/ws-cut.json" <<JSON
{ "id": "ws-cut", "openspec_change": "X", "ccpm_issue": 1, "gate": 1, "tool": "stand-in",
  "tasks": ["write a line"], "files_scope": ["cut.txt"], "depends_on": [] }
JSON
git -C "$work/shared" add -A
git -C "$work/shared" commit -qm begin
cat >"$work/tool.sh" <<SH
echo half >>cut.txt
hostname >>"$work/begun"
until [ -e "$work/gate" ]; do sleep 0.2; done
echo whole >>cut.txt
SH
cat >"$work/config.json" <<JSON
{ "execution": { "max_workers": 1, "default_tool": "stand-in", "retry_policy": { "max_retries": 0, "backoff_seconds": 0 } },
  "tools": { "stand-in": { "executable": "sh", "args": ["$work/tool.sh"] } } }
JSON
start workstream env PLANWRIGHT_HOME="$work/cli" node "$here/bin/planwright.mjs" workstream run --root "$work/shared" --config "$work/config.json"
until_true 90 workstream is_at ws-cut
lost="$(host_of ws-cut)"
until_true 30 workstream test -e "$work/begun"
link="$tag$(for i in "${!hosts[@]}"; do if [ "${hosts[i]}" = "$lost" ]; then echo $((i + 11)); fi; done)"
ip link set "$link" down
began="$(now)"
until_true 120 workstream is_elsewhere ws-cut "$lost"
row "the host at work on a workstream is cut off: another begins it again" ok "$(since "$began"), $lost → $(host_of ws-cut)"
until_true 120 workstream eval "pool | json 'it.workers.some((one) => one.host === \"$lost\" && one.state === \"TERMINATED\") || !it.workers.some((one) => one.host === \"$lost\")' | grep -q true"
row '"worker list" has the lost host no more, or as TERMINATED' ok "$(since "$began")"
touch "$work/gate"
ended=0
wait "${pid_of[workstream]}" || ended=$?
unset 'pid_of[workstream]'
check 'the run of workstreams succeeds' "exit code $ended" [ "$ended" = 0 ]
landed="$(git -C "$work/shared" show main:cut.txt | tr '\n' ' ')"
check 'what landed was written once, by one host' "$landed" [ "$landed" = 'half whole ' ]

ip link set "$link" up
began="$(now)"
until_true 120 temporal-server in_state IDLE 3
row 'the host comes back: its worker is IDLE' ok "$(since "$began")"
left="$(pgrep -fc "$work/tool.sh" || true)"
check 'nothing of what it was at is left running' "$left processes" [ "$left" = 0 ]
check 'and nothing more has landed' '' [ "$(git -C "$work/shared" show main:cut.txt | tr '\n' ' ')" = 'half whole ' ]

# --- a worker is killed in the middle of a workstream that is to be continued -----------------------------------------------

cat >"$work/shared/workstreams/ws-cut.json" <<JSON
{ "id": "ws-on", "openspec_change": "X", "ccpm_issue": 1, "gate": 1, "tool": "stand-in",
  "tasks": ["write two lines"], "files_scope": ["on.txt"], "depends_on": [] }
JSON
git -C "$work/shared" commit -qam 'another workstream'
cat >"$work/tool.sh" <<SH
if [ -n "\$PLANWRIGHT_GOES_ON" ]; then hostname >>on.txt && exit; fi
hostname >>on.txt
exec sleep 3600
SH
cat >"$work/config.json" <<JSON
{ "execution": { "max_workers": 1, "default_tool": "stand-in", "on_worker_lost": "continue", "checkpoint_seconds": 1 },
  "tools": { "stand-in": { "executable": "sh", "args": ["$work/tool.sh"] } } }
JSON
start workstream env PLANWRIGHT_HOME="$work/cli" node "$here/bin/planwright.mjs" workstream run --root "$work/shared" --config "$work/config.json"
until_true 90 workstream is_at ws-on
lost="$(host_of ws-on)"
is_kept() { [ -n "$(find "$work/shared/.git/planwright/checkpoints" -name '*.checkpoint' 2>/dev/null)" ]; }
until_true 60 workstream is_kept
stop "worker-$lost" KILL
began="$(now)"
ended=0
wait "${pid_of[workstream]}" || ended=$?
unset 'pid_of[workstream]'
landed="$(git -C "$work/shared" show main:on.txt 2>/dev/null | tr '\n' ' ')"
went_on() { [ "$ended" = 0 ] && [[ "$landed" =~ ^"$lost "(red|green|blue)" "$ ]] && [ "$landed" != "$lost $lost " ]; }
check 'a worker is killed (-9) at a workstream with "continue": another host goes on' "$(since "$began"), $landed" went_on
check 'and no checkpoint is left' '' eval '! is_kept'

print_table
