"""Generated RGB-thermal street scenes with exact masks and boxes."""

from mdjax.scenes.class_ids import CLASS_NAMES, ClassId
from mdjax.scenes.render import RenderedScene, check_scene_settings, render_scene
