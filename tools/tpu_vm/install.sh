#!/usr/bin/env bash
# Copies this checkout to all hosts of a TPU, and builds a run there.
#
#   tools/tpu_vm/install.sh --name=ns --zone=us-central2-b --run=smoke
#
#   --name=NAME      of the TPU; required
#   --zone=ZONE      where it is; required
#   --project=ID     the cloud project; gcloud's own if not given
#   --run=RUN        the target in //gin/runs, or a label, //team/runs:ours;
#                    required
#   --dry_run        prints the commands and runs none
#   --help           prints this
#
# What is committed is copied (`git archive`). ./bazelw installs Bazel and
# CPython 3.11 where they are not, and the packages of requirements_tpu_lock.txt
# (`--config=tpu`); it does so as root, as the run will be.

# shellcheck source=tools/tpu_vm/common.sh
. "$(dirname -- "$0")/common.sh"

flags=([name]='' [zone]='' [project]='' [run]='')
parse "$@"
need name zone run

archive=${TMPDIR:-/tmp}/noisy_student-${flags[name]}.tar.gz
run git -C "$root" archive --format=tar.gz "--output=$archive" HEAD
tpus tpu-vm scp "$archive" "${flags[name]}:noisy_student.tar.gz" --worker=all
run rm "$archive"
on_host all 'rm -rf noisy_student && mkdir noisy_student &&'\
' tar -xzf noisy_student.tar.gz -C noisy_student'
label=$(target "${flags[run]}")
on_host all "cd noisy_student && sudo ./bazelw build --config=tpu $label"\
' //tools/tpu_vm:server'
