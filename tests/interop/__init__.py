import pytest

# What these assert is shown as fully as what the tests themselves assert.
pytest.register_assert_rewrite("tests.interop.flows", "tests.interop.sipharness.listening")
