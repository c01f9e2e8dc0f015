from ns.mixture import inputs


def test_a_selection_says_how_many_images_it_has(tmp_path):
  results = {'records': {'a': 30, 'b': 31}, 'used': 50}
  assert inputs.PseudoLabelled.selected(
      tmp_path, results) == inputs.PseudoLabelled(
          files=((f'{tmp_path}/a', 30), (f'{tmp_path}/b', 31)), images=50)
