#!/usr/bin/env bash
# Shows the output of a run on a TPU, as it comes.
#
#   tools/tpu_vm/follow.sh --name=ns --zone=us-central2-b
#
#   --name=NAME      of the TPU; required
#   --zone=ZONE      where it is; required
#   --project=ID     the cloud project; gcloud's own if not given
#   --lines=COUNT    of what was there before; 50 if not given
#   --log=FILE       run.log if not given; server.log is that of a server
#   --worker=NUMBER  of the host; 0 if not given
#   --dry_run        prints the commands and runs none
#   --help           prints this

# shellcheck source=tools/tpu_vm/common.sh
. "$(dirname -- "$0")/common.sh"

flags=([name]='' [zone]='' [project]='' [lines]=50 [log]=run.log [worker]=0)
parse "$@"
need name zone lines log worker

on_host "${flags[worker]}" \
  "$(words tail -n "${flags[lines]}" -F "${flags[log]}")"
