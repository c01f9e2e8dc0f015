#!/usr/bin/env bash
# Starts a TensorFlow server on every host of a slice of a TPU pod.
#
#   tools/tpu_vm/servers.sh --name=ns --zone=us-central2-b
#
#   --name=NAME      of the TPU; required
#   --zone=ZONE      where it is; required
#   --project=ID     the cloud project; gcloud's own if not given
#   --port=PORT      at which it listens; 8470 if not given, which is where
#                    TensorFlow looks for it
#   --dry_run        prints the commands and runs none
#   --help           prints this
#
# The coordinator, a run with runtime.TpuPod, sends them their work. One host
# needs none, and neither do machine images that start servers themselves.

# shellcheck source=tools/tpu_vm/common.sh
. "$(dirname -- "$0")/common.sh"

flags=([name]='' [zone]='' [project]='' [port]=8470)
parse "$@"
need name zone port

command=$(words sudo ./bazelw run --config=tpu //tools/tpu_vm:server -- \
  "--port=${flags[port]}")
on_host all "$(in_background "$command" server.log)"
