#!/usr/bin/env bash
# Runs on a TPU: a run, again and again where it was asked to end.
#
#   tools/tpu_vm/run_again.sh --run=smoke -- --work_dir=gs://bucket/smoke
#
#   --run=RUN        the target in //gin/runs, or a label; required
#   --failures=COUNT how often in a row it may be killed, by the system or for
#                    want of memory; 5 if not given
#   --pause=SECONDS  after that; 30 if not given
#   --dry_run        prints the command and does not run it
#   --help           prints this
#
# The flags after `--` go to the run. It ends with 42 where it was asked to end
# and lost nothing, as before a machine is taken away: it starts again. Other
# ends are ends: 0 is finished; 1 and 2 say what is wrong in their last line.

# shellcheck source=tools/tpu_vm/common.sh
. "$(dirname -- "$0")/common.sh"

flags=([run]='' [failures]=5 [pause]=30)
parse "$@"
need run failures pause

cd -- "$root"
label=$(target "${flags[run]}")
killed=0
while true; do
  code=0
  run ./bazelw run --config=tpu "$label" -- ${rest[@]+"${rest[@]}"} || code=$?
  if [ "$code" -eq 42 ]; then
    killed=0
    say 'it was asked to end, and starts again'
  elif [ "$code" -gt 128 ] && [ "$code" -ne 130 ]; then
    killed=$((killed + 1))
    if [ "$killed" -gt "${flags[failures]}" ]; then
      say "it was killed $killed times in a row, the last time with $code"
      exit "$code"
    fi
    say "it was killed ($code), and starts again in ${flags[pause]} s"
    sleep "${flags[pause]}"
  else
    exit "$code"
  fi
done
