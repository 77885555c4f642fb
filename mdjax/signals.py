"""Signals that become exceptions, where Python does not drop them."""

import _thread
import gc
import threading
import weakref
from collections.abc import Callable
from types import CodeType, FrameType

Handler = Callable[[int, FrameType | None], None]

_AGAIN_S = 0.02
_NUM_FRAMES = 4


def postpone_where_dropped(handler: Handler) -> Handler:
    """Call a handler that raises a little later where its exception would be lost.

    What is raised in a callback of the garbage collector (JAX has one) or of a weak reference, or
    in `__del__`, is printed and forgotten: a program would go on as if nobody had pressed Ctrl-C.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        if _is_dropped(frame):
            again = threading.Timer(_AGAIN_S, _thread.interrupt_main, (number,))
            again.daemon = True
            again.start()
            return
        handler(number, frame)

    return handle


def _is_dropped(frame: FrameType | None) -> bool:
    callbacks = [getattr(callback, "__code__", None) for callback in gc.callbacks]

    def drops(code: CodeType) -> bool:
        is_of_reference = code.co_filename == weakref.__file__
        return code in callbacks or is_of_reference or code.co_name == "__del__"

    for _ in range(_NUM_FRAMES):
        if frame is None:
            return False
        if drops(frame.f_code):
            return True
        frame = frame.f_back
    return False
