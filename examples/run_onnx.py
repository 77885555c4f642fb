"""Label an image pair, or find objects in it, with an exported network: no JAX, no mdjax.

    mdjax export runs/distilled        (a detector: with --head nms)
    python examples/run_onnx.py exported/model.onnx visible.png thermal.png labels.png

Needs onnxruntime, numpy and pillow. Counts of 16 bits are mapped as in training.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

model, *paths, target = sys.argv[1:] if len(sys.argv) > 3 else sys.exit(__doc__)
if lost := [path for path in (model, *paths) if not Path(path).is_file()]:
    sys.exit(f"{lost[0]}: there is no such file.")
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
facts = session.get_modelmeta().custom_metadata_map
class_names, counts = json.loads(facts["class_names"]), json.loads(facts["thermal_range_counts"])
inputs, outputs, feed = json.loads(facts["inputs"]), json.loads(facts["outputs"]), {}
names, is_read = [x["name"] for x in inputs], {"class_ids", "classes", "logits"} & {*outputs}
if not is_read or inputs[0]["shape"][0] > 1 or names == ["visible_thermal"]:
    sys.exit("Export it without --batch-size and --in-one-array; a detector with --head nms.")
if len(paths) != len(inputs) or Path(target).exists():
    sys.exit(f"Give MODEL, {', '.join(names)} and, for the labels, a file that is not there yet.")
for described, path in zip(inputs, paths, strict=True):
    image, is_thermal = Image.open(path), described["channels"] == "thermal"
    if is_thermal and counts:
        grey = 255 * (np.asarray(image, np.float32) - counts[0]) / (counts[1] - counts[0])
        image = Image.fromarray(np.clip(grey, 0, 255).round().astype(np.uint8))
    if image.mode not in ("L", "RGB"):
        sys.exit(f"{path}: has pixels of the kind {image.mode}; give 8 bits a channel.")
    image = image.convert("L" if is_thermal else "RGB").resize(described["size_wh"])
    pixels = np.asarray(image).reshape(1, *image.size[::-1], -1)
    pixels = pixels.transpose(0, 3, 1, 2) if described["axes"] == "b c h w" else pixels
    feed[described["name"]] = pixels / np.float32(255) if described["range"] == [0, 1] else pixels
answers = dict(zip(outputs, map(np.asarray, session.run(None, feed)), strict=True))
if "class_ids" in answers:
    for box, score, k in zip(*answers.values(), strict=True):
        print(f"{class_names[k]:16}{score:6.3f}  {' '.join(f'{x:.1f}' for x in box)}")
else:
    labels = answers["classes"] if "classes" in answers else answers["logits"].argmax(1)
    Image.fromarray(labels[0].astype(np.uint8)).save(target)
    for k, share in enumerate(np.bincount(labels.ravel(), minlength=len(class_names))):
        print(f"{class_names[k]:16}{100 * share / labels.size:8.2f} %")
