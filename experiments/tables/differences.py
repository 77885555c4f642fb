"""What several tables compare."""

from mdjax.studies.comparison import Difference

FUSION = (
    Difference("teacher", "native-full", "feature-level over image-level fusion"),
    Difference("native-full", "visible-only", "image-level fusion over the visible image"),
    Difference("native-full", "decision-level-full", "image-level over decision-level fusion"),
)
RESOLUTION = (
    Difference("distilled-full", "native-full", "MD at full resolution"),
    Difference("distilled-4x", "native-4x", "MD at 4x fewer pixels"),
    Difference("distilled", "native", "MD at 16x fewer pixels"),
    Difference("distilled-64x", "native-64x", "MD at 64x fewer pixels"),
    Difference("distilled-none", "visible-only", "MD without a thermal camera"),
    Difference("native", "native-full", "what 16x fewer pixels cost the native student"),
    Difference("distilled", "distilled-full", "what 16x fewer pixels cost the distilled one"),
)
STATE_OF_THE_ART = (
    Difference("distilled", "teacher", "the practical student against its teacher"),
    Difference("distilled-full", "teacher", "the full student against its teacher"),
)
ABLATION = (
    Difference("distilled-mse-alone", "student", "semantic transfer by the MSE"),
    Difference("distilled-focal-alone", "student", "semantic transfer by F-MSE"),
    Difference("distilled-attention-alone", "student", "attention transfer"),
    Difference("distilled-focal-alone", "distilled-mse-alone", "F-MSE over MSE"),
    Difference("distilled-focal", "distilled-mse", "F-MSE over MSE, both with attention"),
    Difference("distilled-focal", "distilled-focal-alone", "attention added to F-MSE"),
    Difference("distilled-mse", "distilled-mse-alone", "attention added to the MSE"),
)
