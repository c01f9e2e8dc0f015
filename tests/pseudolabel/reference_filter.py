"""The filter of the released code, as loops over images.

Written anew after filter_unlabel.py of Noisy Student (`get_threshold` and
`get_keep_image_idx`, described in REFERENCE.md 1.6): statistics of each worker
by class, their sum, a scan for each class, then a number of copies by a draw
for each image that is kept. Confidences and thresholds are Python floats, as
numpy compared a float32 with a float then.
"""


def copies(labels, confidences, draws, *, classes, num_image, min_threshold,
           upsample=True, use_all=False, max_prob=2.0, workers=3):
  """How often each image is written.

  Args:
    labels: class of each image.
    confidences: the probability of that class.
    draws: what the random number of each image is.
    classes: how many.
    num_image: images wanted of a class.
    min_threshold: a number of the grid.
    upsample, use_all, max_prob: the script's flags.
    workers: among which the images are dealt out for the statistics.
  """
  grid = [i / 100. for i in range(101)]
  confidences = [float(c) for c in confidences]
  total_counts = [[0] * len(grid) for _ in range(classes)]
  for worker in range(workers):
    for label in range(classes):
      mine = sorted((-confidences[i] for i in range(worker, len(labels),
                                                    workers)
                     if labels[i] == label))
      mine = [-c for c in mine]
      passed = start = 0
      for j in reversed(range(len(grid))):
        while passed < len(mine) and mine[passed] >= grid[j]:
          passed += 1
        total_counts[label][j] += passed - start
        start = passed
  selected = []
  for label in range(classes):
    total, index = 0, None
    for i in reversed(range(len(grid))):
      if min_threshold <= grid[i] < max_prob:
        total += total_counts[label][i]
        if not use_all and total >= num_image:
          index = i
          break
        if grid[i] == min_threshold:
          index = i
          break
    selected.append((grid[index], total))
  result = []
  for label, confidence, draw in zip(labels, confidences, draws):
    threshold, total = selected[label]
    number = 0
    if threshold <= confidence <= max_prob:
      include = 1 if use_all else num_image / total
      if not upsample:
        include = min(include, 1)
      number = int(include) + int(draw < include - int(include))
    result.append(number)
  return result
