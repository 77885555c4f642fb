"""Predict one image pair: `python examples/predict.py runs/student colour.png heat.png`."""

import sys
from pathlib import Path

import mdjax
from mdjax.io.images import decode_thermal_counts, decode_visible

run_dir, visible, thermal = map(Path, sys.argv[1:4])
predict = mdjax.make_image_predictor(mdjax.load_network(run_dir))
visible_u8 = decode_visible(visible.read_bytes(), visible.name)  # RGB; any array will do
found = predict(visible_u8, decode_thermal_counts(thermal.read_bytes(), thermal.name))
print(found)  # class ids [h w] of 8 bits; or boxes, scores and classes of a detector
