#!/usr/bin/env bash
# Keeps a run going on a TPU that may be taken away, until it is finished.
#
#   tools/tpu_vm/survive.sh --name=ns --zone=us-central2-b --run=smoke \
#     --work_dir=gs://bucket/smoke --spot [-- FLAGS OF THE RUN]
#
#   --name=NAME      of the TPU; required
#   --zone=ZONE      where it is; required
#   --project=ID     the cloud project; gcloud's own if not given
#   --type=TYPE, --image=IMAGE, --spot, --queued
#                    as of tools/tpu_vm/create.sh
#   --run=RUN, --work_dir=DIR, and what comes after `--`
#                    as of tools/tpu_vm/start.sh
#   --slice          of a pod: its servers are started, too
#   --every=SECONDS  between two looks at it; 60 if not given
#   --dry_run        prints the commands of one round, of a TPU that is gone
#   --help           prints this
#
# Runs on a machine that stays. It looks at the state of the TPU; where that is
# gone, it deletes what is left and creates, installs and starts anew. The run
# goes on from its work directory, where all that it finished is. It is over
# when summary.json is there; a run that failed is left to you.

# shellcheck source=tools/tpu_vm/common.sh
. "$(dirname -- "$0")/common.sh"

flags=([name]='' [zone]='' [project]='' [type]=v3-8
  [image]=tpu-ubuntu2204-base [spot]=no [queued]=no [run]='' [work_dir]=''
  [slice]=no [every]=60)
parse "$@"
need name zone run work_dir

here=$(dirname -- "$0")
place=("--name=${flags[name]}" "--zone=${flags[zone]}")
[ -z "${flags[project]}" ] || place+=("--project=${flags[project]}")
if is dry_run; then place+=(--dry_run); fi
how=()
if is queued; then how+=(--queued); fi
kind=("--type=${flags[type]}" "--image=${flags[image]}" ${how[@]+"${how[@]}"})
if is spot; then kind+=(--spot); fi

# READY, PREEMPTED and so on; ABSENT where there is none.
state() {
  tpus tpu-vm describe "${flags[name]}" '--format=value(state)' 2>/dev/null ||
    echo ABSENT
}

is_finished() {
  gcloud storage ls "${flags[work_dir]%/}/summary.json" >/dev/null 2>&1
}

begin() {
  "$here/create.sh" "${place[@]}" "${kind[@]}"
}

is_running() { on_host 0 'pgrep -f "[r]un_again.sh"' >/dev/null 2>&1; }

servers() {
  if is slice; then "$here/servers.sh" "${place[@]}"; fi
}

# A queued TPU comes later, so this is for one that is ready.
set_up() {
  local sliced=()
  if is slice; then sliced+=(--slice); fi
  "$here/install.sh" "${place[@]}" "--run=${flags[run]}" &&
    servers &&
    "$here/start.sh" "${place[@]}" "--run=${flags[run]}" \
      "--work_dir=${flags[work_dir]}" ${sliced[@]+"${sliced[@]}"} \
      -- ${rest[@]+"${rest[@]}"}
}

remove() { "$here/delete.sh" "${place[@]}" ${how[@]+"${how[@]}"} || true; }

if is dry_run; then
  remove
  begin
  set_up
  exit 0
fi

started=no
until is_finished; do
  found=$(state)
  case $found in
  READY)
    if is_running; then
      started=yes
    elif [ "$started" = yes ]; then
      is_finished && break
      say 'the run ended and is not finished; tools/tpu_vm/follow.sh says why'
      exit 1
    elif set_up; then
      started=yes
    else
      say 'the start failed; once more in a while'
    fi
    ;;
  CREATING | STARTING | RESTARTING | REPAIRING) ;;
  ABSENT)
    started=no
    # A queued one is waited for, and its request is not made twice.
    if ! is queued || ! tpus queued-resources describe "${flags[name]}" \
      >/dev/null 2>&1; then
      say 'it is not there, and is created'
      begin || say 'none could be created; once more in a while'
    fi
    ;;
  *)
    say "it is $found, and is made anew"
    started=no
    remove
    ;;
  esac
  sleep "${flags[every]}"
done
say "finished: ${flags[work_dir]}"
