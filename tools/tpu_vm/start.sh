#!/usr/bin/env bash
# Starts a run on the first host of a TPU, and goes on without you.
#
#   tools/tpu_vm/start.sh --name=ns --zone=us-central2-b --run=smoke \
#     --work_dir=gs://bucket/smoke [-- FLAGS OF THE RUN]
#
#   --name=NAME      of the TPU; required
#   --zone=ZONE      where it is; required
#   --project=ID     the cloud project; gcloud's own if not given
#   --run=RUN        the target in //gin/runs, or a label; required
#   --work_dir=DIR   of the run, on a bucket, since the disk goes with the TPU;
#                    required
#   --slice          this host is the coordinator of a slice of a pod, whose
#                    servers run already (tools/tpu_vm/servers.sh)
#   --dry_run        prints the commands and runs none
#   --help           prints this
#
# The flags after `--` go to the run: they bind its runtime (docs/tpu.md). A run
# that was asked to end starts again there (tools/tpu_vm/run_again.sh); it goes
# on from its work directory. Its output is in run.log on that host
# (tools/tpu_vm/follow.sh).

# shellcheck source=tools/tpu_vm/common.sh
. "$(dirname -- "$0")/common.sh"

flags=([name]='' [zone]='' [project]='' [run]='' [work_dir]=''
  [slice]=no)
parse "$@"
need name zone run work_dir
case ${flags[work_dir]} in
gs://*) ;;
*) die "\`--work_dir\` should be on a bucket, gs://…, since the disk of a TPU" \
  "goes with it, but is \`${flags[work_dir]}\`." ;;
esac

command=(sudo)
# The TPU of a coordinator's host is its server's.
if is slice; then
  command+=(env "TPU_NAME=${flags[name]}" TPU_LOAD_LIBRARY=0)
fi
command+=(tools/tpu_vm/run_again.sh "--run=${flags[run]}" --
  "--work_dir=${flags[work_dir]}" ${rest[@]+"${rest[@]}"})
on_host 0 "$(in_background "$(words "${command[@]}")" run.log)"
