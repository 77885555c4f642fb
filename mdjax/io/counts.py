"""Counts in sentences: "1 image", "2 images"."""


def format_count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    Args:
        number: How many.
        noun: What of, in the singular.
        plural: Its plural; the noun with an s by default.
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
