#!/usr/bin/env bash
# The table of a proof: a row for each thing that was checked, printed again at its end.
#
# Sourced after scripts/native-cluster.sh, whose `say` it needs.

rows=()
bad=0

row() { # row CHECK ok|BAD FIGURE
  rows+=("$(printf '%-80s  %-3s  %s' "$1" "$2" "$3")")
  if [ "$2" != ok ]; then bad=$((bad + 1)); fi
  say "  ${rows[-1]}"
}

# check CHECK FIGURE COMMAND…: a row that is ok when the command succeeds.
check() {
  local what="$1" figure="$2"
  shift 2
  if "$@"; then row "$what" ok "$figure"; else row "$what" BAD "$figure"; fi
}

now() { date +%s%3N; }
since() { awk -v ms=$(($(now) - $1)) 'BEGIN { printf "%.2f s", ms / 1000 }'; }

# timed CHECK COMMAND…: a row with the time it took; a failure of the command ends the script.
timed() {
  local what="$1" began
  shift
  began="$(now)"
  "$@"
  row "$what" ok "$(since "$began")"
}

# Prints all rows, and ends the script with 3 when one of them is bad.
print_table() {
  printf '%s\n' "${rows[@]}"
  if [ "$bad" -gt 0 ]; then
    say "$bad of ${#rows[@]} checks failed"
    exit 3
  fi
}
