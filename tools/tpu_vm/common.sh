# shellcheck shell=bash
# What the scripts of this folder share; they source it.
#
# A script's head comment is its --help. It lists its flags, with the default of
# each, in `flags` before it calls `parse`; `--name=VALUE` sets one, `--name` a
# flag of which the default is `no`. What comes after `--` is left in `rest`.

set -euo pipefail

# shellcheck disable=SC2034  # The scripts use it.
root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
declare -A flags
rest=()

say() { printf '%s: %s\n' "$(basename -- "$0" .sh)" "$*" >&2; }

# A command that is wrong, exit code 2.
die() {
  say "$*"
  exit 2
}

# The comment at the head of the script.
usage() {
  while IFS= read -r line; do
    case $line in
    '#!'*) ;;
    '#'*) line=${line#'#'} && printf '%s\n' "${line# }" ;;
    *) break ;;
    esac
  done <"$0"
}

parse() {
  flags[dry_run]=no
  while [ $# -gt 0 ]; do
    case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --)
      shift
      rest=("$@")
      break
      ;;
    --*=*)
      local name=${1%%=*}
      name=${name#--}
      [ -n "${flags[$name]+known}" ] ||
        die "\`--$name\` is no flag; see --help."
      [ "${flags[$name]}" != no ] || die "\`--$name\` takes no value."
      flags[$name]=${1#*=}
      ;;
    --*)
      [ "${flags[${1#--}]-}" = no ] ||
        die "\`$1\` is no flag, or needs a value: \`$1=VALUE\`; see --help."
      flags[${1#--}]=yes
      ;;
    *) die "\`$1\` is no flag; see --help." ;;
    esac
    shift
  done
}

# Flags that have to be given.
need() {
  local name
  for name in "$@"; do
    [ -n "${flags[$name]}" ] || die "\`--$name=…\` has to be given; see --help."
  done
}

is() { [ "${flags[$1]}" = yes ]; }

# The words as one command line, quoted where a shell would change them.
words() {
  local word line=()
  for word in "$@"; do
    case $word in
    '' | *[!A-Za-z0-9_./:=@%+,-]*) line+=("${word@Q}") ;;
    *) line+=("$word") ;;
    esac
  done
  printf '%s' "${line[*]}"
}

# Runs a command, or with --dry_run prints it.
run() {
  if is dry_run; then
    printf '%s\n' "$(words "$@")"
  else
    "$@"
  fi
}

# `gcloud compute tpus`, in the zone and the project of the flags.
tpus() {
  local place=("--zone=${flags[zone]}")
  [ -z "${flags[project]}" ] || place+=("--project=${flags[project]}")
  run gcloud compute tpus "$@" "${place[@]}"
}

# Runs a command line on a host, by its number, or on `all`.
on_host() {
  tpus tpu-vm ssh "${flags[name]}" "--worker=$1" "--command=$2"
}

# A command line in the checkout there that goes on when the connection ends;
# its output is in a file in the home folder.
in_background() {
  printf 'cd noisy_student || exit; nohup setsid %s >../%s 2>&1 </dev/null &' \
    "$1" "$2"
}

# The label of a run: that of gin/runs where it is only a name.
target() {
  case $1 in
  *:* | //* | @*) printf '%s' "$1" ;;
  *) printf '//gin/runs:%s' "$1" ;;
  esac
}
