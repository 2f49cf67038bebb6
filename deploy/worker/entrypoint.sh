#!/bin/sh
# Starts one of several workers that share a state volume, each with a place of its own in it.
#
# A place is a folder and a lock. The worker holds the lock while it lives: the kernel takes it back however it
# ends, so a container that is made anew finds the places of the dead ones free and goes on with their logs and
# records under the same host name. Arguments are passed on to `planwright worker`.
set -eu

state="${PLANWRIGHT_STATE:-/var/lib/planwright}"
program="$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)/bin/planwright.mjs"

# Two machines may serve one cluster, and a host name must be one worker's: so the volume has a name too, given by
# whichever worker is first.
name="$state/volume-name"
(
  flock 9
  [ -s "$name" ] || cut -c 1-8 /proc/sys/kernel/random/uuid >"$name"
) 9>>"$state/volume-name.lock"

place=1
while
  exec 9>>"$state/worker-$place.lock"
  ! flock --nonblock 9
do
  place=$((place + 1))
done

export PLANWRIGHT_HOME="$state/worker-$place"
PLANWRIGHT_HOST="$(cat "$name")-worker-$place"
export PLANWRIGHT_HOST
[ -d "$PLANWRIGHT_HOME" ] || mkdir -m 0700 "$PLANWRIGHT_HOME"
# The health check is a process of its own and must know whose health it asks about.
printf '%s\n' "$PLANWRIGHT_HOST" >"${TMPDIR:-/tmp}/planwright-host"
exec node "$program" worker "$@"
