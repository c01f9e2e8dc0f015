import pytest

from ns.noise import model_noise


def test_defaults_are_the_papers():
  noise = model_noise.ModelNoise()
  assert (noise.dropout, noise.stochastic_depth) == (0.5, 0.2)


def test_rates_grow_linearly_from_zero():
  # The reference's 16 blocks of B0: 0.2 * index / 16.
  noise = model_noise.ModelNoise(stochastic_depth=0.2)
  rates = [noise.block_rate(index, 16) for index in range(16)]
  assert rates[0] == 0
  assert rates[8] == pytest.approx(0.1)
  assert rates[15] == pytest.approx(0.1875)
  steps = [b - a for a, b in zip(rates, rates[1:])]
  assert steps == pytest.approx([0.0125] * 15)


def test_no_stochastic_depth_skips_nothing():
  noise = model_noise.ModelNoise(stochastic_depth=0)
  assert not any(noise.block_rate(index, 5) for index in range(5))


@pytest.mark.parametrize('name', ['dropout', 'stochastic_depth'])
@pytest.mark.parametrize('value', [-0.1, 1, 1.0, '0.5', None, True])
def test_what_is_no_rate(name, value):
  with pytest.raises(ValueError) as raised:
    model_noise.ModelNoise(**{name: value})
  assert str(raised.value) == (
      f'`ModelNoise.{name}` should be a number at least 0 and below 1, but is '
      f'{value!r}.')
