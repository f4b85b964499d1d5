# syntax=docker/dockerfile:1
# Two images: `server` (API, worker, migrations: the command decides) and `proxy` (Caddy, for TLS).

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements.txt requirements-build.txt /build/
RUN pip install --require-hashes -r /build/requirements-build.txt \
    && python -m venv --without-pip /opt/entryguard \
    && pip --python /opt/entryguard/bin/python install --require-hashes --only-binary :all: -r /build/requirements.txt
COPY pyproject.toml setup.cfg README.md LICENSE /build/
COPY api /build/api
COPY worker /build/worker
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheels /build \
    && pip --python /opt/entryguard/bin/python install --no-deps /build/wheels/*.whl

FROM python:3.13-slim-bookworm AS server
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin entryguard
COPY --from=build /opt/entryguard /opt/entryguard
ENV PATH=/opt/entryguard/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["entryguard-server"]
CMD ["serve"]

FROM caddy:2-alpine AS proxy
# It listens above 1024 and needs no capability; with one on the file it would not start where all are dropped.
RUN setcap -r /usr/bin/caddy && chown -R 10002:10002 /data /config
COPY tools/deployment/Caddyfile /etc/caddy/Caddyfile
USER 10002:10002
