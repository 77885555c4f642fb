"""Label an image pair, or find objects in it, with an exported network: no JAX, no mdjax.

    mdjax export runs/distilled --head classes        (a detector: --head nms)
    python examples/run_onnx.py exported/model.onnx visible.png thermal.png labels.png

Needs onnxruntime, numpy and pillow. Counts of 16 bits are mapped as in training.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
facts = session.get_modelmeta().custom_metadata_map
class_names, counts = json.loads(facts["class_names"]), json.loads(facts["thermal_range_counts"])
feed = {}
for described, path in zip(json.loads(facts["inputs"]), sys.argv[2:], strict=False):
    image, is_thermal = Image.open(path), described["channels"] == "thermal"
    if is_thermal and counts:
        grey = 255 * (np.asarray(image, np.float32) - counts[0]) / (counts[1] - counts[0])
        image = Image.fromarray(np.clip(grey, 0, 255).round().astype(np.uint8))
    image = image.convert("L" if is_thermal else "RGB").resize(described["size_wh"])
    pixels = np.asarray(image).reshape(1, *image.size[::-1], -1)
    if described["axes"] == "b c h w":
        pixels = pixels.transpose(0, 3, 1, 2)
    is_float = described["type"] == "float32"
    feed[described["name"]] = pixels.astype(np.float32) / 255 if is_float else pixels
arrays = map(np.asarray, session.run(None, feed))
answers = dict(zip(json.loads(facts["outputs"]), arrays, strict=True))
if "classes" in answers:
    Image.fromarray(answers["classes"][0]).save(sys.argv[-1])
    for k, count in enumerate(np.bincount(answers["classes"].ravel(), minlength=len(class_names))):
        print(f"{class_names[k]:16}{100 * count / answers['classes'].size:8.2f} %")
if "class_ids" in answers:
    for box, score, k in zip(*answers.values(), strict=True):
        print(f"{class_names[k]:16}{score:6.3f}  {' '.join(f'{x:.1f}' for x in box)}")
