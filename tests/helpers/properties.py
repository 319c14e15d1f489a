"""Settings of properties (hypothesis)."""

from hypothesis import HealthCheck, settings

WHOLE = "ci"  # the profile of --whole
_FEW = 20


def costly(examples: int) -> settings:
    """Returns settings for a property whose examples each import files or fill a database.

    A test run of minutes tries few; all of them are tried with --whole.
    """
    is_whole = settings.get_current_profile_name() == WHOLE
    return settings(
        max_examples=examples if is_whole else min(examples, _FEW),
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
