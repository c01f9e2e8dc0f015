#!/usr/bin/env bash
# Creates a TPU VM, or a slice of a pod.
#
#   tools/tpu_vm/create.sh --name=ns --zone=us-central2-b [flags]
#
#   --name=NAME      of the TPU; required
#   --zone=ZONE      where it is; required
#   --project=ID     the cloud project; gcloud's own if not given
#   --type=TYPE      its accelerator type; v3-8 if not given, v3-32 is a slice
#   --image=IMAGE    its software version; tpu-ubuntu2204-base if not given
#   --spot           a spot VM: cheaper, and taken away when others pay more
#   --queued         by a queued resource, which waits until there is one
#   --dry_run        prints the commands and runs none
#   --help           prints this
#
# A spot VM that is taken away is made again by tools/tpu_vm/survive.sh.

# shellcheck source=tools/tpu_vm/common.sh
. "$(dirname -- "$0")/common.sh"

flags=([name]='' [zone]='' [project]='' [type]=v3-8
  [image]=tpu-ubuntu2204-base [spot]=no [queued]=no)
parse "$@"
need name zone

more=("--accelerator-type=${flags[type]}")
if is spot; then more+=(--spot); fi
if is queued; then
  tpus queued-resources create "${flags[name]}" "--node-id=${flags[name]}" \
    "--runtime-version=${flags[image]}" "${more[@]}"
  say 'queued: gcloud compute tpus queued-resources describe says how it stands'
else
  tpus tpu-vm create "${flags[name]}" "--version=${flags[image]}" "${more[@]}"
fi
