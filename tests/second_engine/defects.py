"""Bugs that the second engine can be given, each of its own making."""

from enum import StrEnum


class Defect(StrEnum):
    """What goes wrong."""

    FORGETS_A_PROPERTY = "forgets-a-property"
    MAKES_TWO = "makes-two"
    LOSES_THE_LINK = "loses-the-link"
    DEAF_TO_THE_RIGHT = "deaf-to-the-right"
    ECHOES = "echoes"
