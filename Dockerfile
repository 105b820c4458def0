# boltz-keyscan with git, and nothing else that is not needed to scan a repository mounted at /repo:
#
#   docker build --tag boltz-keyscan .
#   docker run --rm --network none --volume "$PWD:/repo:ro" boltz-keyscan
#
# The base is pinned by a tag, which moves with fixes of Debian and Python; what is installed with pip is pinned by
# hash. For a build that is the same every time give the base with its digest: "docker buildx imagetools inspect
# python:3.13-slim-trixie" shows it, --build-arg BASE=python:3.13-slim-trixie@sha256:... takes it.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
WORKDIR /source
COPY pipelines/build.txt pipelines/requirements.txt pipelines/sbom.cdx.json pipelines/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r pipelines/build.txt
RUN python -m venv --without-pip /opt/boltz-keyscan \
    && /opt/build/bin/pip --python /opt/boltz-keyscan/bin/python install --no-cache-dir --require-hashes \
        --only-binary :all: -r pipelines/requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY rules rules
COPY man man
COPY boltz_keyscan boltz_keyscan
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /opt/wheels . \
    && /opt/build/bin/pip --python /opt/boltz-keyscan/bin/python install --no-deps --no-index /opt/wheels/*.whl

FROM ${BASE}
# Of git whatever the release has: it is what gets the fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*
# Whoever runs it (docker run --user) may keep what was seen there, on a volume.
RUN mkdir --mode=1777 /cache
COPY --from=build /opt/boltz-keyscan /opt/boltz-keyscan
ENV PATH=/opt/boltz-keyscan/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    XDG_CACHE_HOME=/cache
WORKDIR /repo
# Nobody in particular: a number needs no entry in /etc/passwd, and Kubernetes can see that it is not root.
USER 65532:65532
# Isolated: no module comes from the mounted repository, whatever the environment says. -B as above, which -I leaves out.
ENTRYPOINT ["/opt/boltz-keyscan/bin/python", "-IB", "-m", "boltz_keyscan"]
CMD ["."]
