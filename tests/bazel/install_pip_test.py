"""How a lock file becomes folders and targets, with made-up distributions."""

import importlib.metadata

import pytest

from tools.bazel import install_pip

_LOCK = """\
# made by uv
Gin.Config==0.5.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via
    #   -r requirements.in
etils[enp, epath-gcs]==1.15.0 ; python_version >= '3.11' \\
    --hash=sha256:cc
"""


def test_a_lock_file_is_read_by_entry():
  entries = install_pip.read_lock(_LOCK)
  assert sorted(entries) == ['etils', 'gin_config']
  assert entries['gin_config'].text == (
      'Gin.Config==0.5.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n'
  )
  assert entries['gin_config'].extras == frozenset()
  assert entries['etils'].extras == {'enp', 'epath_gcs'}
  assert "python_version >= '3.11'" in entries['etils'].text


def test_a_line_that_pins_nothing_is_refused():
  with pytest.raises(SystemExit, match='`numpy>=2`.*bazelw run'):
    install_pip.read_lock('numpy>=2\n')


def _make(site, name, *, files=None, requires=()):
  """Installs a made-up distribution into `site`."""
  info = f'{name}-1.dist-info'
  metadata = f'Metadata-Version: 2.1\nName: {name}\nVersion: 1\n' + ''.join(
      f'Requires-Dist: {line}\n' for line in requires
  )
  contents = {f'{info}/METADATA': metadata, **(files or {})}
  contents[f'{info}/RECORD'] = ''.join(f'{path},,\n' for path in contents)
  for path, text in contents.items():
    (site / path).parent.mkdir(parents=True, exist_ok=True)
    (site / path).write_text(text)


def _distributions(site):
  return {
      install_pip.canonical(each.metadata['Name']): each
      for each in importlib.metadata.distributions(path=[str(site)])
  }


def test_a_distribution_gets_its_files_in_a_folder_of_its_own(tmp_path):
  _make(
      tmp_path, 'One',
      files={
          'shared/one.py': 'ONE = 1', 'one.libs/libone.so': 'x',
          'bin/one': '#!', '../outside': 'x',
      },
  )
  _make(tmp_path, 'two', files={'shared/two.py': ''})
  cached = tmp_path / 'shared/__pycache__/one.cpython-311.pyc'
  cached.parent.mkdir()
  cached.write_text('compiled')
  folder = tmp_path / 'lib/one'
  install_pip.lay_out(
      _distributions(tmp_path)['one'], site=tmp_path, folder=folder
  )
  found = {
      str(path.relative_to(folder))
      for path in folder.rglob('*')
      if path.is_file()
  }
  assert found == {
      'One-1.dist-info/METADATA', 'one.libs/libone.so', 'shared/one.py',
      'shared/__pycache__/one.cpython-311.pyc',
  }
  assert (folder / 'shared/one.py').read_text() == 'ONE = 1'


def _needs(tmp_path, lock, providers=None):
  return install_pip.requirements(
      _distributions(tmp_path),
      entries=install_pip.read_lock(lock),
      providers=providers or {},
  )


def test_requirements_follow_markers_and_names(tmp_path):
  _make(
      tmp_path, 'app',
      requires=[
          'Gin.Config>=0.5', 'windows-thing; sys_platform == "win32"',
          'old; python_version < "3.8"', 'not-installed',
      ],
  )
  for name in ('gin-config', 'windows-thing', 'old'):
    _make(tmp_path, name)
  lock = ''.join(
      f'{name}==1\n' for name in ('app', 'gin-config', 'windows-thing', 'old')
  )
  assert _needs(tmp_path, lock)['app'] == {'gin_config'}


@pytest.mark.parametrize(
    'lock, needed',
    [('etils', set()), ('etils[epath-gcs]', {'fsspec', 'gcsfs'})],
)
def test_an_extra_counts_when_the_lock_asks_for_it(tmp_path, lock, needed):
  _make(
      tmp_path, 'etils',
      requires=[
          'fsspec; extra == "epath"',
          'gcsfs; extra == "epath-gcs"',
          'etils[epath]; extra == "epath-gcs"',
      ],
  )
  _make(tmp_path, 'fsspec')
  _make(tmp_path, 'gcsfs')
  needs = _needs(tmp_path, f'{lock}==1\nfsspec==1\ngcsfs==1\n')
  assert needs['etils'] == needed


def test_an_extra_counts_when_a_distribution_asks_for_it(tmp_path):
  _make(tmp_path, 'etils', requires=['fsspec; extra == "epath"'])
  _make(tmp_path, 'fsspec')
  _make(tmp_path, 'tfds', requires=['etils[epath]'])
  needs = _needs(tmp_path, 'etils==1\nfsspec==1\ntfds==1\n')
  assert needs['etils'] == {'fsspec'}


