"""What holds for all tests."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The gate draws the same examples each time: it judges a change, and new examples are for those who look for them.
settings.register_profile("gate", parent=settings.get_profile("default"), derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") else "default")
