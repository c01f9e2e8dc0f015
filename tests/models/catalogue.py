"""The rows of a catalogue of architectures, built without a run."""

from ns import models
from ns.config import program
from ns.config import statements


def rows(gin_file: str) -> dict[str, models.EfficientNet]:
  """Each row of a file of `gin/models/`, by its scope."""
  fields = {}
  for binding in program.read([gin_file]).bindings:
    name = binding.selector.removeprefix('models.')
    row = fields.setdefault(binding.scope, {}).setdefault(name, {})
    row[binding.parameter] = binding.value

  def build(scope, name):
    values = fields[scope][name].items()
    return getattr(models, name)(**{
        key: (build(value.scope, value.selector.removeprefix('models.'))
              if isinstance(value, statements.Reference) else value)
        for key, value in values})

  return {scope: build(scope, 'EfficientNet') for scope in fields}
