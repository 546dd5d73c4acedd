# docker build -t fedmeta-exporter .
# docker run -p 10059:10059 -v fedmeta:/var/lib/fedmeta-exporter fedmeta-exporter serve sts.contoso.com

FROM python:3.13-slim AS build
WORKDIR /src
# Dependencies first: their layers last until a lock file changes.
COPY requirements-build.lock requirements.lock ./
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --no-deps -r requirements-build.lock
RUN python -m venv /opt/fedmeta-exporter \
    && /opt/fedmeta-exporter/bin/pip install --require-hashes --no-deps -r requirements.lock
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/fedmeta-exporter/bin/pip install --no-deps dist/*.whl \
    && /opt/fedmeta-exporter/bin/pip uninstall --yes pip \
    && mkdir state

FROM python:3.13-slim
LABEL org.opencontainers.image.title="fedmeta-exporter" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/fedmeta-exporter /opt/fedmeta-exporter
COPY --from=build --chown=65532:65532 /src/state /var/lib/fedmeta-exporter
ENV PATH=/opt/fedmeta-exporter/bin:$PATH \
    XDG_STATE_HOME=/var/lib
# By number: Kubernetes' runAsNonRoot cannot look a name up.
USER 65532:65532
VOLUME /var/lib/fedmeta-exporter
EXPOSE 10059
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "-c", \
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', 10059, timeout=4); c.request('GET', '/-/healthy'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["fedmeta-exporter"]
