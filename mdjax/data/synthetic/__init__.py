"""Generated RGB-thermal street scenes with exact masks and boxes."""

from mdjax.data.synthetic.class_ids import ClassId
from mdjax.data.synthetic.render import RenderedScene, check_scene_settings, render_scene
