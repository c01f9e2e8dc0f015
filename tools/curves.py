"""TensorBoard of the lock file: `bazel run //tools:curves -- --logdir=work`."""

import os

from tensorboard import main

if __name__ == '__main__':
  # `--logdir` is meant from where the command was typed.
  os.chdir(os.environ.get('BUILD_WORKING_DIRECTORY', os.curdir))
  main.run_main()