def test_another_distribution_stands_in_for_one_that_is_not_there(tmp_path):
  _make(tmp_path, 'tensorflow-cpu')
  _make(tmp_path, 'text', requires=['tensorflow<3'])
  needs = _needs(
      tmp_path, 'tensorflow-cpu==1\ntext==1\n', {'tensorflow': 'tensorflow_cpu'}
  )
  assert needs['text'] == {'tensorflow_cpu'}


def test_a_closure_goes_through_a_circle():
  needs = {'a': {'b'}, 'b': {'c'}, 'c': {'a', 'd'}, 'd': set()}
  assert install_pip.closure('a', needs) == ['b', 'c', 'd']
  assert install_pip.closure('d', needs) == []


def test_the_build_file_has_a_target_for_each_name():
  text = install_pip.build_file(
      {'a': {'b'}, 'b': {'a'}},
      folders={'a': 'lib/a', 'b': 'lib/b'},
      providers={'c': 'a'},
  )
  assert """\
py_library(
    name = "a",
    data = ["lib/a", "lock/a.txt"],
    imports = ["lib/a"],
    deps = [":b__files"],
)
""" in text
  assert text.count('py_library(') == 4
  assert 'alias(\n    name = "c",\n    actual = "a",\n)' in text


def test_the_build_file_offers_tensorflow_to_cc_where_it_has_headers():
  needs, folders = {'a': set()}, {'a': 'lib/a'}
  text = install_pip.build_file(
      needs, folders=folders, providers={}, cc_folder='lib/a')
  assert 'hdrs = ["lib/a/tensorflow/include"]' in text
  assert 'includes = ["lib/a/tensorflow/include"]' in text
  assert 'srcs = ["lib/a/tensorflow/libtensorflow_framework.so.2"]' in text
  assert 'cc_library' not in install_pip.build_file(
      needs, folders=folders, providers={})


def _fake_uv(tmp_path, text):
  uv = tmp_path / 'uv'
  uv.write_text(f'#!/bin/sh\n{text}\n')
  uv.chmod(0o755)
  return str(uv)


def _install(tmp_path, uv, lock):
  path = tmp_path / 'lock.txt'
  path.write_text(lock)
  root = tmp_path / 'root'
  root.mkdir()
  install_pip.install(
      uv=uv, lock=path, root=root, sdists=['old'],
      provided={'tensorflow': ['tensorflow_cpu', 'tensorflow_tpu']},
  )
  return root


def test_a_failing_installer_is_said(tmp_path):
  with pytest.raises(SystemExit, match='uv could not install the lock file'):
    _install(tmp_path, _fake_uv(tmp_path, 'exit 1'), 'a==1\n')


def test_a_lock_file_becomes_a_repository(tmp_path, monkeypatch):
  monkeypatch.setattr(install_pip.sys, 'path', list(install_pip.sys.path))
  made = tmp_path / 'made'
  for name, requires in {
      'tensorflow-cpu': ['nvidia-nccl'], 'nvidia-nccl': [],
      'text': ['tensorflow'], 'old': [],
  }.items():
    module = name.replace('-', '_')
    _make(made, name, files={f'{module}.py': ''}, requires=requires)
  _make(made, 'tensorflow-cpu', requires=['nvidia-nccl'],
        files={'tensorflow_cpu.py': '', 'tensorflow/include/a.h': ''})
  log = tmp_path / 'log'
  uv = _fake_uv(
      tmp_path,
      'while [ "$1" != --target ]; do shift; done\n'
      f'mkdir -p "$2" && cp -r {made}/* "$2"\necho "$@" >> {log}',
  )
  lock = 'tensorflow-cpu==1\nnvidia-nccl==1\ntext==1\nold==1 --hash=x\n'
  root = _install(tmp_path, uv, lock)
  assert sorted(path.name for path in root.iterdir()) == [
      'BUILD.bazel', 'lib', 'lock'
  ]
  assert (root / 'lib/text/text.py').exists()
  assert (root / 'lock/old.txt').read_text() == 'old==1 --hash=x\n'
  build = (root / 'BUILD.bazel').read_text()
  assert (
      'deps = [":nvidia_nccl__files", ":tensorflow_cpu__files"]' in build
  )
  assert 'name = "tensorflow",\n    actual = "tensorflow_cpu"' in build
  assert 'includes = ["lib/tensorflow_cpu/tensorflow/include"]' in build
  wheels, sources = log.read_text().splitlines()
  assert '--require-hashes' in wheels and '--require-hashes' in sources
  assert '--only-binary :all:' in wheels
  assert '--no-build-isolation' in sources


def test_nvidias_libraries_lie_beside_tensorflow():
  names = ['tensorflow', 'nvidia_nccl_cu12', 'numpy']
  assert install_pip.folders(names) == {
      'tensorflow': 'lib/tensorflow',
      'nvidia_nccl_cu12': 'lib/tensorflow',
      'numpy': 'lib/numpy',
  }
