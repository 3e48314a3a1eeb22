"""Compares two images: their files and how they run. Differences that tests/builds/expected names for the build are left out."""
import hashlib
import json
import shlex
import sys
import tarfile

work, name, expected_file = sys.argv[1:4]
expected = set()
for line in open(expected_file, encoding="utf-8"):
    words = shlex.split(line, posix=True) if line.startswith(name + " ") else []
    expected.update(words[1:2])


def files(path):
    found = {}
    with tarfile.open(path) as archive:
        for entry in archive:
            entry_name = entry.name.removeprefix("./").rstrip("/") or "."
            digest = hashlib.sha256(archive.extractfile(entry).read()).hexdigest()[:12] if entry.isreg() else ""
            kind = b"0" if entry.islnk() else entry.type
            content = found.get(entry.linkname.removeprefix("./"), (0, 0, 0, 0, "", digest))[5] if entry.islnk() else digest
            found[entry_name] = (kind, entry.mode, entry.uid, entry.gid, entry.linkname if entry.issym() else "", content)
    found.pop(".", None)
    return found


def config():
    ours = json.load(open(work + "/ours.json", encoding="utf-8"))[0]["Config"]
    theirs = json.load(open(work + "/theirs.json", encoding="utf-8"))["Docker"]["config"]
    keys = ["Env", "Cmd", "Entrypoint", "WorkingDir", "User", "ExposedPorts", "Volumes", "Labels", "StopSignal", "Healthcheck", "OnBuild", "Shell"]
    for one in (ours, theirs):
        (one.get("Labels") or {}).pop("io.buildah.version", None)
    return {key: (said(ours.get(key)), said(theirs.get(key))) for key in keys}


def said(value):
    """Without members that say nothing."""
    return ({key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value) or None


different = []
left, right = files(work + "/ours.tar"), files(work + "/theirs.tar")
for path in sorted(left.keys() | right.keys()):
    if left.get(path) != right.get(path):
        different.append(("/" + path, left.get(path), right.get(path)))
for key, (ours, theirs) in config().items():
    if (sorted(ours) if key == "Env" and ours else ours) != (sorted(theirs) if key == "Env" and theirs else theirs):
        different.append((key, ours, theirs))
different = [one for one in different if one[0] not in expected]
for what, ours, theirs in different:
    print(f"builds: {name}: {what}: ours {ours}, theirs {theirs}")
sys.exit(1 if different else 0)
