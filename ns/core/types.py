"""The words for axes, and what an example is.

Axes: `batch`, `height`, `width`, `channels`, `classes`. Images are uint8 on the
host and float32 in [0, 255] in a model, which normalises them itself.

An example of a training batch is a dict of these features, whatever kind of
image it is; `label` is always a distribution, a true label being a one-hot.
"""

# [height, width, channels] uint8.
IMAGE = 'image'
# [height, width, channels] uint8, without noise, as a teacher in the step sees
# it: of the unlabelled images of a batch alone, in their order.
TEACHER_IMAGE = 'teacher_image'
# [classes] float32, a distribution; zeros until a teacher in the step gives it.
LABEL = 'label'
# [] float32: the example's part in the loss, 0 if its image does not decode.
WEIGHT = 'weight'
# [] float32, 1 if a person labelled it: for metrics, never for the loss.
IS_LABELLED = 'is_labelled'
# [] string, the example's stable name: on the host only.
KEY = 'key'
# [] int64, of the example and epoch: where its random numbers come from.
SEED = 'seed'
# [] bool, of a record that was decoded: whether it could be.
IS_GOOD = 'is_good'
