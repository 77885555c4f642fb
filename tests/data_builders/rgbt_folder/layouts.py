"""Every layout that is recognised, one line each, as the table in docs/datasets.md names them."""

Layouts = dict[str, tuple[str, str]]
"""Visible and thermal file by name of the layout; of a split and of a pair's name."""

WITH_SPLITS: Layouts = {
    "camera_split": ("visible/{split}/{name}.jpg", "thermal/{split}/{name}.png"),
    "split_camera": ("{split}/visible/{name}.png", "{split}/infrared/{name}.png"),
    "llvip": ("visible/{split}/{name}.jpg", "infrared/{split}/{name}.jpg"),
    "rgb_thermal": ("rgb/{split}/{name}.png", "thermal/{split}/{name}.png"),
    "msrs": ("{split}/vi/{name}.png", "{split}/ir/{name}.png"),
    "upper_case": ("VISIBLE/{Split}/{name}.PNG", "Thermal/{split}/{name}.TIF"),
    "yolo_images": ("images/visible/{split}/{name}.png", "images/ir/{split}/{name}.png"),
    "yolo_each": ("rgb/images/{split}/{name}.png", "ir/images/{split}/{name}.png"),
    "roboflow": (
        "rgb/{split}/images/{name}_jpg.rf.a{name}1.jpg",
        "thermal/{split}/images/{name}_jpg.rf.b{name}2.jpg",
    ),
    "words": ("{split}/{name}_co.png", "{split}/{name}_ir.png"),
    "words_in_images": ("images/{split}/{name}_visible.png", "images/{split}/{name}_thermal.png"),
    "words_in_front": ("{split}/RGB_{name}.png", "{split}/T_{name}.png"),
    "words_and_folders": ("visible/{split}/{name}_vi.png", "thermal/{split}/{name}_ir.png"),
    "word_of_one_camera": ("visible/{split}/{name}.png", "lwir/{split}/{name}_lwir.png"),
    "sequence_split": ("s1/visible/{split}/{name}.png", "s1/thermal/{split}/{name}.png"),
    "drone": ("{split}/DJI_{name}_V.JPG", "{split}/DJI_{name}_T.JPG"),
    "tiff": ("visible/{split}/{name}.tif", "thermal/{split}/{name}.tiff"),
}
NAMES = {"roboflow": "{name}_jpg", "sequence_split": "s1/{name}", "drone": "DJI_{name}"}
"""Of pairs, where a layout with splits calls them otherwise than `{name}`."""

WITH_LISTS: Layouts = {
    "camera": ("visible/{name}.jpg", "thermal/{name}.png"),
    "lwir": ("visible/{name}.png", "lwir/{name}.png"),
    "rgbx": ("RGB/{name}.png", "ModalX/{name}.png"),
    "rgb_t": ("RGB/{name}.jpg", "T/{name}.jpg"),
    "jpegimages": ("JPEGImages/{name}_RGB.jpg", "JPEGImages/{name}_PreviewData.jpeg"),
    "words_beside_lists": ("{name}_rgb.png", "{name}_t.png"),
}
NESTED: Layouts = {
    "camera_sequence": ("visible/s{name}/{name}.png", "thermal/s{name}/{name}.png"),
    "sequence_camera": ("images/s{name}/visible/{name}.png", "images/s{name}/lwir/{name}.png"),
    "sequence_words": ("s{name}/{name}_vis.png", "s{name}/{name}_tir.png"),
}
SPLITS = {"train": ("0", "1"), "val": ("2",), "test": ("3",)}
