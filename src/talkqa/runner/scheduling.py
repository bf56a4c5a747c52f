"""The pytest-xdist scheduler that keeps each world in one worker; imported only where xdist distributes."""

from collections import defaultdict

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from talkqa.runner.distribution import deal_items, scope_of, worker_index
from talkqa.runner.manifest import WorldFolders


class WorldScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Hands every worker its whole share at once, so that all of its scenarios can run ahead."""

    collection: list[str] | None

    def __init__(self, config: pytest.Config, log: Producer, folders: WorldFolders) -> None:
        super().__init__(config, log)
        self._root = config.rootpath
        self._folders = folders

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid, self._root, self._folders)

    def schedule(self) -> None:
        """Deal out everything the first time; later calls hand on what a lost worker left."""
        if self.collection is not None or not self._check_nodes_have_same_collection():
            super().schedule()
            return
        self.collection = list(next(iter(self.registered_collections.values())))
        if self.collection:
            self._deal(self.collection)

    def _deal(self, collection: list[str]) -> None:
        positions: defaultdict[str, list[int]] = defaultdict(list)
        for position, nodeid in enumerate(collection):
            positions[self._split_scope(nodeid)].append(position)
        shares = deal_items(collection, self._root, self._folders, self.numnodes)
        nodes = {worker_index(node.gateway.id): node for node in self.nodes}
        for scope, indices in positions.items():
            node = nodes.get(shares[scope]) or self.nodes[0]
            self.assigned_work[node][scope] = dict.fromkeys((collection[i] for i in indices), False)
            node.send_runtest_some(indices)
        for node in self.nodes:
            if not self.assigned_work[node]:
                del self.assigned_work[node]
            node.shutdown()  # a worker runs what was sent before; it holds its last item back until this
