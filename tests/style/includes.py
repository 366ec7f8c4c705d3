#!/usr/bin/env python3
"""Reads every #include of the project and fails on an arrow that points upwards.

    python3 tests/style/includes.py [ROOT]

The rooms of common/ lie in layers; a file includes what is in its own room or in a lower layer. A
chapter includes earlier chapters and common/, and common/ includes no chapter. In common/ops what an
op is (*.h) includes neither cpu/ nor cuda/, and the two do not know each other's code: what both
share, shapes and options, stands in cpu/*.h.
"""

import collections
import pathlib
import re
import sys

# From the bottom to the top. Rooms of one line do not include each other.
LAYERS = [
    ["error"],
    ["parallel"],
    ["io"],
    ["text", "random", "image"],
    ["device"],
    ["tensor"],
    ["autograd"],
    ["ops"],
    ["nn"],
    ["figures"],
    ["report", "verify"],
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
INCLUDE = re.compile(r'^\s*#\s*include "((?:common|chapters)/[^"]+)"', re.MULTILINE)


def room(path: str) -> str:
    return pathlib.PurePosixPath(path).parts[1].split(".")[0]


def chapter(path: str) -> int:
    """The number of a chapter; the program `ldm` uses them all."""
    number = pathlib.PurePosixPath(path).parts[1].split("_")[0]
    return int(number) if number.isdigit() else 99


def trouble(file: str, included: str) -> str | None:
    if file.startswith("chapters/"):
        if included.startswith("chapters/") and chapter(included) > chapter(file):
            return "a chapter uses a later one"
        return None
    if included.startswith("chapters/"):
        return "common/ uses a chapter"
    mine, other = room(file), room(included)
    if mine == other:
        if re.match(r"common/ops/\w+\.h$", file) and re.match(r"common/ops/(cpu|cuda)/", included):
            return "what an op is names a device's code"
        return None
    if other not in LEVEL or mine not in LEVEL:
        return f"the layers of tests/style/includes.py do not have common/{mine if mine not in LEVEL else other}"
    if LEVEL[other] >= LEVEL[mine]:
        return f"common/{mine} lies below or beside common/{other}"
    return None


def cycle(graph: dict[str, set[str]]) -> list[str] | None:
    """Files that include each other in a circle, or None."""
    state: dict[str, int] = collections.defaultdict(int)
    for start in sorted(graph):
        way = [(start, iter(sorted(graph[start])))]
        while way:
            file, rest = way[-1]
            state[file] = 1
            following = next((f for f in rest if state[f] != 2), None)
            if following is None:
                state[file] = 2
                way.pop()
            elif state[following] == 1:
                names = [name for name, _ in way]
                return names[names.index(following) :] + [following]
            else:
                way.append((following, iter(sorted(graph.get(following, ())))))
    return None


def main() -> None:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
    troubles, graph, count = [], collections.defaultdict(set), 0
    for folder in ("common", "chapters"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp", ".cu", ".cuh"):
                continue
            file = path.relative_to(root).as_posix()
            for included in INCLUDE.findall(path.read_text()):
                count += 1
                graph[file].add(included)
                if not (root / included).is_file():
                    troubles.append(f"{file}: includes {included}, which is not there")
                elif why := trouble(file, included):
                    troubles.append(f"{file}: includes {included}: {why}")
    if circle := cycle(graph):
        troubles.append("includes in a circle: " + " -> ".join(circle))
    print("\n".join(troubles))
    if troubles or not count:
        sys.exit(f"{len(troubles)} of {count} includes point upwards")
    print(f"{count} includes, none points upwards")


if __name__ == "__main__":
    main()
