"""A TensorFlow server, for the hosts of a slice of a TPU pod.

  bazel run --config=tpu //tools/tpu_vm:server -- --port=8470

It listens, and does what the coordinator of a run with `runtime.TpuPod` sends
it, until it is ended. It has no part in the run: no gin file, no data, no
checkpoint. Machine images for pods start such servers themselves. Not run on a
TPU: none was at hand.
"""

import sys

from absl import app
from absl import flags

_PORT = flags.DEFINE_integer(
    'port', 8470, 'Where it listens; 0 takes any that is free.',
    lower_bound=0, upper_bound=65535)


def start(port: int):
  """A server that listens: a `tf.distribute.Server`."""
  import tensorflow as tf
  return tf.distribute.Server(
      {'worker': [f'localhost:{port}']}, job_name='worker', task_index=0,
      protocol='grpc')


def main(argv) -> None:
  if argv[1:]:
    raise app.UsageError(f'`{argv[1]}` is not a flag.')
  server = start(_PORT.value)
  print(f'listening: {server.target}', flush=True)
  sys.stdout.flush()
  server.join()


if __name__ == '__main__':
  app.run(main)
