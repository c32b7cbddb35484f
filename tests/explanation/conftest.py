from tests.adoption.conftest import depot

__all__ = ["depot"]
