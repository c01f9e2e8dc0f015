"""The end of a sentence that names the nearest valid name."""

from collections.abc import Iterable
import difflib

_LISTED = 6


def nearest(word: str, options: Iterable[str]) -> str | None:
  """The option most like `word`, capitals aside, or None."""
  lower = {option.lower(): option for option in sorted(options, reverse=True)}
  found = difflib.get_close_matches(word.lower(), lower, n=1)
  return lower[found[0]] if found else None


def listing(options: Iterable[str]) -> str:
  """The options in backticks, at most six: `a`, `b` and 3 more."""
  options = sorted(set(options))
  names = ', '.join(f'`{option}`' for option in options[:_LISTED])
  more = len(options) - _LISTED
  return f'{names} and {more} more' if more > 0 else names


def suggest(word: str, options: Iterable[str], show: str = '{}') -> str:
  """Ends a sentence: the nearest option, else the options, else a full stop.

  Args:
    word: what was written.
    options: what would have been valid.
    show: how to write an option, e.g. `%{}` for a macro.
  """
  options = list(options)
  best = nearest(word, options)
  if best is not None:
    return f'; did you mean `{show.format(best)}`?'
  if options:
    verb = 'is' if len(options) == 1 else 'are'
    return (f'; there {verb} '
            f'{listing(show.format(option) for option in options)}.')
  return '.'
