# Both programs in one image; docker-compose.yml says which of them a container runs.

# The same Debian release in both stages, so that the C library fits.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# The mounts keep downloads and compiled dependencies between builds: after an
# edit only our own crates are compiled. They are not part of the image, so the
# binaries are copied out within the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p examples -p http-bridge --bin services --bin http-bridge \
 && mkdir /out \
 && cp target/release/services target/release/http-bridge /out/

FROM debian:bookworm-slim
# Roots for TLS to NATS and to a JWKS URL.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ /usr/local/bin/
# A number, because Kubernetes checks `runAsNonRoot` against numbers only.
USER 65532:65532
# Both drain on SIGTERM: they finish what runs and take nothing new.
STOPSIGNAL SIGTERM
CMD ["services"]
