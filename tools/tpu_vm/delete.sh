#!/usr/bin/env bash
# Deletes a TPU, and what is on its disks. The work directory stays.
#
#   tools/tpu_vm/delete.sh --name=ns --zone=us-central2-b
#
#   --name=NAME      of the TPU; required
#   --zone=ZONE      where it is; required
#   --project=ID     the cloud project; gcloud's own if not given
#   --queued         it came by a queued resource, which goes with it
#   --dry_run        prints the commands and runs none
#   --help           prints this

# shellcheck source=tools/tpu_vm/common.sh
. "$(dirname -- "$0")/common.sh"

flags=([name]='' [zone]='' [project]='' [queued]=no)
parse "$@"
need name zone

if is queued; then
  tpus queued-resources delete "${flags[name]}" --force --quiet
else
  tpus tpu-vm delete "${flags[name]}" --quiet
fi
