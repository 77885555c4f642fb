"""Steps, loop and evaluation; nothing here knows a particular network or task."""
