"""Fingerprints that never change silently, and manifests that do not lie."""

import dataclasses
import hashlib
import json

import pytest

from ns.core import errors
from ns.core import manifest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
  size: int = 3
  share: float = 0.5
  where: str = manifest.execution(default='/tmp')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole:
  part: Part = Part()
  parts: tuple[Part, ...] = ()
  names: dict | None = None
  every_steps: int = manifest.execution(default=10)


class Source:
  """Says itself what it is, as a data set does by its digest."""

  def __init__(self, digest):
    self.path = '/anywhere'
    self.digest = digest

  def canonical(self):
    return {'digest': self.digest}


PART = {'': f'{__name__}.Part', 'size': 3, 'share': 0.5}


def test_canonical_form_has_all_but_execution():
  whole = Whole(parts=[Part(size=4)], names={1: Source('ab'), 'x': (True, None)})
  assert manifest.canonical(whole) == {
      '': f'{__name__}.Whole',
      'part': PART,
      'parts': [{**PART, 'size': 4}],
      'names': {'1': {'digest': 'ab'}, 'x': [True, None]},
  }


def test_execution_fields_do_not_change_the_fingerprint():
  form = lambda value: manifest.fingerprint(manifest.canonical(value))
  assert form(Whole()) == form(
      Whole(every_steps=99, part=Part(where='/elsewhere')))
  assert form(Whole()) != form(Whole(part=Part(size=4)))
  assert Whole(every_steps=99).every_steps == 99
  assert Whole().every_steps == 10


def test_a_field_that_came_later_changes_nothing_where_it_has_its_default():
  @dataclasses.dataclass(frozen=True, kw_only=True)
  class Later(Part):
    every: int | None = manifest.added(None)
    times: int = manifest.added(1)

  form = lambda **changes: manifest.canonical(Later(**changes))
  kind = f'{Later.__module__}.{Later.__qualname__}'
  assert form() == {**PART, '': kind}
  assert form(every=3) == {**PART, '': kind, 'every': 3}
  assert form(times=2) == {**PART, '': kind, 'times': 2}
  assert form(times=True) == {**PART, '': kind, 'times': True}  # No number.


def test_a_class_with_a_canonical_form_is_not_an_object_that_has_one():
  with pytest.raises(errors.RunError) as raised:
    manifest.canonical([Source])
  assert str(raised.value) == (
      '`value` should be of frozen dataclasses, lists and plain values, by '
      f'which one run is told from another, but has {Source!r}; make that a '
      'frozen dataclass.')


@pytest.mark.parametrize('value', [len, object(), {1, 2}, b'a', Part])
def test_what_has_no_canonical_form(value):
  with pytest.raises(errors.RunError) as raised:
    manifest.canonical({'a': [value]})
  assert str(raised.value) == (
      '`value` should be of frozen dataclasses, lists and plain values, by '
      f'which one run is told from another, but has {value!r}; make that a '
      'frozen dataclass.')


def test_the_field_that_has_no_canonical_form_is_named():
  with pytest.raises(errors.RunError, match='`Whole.parts` should be of'):
    manifest.canonical(Whole(parts=(len,)))


def test_fingerprint_is_of_compact_json_with_sorted_keys():
  form = {'b': [1, 2.5, None, True], 'a': {'': 'ns.é', 'x': 'y'}}
  text = r'{"a":{"":"ns.\u00e9","x":"y"},"b":[1,2.5,null,true]}'
  assert manifest.fingerprint(form) == (
      hashlib.sha256(text.encode()).hexdigest())
  assert manifest.fingerprint(dict(reversed(form.items()))) == (
      manifest.fingerprint(form))
  # Finished stages are known by it: a change here makes them all foreign.
  assert manifest.fingerprint(form) == (
      '4b468b969074ca14fae0db1d01b0a72efaceb2e8f949e68163960b5f16898adb')


