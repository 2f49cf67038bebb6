#!/bin/sh
# Makes the namespace, its retention and the search attributes that Planwright's runs carry.
#
# Safe to run again, and run at every start: what is there is kept, what is missing is added, and the retention is
# set to the one asked for. Needs the Temporal CLI as `temporal` on the PATH, and TEMPORAL_ADDRESS.
set -eu

: "${TEMPORAL_ADDRESS:?says where the server is, as host:port}"
namespace="${TEMPORAL_NAMESPACE:-default}"
retention="${RUN_RETENTION:-720h}" # 30 days, as on the embedded server
# Exported, so that every `temporal` below talks to the same server and namespace.
export TEMPORAL_ADDRESS TEMPORAL_NAMESPACE="$namespace"

# wait_for SECONDS COMMAND…: runs it once a second until it succeeds; then, or when time is over, shows what it said.
wait_for() {
  left="$1"
  shift
  until said="$("$@" 2>&1)"; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then
      echo "still failing: $*" >&2
      echo "$said" >&2
      return 1
    fi
    sleep 1
  done
}

wait_for 60 temporal operator cluster health

if ! temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1; then
  # Another set-up may be faster between these two lines: then the description below finds its namespace.
  temporal operator namespace create --namespace "$namespace" --retention "$retention" || true
fi
# A new namespace is known to every part of the server only after a few seconds: each keeps a list of its own.
wait_for 60 temporal operator namespace update --namespace "$namespace" --retention "$retention"
wait_for 60 temporal workflow list --limit 1

# has_attribute NAME: succeeds when it is there as a Keyword; says so when it is there as something else.
has_attribute() {
  temporal operator search-attribute list --output json | tr -d ' \n' | grep -q "\"$1\":\"INDEXED_VALUE_TYPE_KEYWORD\""
}

for name in PlanId RunState FailedStep Repository Branch Workstream Tool; do
  has_attribute "$name" || temporal operator search-attribute create --name "$name" --type Keyword
done
echo "namespace \"$namespace\" is ready: retention $retention, search attributes registered"
