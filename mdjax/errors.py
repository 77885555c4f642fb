"""The one error that people see; apart from all else, so that it is there before JAX is loaded."""


class MdjaxError(Exception):
    """Input that a person has to fix; the message names the file and the remedy.

    The command line prints the message alone, without a traceback.
    """
