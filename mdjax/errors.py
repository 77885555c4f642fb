"""The one error that people see; apart from all else, so that it is there before JAX is loaded."""


class MdjaxError(Exception):
    """Input that a person has to fix; the message names the file and the remedy.

    The command line prints the message alone, without a traceback.

    Example:
        >>> import mdjax
        >>> try:
        ...     mdjax.get_preset("mfnet-smal-md")
        ... except mdjax.MdjaxError as error:
        ...     print(error)
        there is no preset mfnet-smal-md; did you mean mfnet-small-md?
    """
