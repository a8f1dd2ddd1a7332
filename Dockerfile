# syntax=docker/dockerfile:1
# The image of seg-consumer: locked wheels in, nothing built from source, nobody's root.
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t seg-consumer:0.1.0 .
#
# For a build that can be repeated, pin the base by its digest: --build-arg BASE=…@sha256:…
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# The packages change seldom: they are a layer of their own.
COPY requirements/run.txt requirements/build.txt requirements/
RUN python -m venv --without-pip /opt/seg-consumer \
 && python -m pip --python /opt/seg-consumer/bin/python install --no-deps --require-hashes --only-binary :all: -r requirements/run.txt \
 && python -m pip install --no-deps --require-hashes --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas/ schemas/
COPY consumer/ consumer/
RUN python -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir dist . \
 && python -m pip --python /opt/seg-consumer/bin/python install --no-deps --no-index dist/*.whl

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="seg-consumer" \
      org.opencontainers.image.description="Delivers Segment events from a Kafka topic to Seg, at least once and in order for each key." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/seg-consumer /opt/seg-consumer
ENV PATH=/opt/seg-consumer/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /tmp
EXPOSE 9090
# Kubernetes has probes of its own; this one is for Docker.
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s \
    CMD ["python", "-c", "from os import environ; from urllib.request import urlopen; urlopen('http://127.0.0.1:' + environ.get('SEG_HTTP__PORT', '9090') + '/livez', timeout=4)"]
ENTRYPOINT ["seg-consumer"]
CMD ["run"]
