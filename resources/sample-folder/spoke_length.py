"""Spoke lengths for wheels built at the workshop.

The formula is the usual one: the spoke is the third side of a triangle between
flange hole and rim, lifted by the distance from the flange to the wheel's centre.
Measured against forty wheels, the result is on average 0.4 mm too long, so it is
always rounded down.
"""

from math import cos, pi, sqrt

NIPPLE_ALLOWANCE_MM = 1.5  # what the brass nipples from Calder take up


def spoke_length_mm(
    rim_diameter_mm: float,
    flange_diameter_mm: float,
    flange_offset_mm: float,
    spokes: int = 36,
    crosses: int = 3,
    hole_diameter_mm: float = 2.6,
) -> int:
    """Length to order for one side of a wheel, in whole millimetres."""
    angle = 4 * pi * crosses / spokes
    rim, flange = rim_diameter_mm / 2, flange_diameter_mm / 2
    in_plane = rim**2 + flange**2 - 2 * rim * flange * cos(angle)
    length = sqrt(in_plane + flange_offset_mm**2) - hole_diameter_mm / 2
    return int(length - NIPPLE_ALLOWANCE_MM)


if __name__ == "__main__":
    # The rear wheel of the green Harrier: 605 mm rim, 45 mm flanges.
    print("drive side", spoke_length_mm(605, 45, 17.5))
    print("other side", spoke_length_mm(605, 45, 33.0))
