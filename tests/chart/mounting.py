"""The files and the environment that a pod of a rendered release has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.chart.trees import dig

if TYPE_CHECKING:
    from tests.chart.rendering import Objects
    from tests.chart.trees import Tree

WEBSITE_ID = "abc8fb18-7559-4324-9921-a4b5015b4a1c"
IN_CLUSTER: dict[str, Tree] = {
    "seg": {"SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID, "brokers": "b-1.example:9092"},
    "kafka-user": {"id": "seg-consumer", "password": "swordfish"},
    "kafka-cluster-ca-cert": {"ca.crt": "a certificate"},
    "kafka-client": {"ca.crt": "a certificate", "tls.crt": "another", "tls.key": "a key"},
    "registry": {"token": "swordfish"},
    "trust": {"ca.crt": "a certificate"},
    "schemas": {"writer.avsc": '"string"'},
}
"""The Secrets and ConfigMaps that the operator of `ci/*-values.yaml` has made."""

OF_THE_IMAGE = Path("etc/ssl/certs/ca-certificates.crt")


def mount(release: Objects, root: Path) -> dict[str, str]:
    """Lay the files of the pod of *release* out below *root*, as the kubelet would.

    Returns:
        The environment of its container, with *root* before every path.
    """
    pod = release.pods[0]
    container = pod.container("consumer")
    volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
    for place in container["volumeMounts"]:
        folder = root / str(place["mountPath"]).lstrip("/")
        folder.mkdir(parents=True)
        for name, text in _files(volumes[place["name"]], release).items():
            (folder / name).write_text(str(text).replace("/etc/", f"{root}/etc/"))
    (root / OF_THE_IMAGE).parent.mkdir(parents=True)
    (root / OF_THE_IMAGE).touch()
    return {
        str(each["name"]): str(each.get("value", "my-seg-consumer-0")).replace(
            "/etc/", f"{root}/etc/"
        )
        for each in container["env"]
    }


def _files(volume: Tree, release: Objects) -> Tree:
    match volume:
        case {
            "downwardAPI": {"items": [{"path": str(path), "fieldRef": {"fieldPath": str(field)}}]}
        }:
            key = field.removeprefix("metadata.annotations['").removesuffix("']")
            return {path: release.pods[0].metadata["annotations"][key]}
        case {"configMap": {"name": str(name)}}:
            return _content(name, release.of("ConfigMap"), "data")
        case {"secret": {"secretName": str(name)}}:
            return _content(name, release.of("Secret"), "stringData")
        case {"projected": {"sources": list(sources)}}:
            files: Tree = {}
            for secret in (source["secret"] for source in sources):
                content = _content(secret["name"], release.of("Secret"), "stringData")
                items = secret.get("items", [])
                some = {item["path"]: content[item["key"]] for item in items}
                files |= some if items else content
            return files
        case _:
            return {}


def _content(name: str, made: list[Tree], key: str) -> Tree:
    own = {str(dig(each, "metadata", "name")): each[key] for each in made if key in each}
    return own[name] if name in own else IN_CLUSTER[name]
