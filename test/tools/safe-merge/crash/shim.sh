#!/bin/sh
# Stands in for git (and for what git starts) while a crash is played: counts the calls of each command and, at the one
# that is asked for, runs the real program under strace, which kills it as it enters one system call.
#
# CRASH_CALLS folder with one entry for each call so far · CRASH_GIT the real git · CRASH_EXEC its other programs
# CRASH_TRACE set: record every call · CRASH_AT <command>.<n> · CRASH_INJECT what strace injects there
# CRASH_ALONE set: only that process dies; else everything that the tool started, as when a container ends
name=$(basename "$0")
real=$CRASH_GIT
command=$name
if [ "$name" = git ]; then
  value=
  for arg in "$@"; do
    if [ -n "$value" ]; then value=; continue; fi
    case $arg in -c | -C) value=1 ;; -*) ;; *) command=$arg; break ;; esac
  done
else
  real=$CRASH_EXEC/$name
fi
n=1
while ! mkdir "$CRASH_CALLS/$command.$n" 2>/dev/null; do n=$((n + 1)); done
call=$command.$n
# What this program starts by itself finds us again, not the real ones.
export GIT_EXEC_PATH="$CRASH_SHIMS"
if [ -n "$CRASH_TRACE" ]; then
  exec strace -f -b execve -qq -y -s 0 -o "$CRASH_CALLS/$call/trace" -e "trace=$CRASH_TRACE" "$real" "$@"
fi
[ "$call" = "$CRASH_AT" ] || exec "$real" "$@"
echo "$call" >"$CRASH_CALLS/reached"
strace -f -b execve -qq -o /dev/null -e "trace=${CRASH_INJECT%%:*}" -e "inject=$CRASH_INJECT" "$real" "$@"
code=$?
if [ "$code" -eq 137 ]; then
  echo killed >"$CRASH_CALLS/killed"
  [ -n "$CRASH_ALONE" ] || kill -KILL 0
  kill -KILL $$
fi
exit "$code"
