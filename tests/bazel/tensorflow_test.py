"""The pins of the lock file work together, and with Google Cloud Storage."""

import importlib.metadata


def test_tensorflow_is_the_version_that_exists_for_every_platform():
  import tensorflow as tf

  assert tf.__version__ == '2.20.0'


def test_seqio_imports_beside_it():
  # sentencepiece after 0.2.1 fails here, and only here: it wants protobuf 7.
  import seqio

  assert seqio.Task
  assert importlib.metadata.version('sentencepiece') == '0.2.1'


def test_gs_paths_are_read():
  import tensorflow as tf

  assert 'gs' in tf.io.gfile.get_registered_schemes()
