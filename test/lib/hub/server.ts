// A hub on loopback with faults to order: breaking connections, wrong bytes, refusals, redirects to another origin.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeFile {
  readonly bytes: Buffer;
  /** Large files are named by SHA-256 and live behind a redirect on another origin. */
  readonly large?: boolean;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly token: string | undefined;
  readonly origin: 'hub' | 'storage';
}

export interface FakeHub {
  readonly endpoint: string;
  readonly commit: string;
  readonly requests: Request[];
  files: Record<string, FakeFile>;
  /** Called before every answer; returning true means that it has answered. */
  fault: (request: Request, response: ServerResponse) => boolean;
  close(): Promise<void>;
}

export function etagOf({ bytes, large }: FakeFile): string {
  return large === true ? createHash('sha256').update(bytes).digest('hex')
    : createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

/** `ignoreRange`: an answer that starts from the beginning whatever was asked for. */
export function sendBytes(response: ServerResponse, bytes: Buffer, range?: string): void {
  const begin = Number(/^bytes=([0-9]+)-$/.exec(range ?? '')?.[1] ?? 0);
  if (begin > 0 && begin >= bytes.length) {
    response.writeHead(416).end();
    return;
  }
  response.writeHead(begin > 0 ? 206 : 200, {
    'content-length': bytes.length - begin, ...(begin > 0 ? { 'content-range': `bytes ${begin}-${bytes.length - 1}/${bytes.length}` } : {}),
  });
  response.end(bytes.subarray(begin));
}

/** Sends the first `count` bytes of a longer answer, then breaks the connection. */
export function sendTorn(response: ServerResponse, bytes: Buffer, count: number, range?: string): void {
  const begin = Number(/^bytes=([0-9]+)-$/.exec(range ?? '')?.[1] ?? 0);
  response.writeHead(begin > 0 ? 206 : 200, {
    'content-length': bytes.length - begin, ...(begin > 0 ? { 'content-range': `bytes ${begin}-${bytes.length - 1}/${bytes.length}` } : {}),
  });
  response.write(bytes.subarray(begin, begin + count), () => setTimeout(() => response.destroy(), 20));
}

export async function startHub(repository: string, files: Record<string, FakeFile>, kind: 'model' | 'dataset' = 'model'): Promise<FakeHub> {
  const requests: Request[] = [];
  const commit = createHash('sha1').update(repository).digest('hex');
  const note = (message: IncomingMessage, origin: Request['origin']): Request => {
    const request: Request = {
      method: message.method as string, path: decodeURIComponent(message.url as string), range: message.headers.range,
      token: message.headers.authorization, origin,
    };
    requests.push(request);
    return request;
  };
  const servers: Server[] = [];
  const listen = async (handler: (message: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
    const server = createServer(handler);
    servers.push(server);
    await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  const storage = await listen((message, response) => {
    const request = note(message, 'storage');
    if (hub.fault(request, response)) return;
    const file = hub.files[request.path.slice(1)];
    if (file === undefined) response.writeHead(404).end();
    else sendBytes(response, file.bytes, request.range);
  });
  const endpoint = await listen((message, response) => {
    const request = note(message, 'hub');
    if (hub.fault(request, response)) return;
    const listing = `/api/${kind}s/${repository}/revision/`;
    if (request.path.startsWith(listing)) {
      if (!['main', 'refs/pr/1', commit].includes(request.path.slice(listing.length))) {
        response.writeHead(404, { 'x-error-code': 'RevisionNotFound' }).end();
      } else {
        response.end(JSON.stringify({ id: repository, sha: commit, private: false, tags: [], siblings: Object.keys(hub.files).map((rfilename) => ({ rfilename })) }));
      }
      return;
    }
    const prefix = [commit, 'main'].map((revision) => `${kind === 'dataset' ? '/datasets' : ''}/${repository}/resolve/${revision}/`).find((start) => request.path.startsWith(start));
    const name = prefix === undefined ? '' : request.path.slice(prefix.length);
    const file = hub.files[name];
    if (file === undefined) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    } else if (file.large === true) {
      response.writeHead(302, {
        location: `${storage}/${name}`, etag: '"of-the-redirect"', 'x-linked-etag': `"${etagOf(file)}"`, 'x-linked-size': file.bytes.length, 'x-repo-commit': commit,
      }).end();
    } else {
      response.setHeader('etag', `W/"${etagOf(file)}"`);
      response.setHeader('x-repo-commit', commit);
      if (request.method === 'HEAD') response.writeHead(200, { 'content-length': file.bytes.length }).end();
      else sendBytes(response, file.bytes, request.range);
    }
  });
  const hub: FakeHub = {
    endpoint, commit, requests, files, fault: () => false,
    close: async () => {
      await Promise.all(servers.map((server) => new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      })));
    },
  };
  return hub;
}
