"""What OpenCV prints of its own, which is nothing while mdjax reads files."""

import threading

import cv2


class _QuietOpenCv:
    """Keeps OpenCV from printing lines of its own about a damaged file, ahead of our message.

    Its level holds for the whole process, whose other calls are none of our business: the first of
    the threads that decode lowers it, the last one restores it.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._num_inside = 0
        self._level = cv2.utils.logging.LOG_LEVEL_WARNING

    def __enter__(self) -> None:
        with self._lock:
            if self._num_inside == 0:
                self._level = cv2.utils.logging.getLogLevel()
                cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
            self._num_inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._num_inside -= 1
            if self._num_inside == 0:
                cv2.utils.logging.setLogLevel(self._level)


QUIET_OPENCV = _QuietOpenCv()
"""A context in which OpenCV prints nothing."""
