"""Deliberate bugs in the feature level (contract M10)."""

from __future__ import annotations

from .mutation import in_core

UPGRADES = (
    in_core(
        "feature level raised although one member has not told",
        "upgrade",
        "        for member in configuration.members:\n            level = min(",
        "        for member in configuration.members[:-1]:\n            level = min(",
    ),
    in_core(
        "feature level in force before it is committed",
        "features",
        "            level = log.configurations.at(log.settled_index).feature_level\n",
        "            level = log.configurations.newest.feature_level\n",
    ),
    in_core(
        "feature level lost in a joint configuration",
        "changes",
        "        outgoing=configuration.voters,\n",
        "        outgoing=configuration.voters,\n        feature_level=1,\n",
    ),
    in_core(
        "feature level lost in a snapshot",
        "snapshots",
        "log.configurations.at(index))",
        "log.configurations.at(index).replaced(feature_level=1))",
    ),
    in_core(
        "old program goes on above its level",
        "node",
        "            self.features.check(known.newest)\n",
        "",
    ),
)
