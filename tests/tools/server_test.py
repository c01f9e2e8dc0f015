"""The server of a pod's host, asked from another program."""

import os
import subprocess
import sys

import tensorflow as tf

from tools.tpu_vm import server


def test_it_does_what_a_coordinator_sends_it():
  program = subprocess.Popen(
      [sys.executable, server.__file__, '--port=0'], stdout=subprocess.PIPE,
      text=True, env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
  try:
    line = program.stdout.readline()
    assert line.startswith('listening: grpc://')
    tf.config.experimental_connect_to_host(line.split()[1])
    with tf.device('/job:worker/task:0/device:CPU:0'):
      product = tf.constant([2.0, 3.0]) * 5.0
    assert '/job:worker' in product.device
    assert product.numpy().tolist() == [10.0, 15.0]
    assert program.poll() is None
  finally:
    program.kill()
    program.communicate()
