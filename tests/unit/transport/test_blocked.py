"""Nothing gets out of a blocked transport, and its error says what wanted to."""

import pytest
import trio

from talkqa.model.errors import RunError
from talkqa.transport.blocked import BlockedTransport
from talkqa.transport.network import open_http


def test_a_blocked_request_is_told_without_its_secrets() -> None:
    async def main() -> None:
        async with open_http(BlockedTransport("this run replays recordings")) as http:
            await http.get("https://me:hidden@wave.example/customers?key=hidden#hidden")

    with pytest.raises(RunError) as caught:
        trio.run(main)
    told = "GET https://wave.example/customers must not reach the network: this run replays recordings"
    assert str(caught.value) == told
