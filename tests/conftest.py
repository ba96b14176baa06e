"""What every test of the project shares."""

from hypothesis import settings

from tests.micropython.interpreters import micropython

__all__ = ["micropython"]

# A slow machine is no bug: properties fail for what they find, never for how long they took.
settings.register_profile("quorate", deadline=None, print_blob=True)
settings.load_profile("quorate")