def test_differences_name_the_path():
  old = manifest.canonical(Whole(parts=(Part(), Part()), names={'a': 1}))
  new = manifest.canonical(Whole(
      part=Part(share=0.25), parts=(Part(), Part(size=7)), names={'a': 2}))
  assert manifest.differences(old, new) == [
      'names.a: 1 -> 2',
      'part.share: 0.5 -> 0.25',
      'parts[1].size: 3 -> 7',
  ]
  assert manifest.differences(old, old) == []


def test_differences_of_kind_and_length():
  other = {**PART, '': 'ns.Other'}
  assert manifest.differences({'model': PART}, {'model': other}) == [
      f"model: '{__name__}.Part' -> 'ns.Other'"]
  assert manifest.differences({'a': [1]}, {'a': [1, 2]}) == [
      'a: [1] -> [1, 2]']
  assert manifest.differences({'a': {'b': 1}}, {'a': None}) == [
      "a: {'b': 1} -> None"]


def test_differences_are_short():
  assert manifest.differences({'digest': 'a' * 64}, {'digest': 'b' * 64}) == [
      "digest: 'aaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaa' -> "
      "'bbbbbbbbbbbbbbbbb...bbbbbbbbbbbbbbbbbb'"]


@pytest.mark.parametrize('old, new, line', [
    ({'a': 1}, {'a': 1.0}, 'a: 1 -> 1.0'),
    ({'a': True}, {'a': 1}, 'a: True -> 1'),
    ({'a': [0]}, {'a': [False]}, 'a[0]: 0 -> False'),
    ({'a': None}, {}, 'a: None -> absent'),
    ({}, {'a': None}, 'a: absent -> None'),
])
def test_another_fingerprint_always_has_a_difference(old, new, line):
  assert manifest.fingerprint(old) != manifest.fingerprint(new)
  assert manifest.differences(old, new) == [line]


FORM = {'model': {'': 'ns.models.EfficientNet', 'width': 1.5}}


def test_begun_says_what_is_being_made(tmp_path):
  folder = tmp_path / 'teacher/train'
  assert manifest.begun(folder) is None
  manifest.begin(folder, FORM)
  assert manifest.begun(folder) == FORM
  assert json.loads((folder / 'begun.json').read_text()) == {
      'format': 1,
      'fingerprint': manifest.fingerprint(FORM),
      'canonical': FORM,
  }
  assert manifest.read(folder) is None


def made_stage(folder):
  manifest.begin(folder, FORM)
  (folder / 'average.npz').write_bytes(b'weights')
  (folder / 'events/a').mkdir(parents=True, exist_ok=True)
  (folder / 'events/a/manifest.json').write_bytes(b'')
  return manifest.commit(folder, FORM, {'accuracy': 0.5}, 2.5, {'keras': '3'},
                         {'teacher/train': 'abc'})


def test_commit_lists_all_files(tmp_path):
  made = made_stage(tmp_path)
  assert made == manifest.Manifest(
      fingerprint=manifest.fingerprint(FORM),
      outputs={
          'average.npz': {
              'bytes': 7, 'sha256': hashlib.sha256(b'weights').hexdigest()},
          'events/a/manifest.json': {
              'bytes': 0, 'sha256': hashlib.sha256().hexdigest()},
      },
      results={'accuracy': 0.5},
      seconds=2.5,
      versions={'keras': '3'},
      inputs={'teacher/train': 'abc'},
  )
  assert manifest.read(tmp_path) == manifest.read(str(tmp_path)) == made
  text = (tmp_path / 'manifest.json').read_text()
  assert json.loads(text) == {'format': 1, **dataclasses.asdict(made)}


def test_commit_again_does_not_list_the_manifest(tmp_path):
  assert made_stage(tmp_path) == made_stage(tmp_path)


def test_what_a_killed_process_left_aside_is_no_output(tmp_path):
  # Else the manifest would list a file that its own writing takes away.
  (tmp_path / '.manifest.json.aside').write_text('{"form')
  (tmp_path / '.average.npz.aside').write_bytes(b'wei')
  made = made_stage(tmp_path)
  assert set(made.outputs) == {'average.npz', 'events/a/manifest.json'}
  assert manifest.read(tmp_path) == made


def test_read_of_a_folder_that_is_not_there(tmp_path):
  assert manifest.read(tmp_path / 'none') is None


