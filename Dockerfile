# syntax=docker/dockerfile:1
# The image of seg-consumer: locked wheels in, our own hot modules compiled, nobody's root.
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t seg-consumer:0.1.0 .
#
# For a build that can be repeated, pin the base by its digest: --build-arg BASE=…@sha256:…
# An index or an authority of your company's: see docs/deploy.md, "The image".
ARG BASE=docker.io/library/python:3.11-slim-bookworm

# The packages change seldom: they are a layer of their own. Two builds of one tree make the same files.
FROM ${BASE} AS packages
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONHASHSEED=0
COPY requirements/run.txt requirements/
# Rich needs pygments (9.7 MB) only to colour source code, which no command shows.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem \
    python -m venv --without-pip /opt/seg-consumer \
 && python -m pip --python /opt/seg-consumer/bin/python install --no-compile --no-deps --require-hashes --only-binary :all: -r requirements/run.txt \
 && find /opt/seg-consumer/bin ! -name "python*" -type f -delete \
 && rm -r /opt/seg-consumer/lib/python3*/site-packages/pygments* \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/seg-consumer/lib

FROM packages AS program
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends gcc libc6-dev >/dev/null \
 && rm -rf /var/lib/apt/lists/*
COPY requirements/build.txt requirements/compiled.py requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.pem \
    python -m venv --without-pip tools \
 && python -m pip --python tools/bin/python install --no-deps --require-hashes --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas/ schemas/
COPY consumer/ consumer/
# BUILD=pure makes it Python alone: slower, and the same.
ARG BUILD=compiled
RUN SEG_CONSUMER_BUILD=${BUILD} python -m pip --python tools/bin/python wheel --no-deps --no-build-isolation --no-index --wheel-dir dist . \
 && python -m pip --python /opt/seg-consumer/bin/python install --no-compile --no-deps --no-index --prefix program dist/*.whl \
 && python -m compileall -q --invalidation-mode unchecked-hash -s program -p /opt/seg-consumer program/lib

FROM ${BASE}
# What runs installs nothing.
RUN rm -rf /usr/local/bin/pip* /usr/local/bin/wheel /usr/local/lib/python3*/ensurepip /usr/local/lib/python3*/site-packages/*
COPY --from=packages /opt/seg-consumer /opt/seg-consumer
COPY --from=program /build/program /opt/seg-consumer
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="seg-consumer" \
      org.opencontainers.image.description="Delivers Segment events from a Kafka topic to Seg, at least once and in order for each key." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/seg-consumer/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /tmp
EXPOSE 9090
# Kubernetes has probes of its own; this one is for Docker.
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s CMD ["seg-consumer", "alive"]
ENTRYPOINT ["seg-consumer"]
CMD ["run"]
