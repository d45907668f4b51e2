from tests.server.conftest import desk as desk