def test_an_output_of_another_size(tmp_path):
  made_stage(tmp_path)
  (tmp_path / 'average.npz').write_bytes(b'weight')
  with pytest.raises(errors.RunError) as raised:
    manifest.read(tmp_path)
  assert str(raised.value) == (
      f'`{tmp_path}/average.npz` should have 7 bytes, but has 6; remove '
      f'`{tmp_path}` to make it again.')


def test_a_missing_output(tmp_path):
  made_stage(tmp_path)
  (tmp_path / 'average.npz').unlink()
  with pytest.raises(errors.RunError) as raised:
    manifest.read(tmp_path)
  assert str(raised.value) == (
      f'`{tmp_path}/average.npz` should have 7 bytes, but is missing; remove '
      f'`{tmp_path}` to make it again.')


@pytest.mark.parametrize('found', [2, None])
def test_a_manifest_of_another_version(found, tmp_path):
  made_stage(tmp_path)
  path = tmp_path / 'manifest.json'
  content = json.loads(path.read_text())
  content['format'] = found
  path.write_text(json.dumps(content))
  with pytest.raises(errors.RunError) as raised:
    manifest.read(tmp_path)
  assert str(raised.value) == (
      f'`{path}` should be of data format 1, but is of {found}: another '
      'version of this program wrote it. Go on with that version, or give '
      'another `--work_dir`.')


def test_a_stage_that_another_version_began(tmp_path):
  made_stage(tmp_path)
  path = tmp_path / 'begun.json'
  # Whatever else that has in it.
  path.write_text('{"format": 2, "form": {}}')
  with pytest.raises(errors.RunError) as raised:
    manifest.begun(tmp_path)
  assert str(raised.value).startswith(
      f'`{path}` should be of data format 1, but is of 2: another version ')


def test_scratch_is_no_output_and_goes_with_the_commit(tmp_path):
  (tmp_path / 'scratch/checkpoints').mkdir(parents=True)
  (tmp_path / 'scratch/checkpoints/step-5').write_bytes(b'half')
  made = made_stage(tmp_path)
  assert set(made.outputs) == {'average.npz', 'events/a/manifest.json'}
  assert not (tmp_path / 'scratch').exists()


def test_contents_are_those_of_the_outputs_but_event_files(tmp_path):
  made = made_stage(tmp_path)
  other = lambda name: dataclasses.replace(
      made, outputs={**made.outputs, name: {'bytes': 1, 'sha256': 'other'}})
  assert other('summaries/events.1').contents == made.contents
  assert other('metrics.jsonl').contents == made.contents
  assert other('average.npz').contents != made.contents
  assert other('more').contents != made.contents


def test_verify_reads_what_read_does_not(tmp_path):
  made = made_stage(tmp_path)
  manifest.verify(tmp_path, made)
  (tmp_path / 'average.npz').write_bytes(b'WEIGHTS')  # Of the same size.
  assert manifest.read(tmp_path) == made
  with pytest.raises(errors.RunError) as raised:
    manifest.verify(tmp_path, made)
  assert str(raised.value) == (
      f'`{tmp_path}/average.npz` is not what was written there (its SHA-256 '
      f'differs); remove `{tmp_path}` to make it again.')


@pytest.mark.parametrize('name, read', [
    ('manifest.json', manifest.read), ('begun.json', manifest.begun)])
@pytest.mark.parametrize('text', ['', '{', '[]', '{}'])
def test_a_damaged_record(tmp_path, name, read, text):
  made_stage(tmp_path)
  (tmp_path / name).write_text(text)
  with pytest.raises(errors.RunError) as raised:
    read(tmp_path)
  assert str(raised.value) == (
      f'`{tmp_path}/{name}` is damaged; remove `{tmp_path}` to make that stage '
      'again.')


def test_a_manifest_without_its_fields_is_damaged(tmp_path):
  (tmp_path / 'manifest.json').write_text('{"format": 1}')
  with pytest.raises(errors.RunError, match='is damaged'):
    manifest.read(tmp_path)
