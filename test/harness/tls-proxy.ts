/** A proxy that terminates TLS for a Temporal server, as Temporal Cloud does, and accepts only requests with its API key. */
import { writeFile } from 'node:fs/promises';
import {
  connect,
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface TlsProxy {
  /** host:port */
  readonly address: string;
  /** The certificate that clients have to trust. */
  readonly certificateFile: string;
  /** How many requests came with the API key, and how many without it. */
  readonly requests: { accepted: number; refused: number };
  close(): void;
}

/** `folder`: where the new certificate is stored. `address`: the Temporal server, host:port. */
export async function startTlsProxy(folder: string, address: string, apiKey: string): Promise<TlsProxy> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    // SHA-1, its default, is no longer accepted.
    algorithm: 'sha256',
    extensions: [
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
      // Temporal's worker refuses a server certificate that is also a CA certificate.
      { name: 'basicConstraints', cA: false },
    ],
  });
  const certificateFile = join(folder, 'certificate.pem');
  await writeFile(certificateFile, cert);
  const requests = { accepted: 0, refused: 0 };
  const upstream = connect(`http://${address}`);
  const server = createSecureServer({ key, cert });
  const sessions = new Set<{ destroy(): void }>([upstream]);
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    if (headers.authorization === `Bearer ${apiKey}`) {
      requests.accepted += 1;
      forward(stream, headers);
    } else {
      requests.refused += 1;
      // gRPC's UNAUTHENTICATED, in a response that has headers only.
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16' },
        { endStream: true },
      );
    }
  });
  const forward = (stream: ServerHttp2Stream, { ':authority': _, ...headers }: IncomingHttpHeaders) => {
    const request = upstream.request({ ...headers, te: 'trailers' });
    stream.on('error', () => request.close());
    request.on('error', () => stream.close(constants.NGHTTP2_CANCEL));
    stream.on('close', () => request.close(constants.NGHTTP2_CANCEL));
    request.on('response', (answer, flags) => {
      const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      stream.respond(answer, { endStream, waitForTrailers: !endStream });
    });
    let trailers: IncomingHttpHeaders = {};
    request.on('trailers', (received: IncomingHttpHeaders) => (trailers = received));
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.pipe(request);
    request.pipe(stream);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `localhost:${(server.address() as AddressInfo).port}`,
    certificateFile,
    requests,
    close() {
      server.close();
      for (const session of sessions) session.destroy();
    },
  };
}
