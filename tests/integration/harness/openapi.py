# SPDX-License-Identifier: Apache-2.0
"""Holds live answers against the server's own /openapi.json: route, status, headers, media type, every member.

Schemas are closed first: a member that an answer has and the document doesn't is a fault of the document. So is a
request that the server took and the document wouldn't.
"""

import copy
import json
import re
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft202012Validator

from .processes import Api


def _close(schema):
    """Objects with listed members have no others."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)


class Document:
    def __init__(self, document):
        self.document = document
        self.closed = copy.deepcopy(document)
        _close(self.closed)
        self.paths = [
            (re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path) for path in document["paths"]
        ]

    def operations(self):
        """(method, path, operation) of everything there is."""
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield method.upper(), path, operation

    def find(self, method, url_path):
        method = {"HEAD": "get"}.get(method, method.lower())
        for pattern, path in sorted(self.paths, key=lambda pair: pair[1].count("{")):
            if pattern.match(url_path) and method in self.document["paths"][path]:
                return path, self.closed["paths"][path][method]
        return None, None

    def resolve(self, part):
        while "$ref" in part:
            target = self.closed
            for name in part["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            part = target
        return part

    def validate(self, value, schema, what):
        # The components come along, so that local references resolve.
        whole = {**schema, "components": self.closed["components"]}
        errors = list(Draft202012Validator(whole).iter_errors(value))
        assert not errors, f"{what}: {errors[0].json_path}: {errors[0].message}"

    def check(self, response):
        """Fails unless the exchange is as documented. Unknown paths are none of its business."""
        request = response.request
        parts = urlsplit(request.url)
        path, operation = self.find(request.method, parts.path)
        if operation is None:
            return
        what = f"{request.method} {path} → {response.status_code}"
        assert str(response.status_code) in operation["responses"], f"{what} isn't documented"
        if response.ok:
            self._check_request(request, parts.query, operation, what)
        documented = self.resolve(operation["responses"][str(response.status_code)])
        for name in documented.get("headers", {}):
            assert name in response.headers, f"{what}: header {name} is missing"
        self._check_content(response, documented.get("content"), what)

    def _check_request(self, request, query, operation, what):
        known = {(p["in"], p["name"]) for p in map(self.resolve, operation.get("parameters", []))}
        for name, _ in parse_qsl(query):
            assert ("query", name) in known, f"{what} took an undocumented parameter {name}"
        if not request.body:
            return
        content = operation["requestBody"]["content"]["application/json"]
        self.validate(json.loads(request.body), content["schema"], f"the body that {what} took")

    def _check_content(self, response, content, what):
        if content is None or response.request.method == "HEAD":
            assert response.content == b"", f"{what}: a body isn't documented: {response.text}"
            return
        media_type = response.headers["content-type"].split(";")[0]
        assert media_type in content, f"{what}: media type {media_type}"
        if media_type.endswith("json"):
            self.validate(response.json(), content[media_type]["schema"], what)


class CheckedApi(Api):
    """The admin API, where every exchange is held against its document."""

    def __init__(self, url, key, dispatcher_url=None):
        super().__init__(url, key, dispatcher_url)
        self.document = Document(super().call("GET", "/openapi.json").json())

    def call(self, method, path, **kwargs):
        response = super().call(method, path, **kwargs)
        self.document.check(response)
        return response
