// A small HTTP server on loopback that blueprints of the journeys call: it can let a request wait.

import http from 'node:http';

// Starts the peer. `GET /echo` answers at once; `GET /wait/NAME` answers after `release(NAME)`;
// `GET /fail/NAME` answers 500 until `release(NAME)`; `GET /page` answers with `peer.page`, a page of
// another site.
export async function startPeer() {
  const released = new Set();
  const waiting = new Map();
  const seen = [];
  const peer = { page: '' };
  const server = http.createServer((request, response) => {
    request.resume();
    seen.push({ method: request.method, url: request.url, headers: request.headers });
    const [, kind, name] = request.url.split('/');
    const answer = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (kind === 'page') {
      response.writeHead(200, { 'content-type': 'text/html' });
      return response.end(peer.page);
    }
    if (kind === 'fail' && !released.has(name)) return answer(500, { error: 'not yet' });
    if (kind !== 'wait' || released.has(name)) return answer(200, { ok: true, name: name ?? null });
    const queue = waiting.get(name) ?? [];
    queue.push(() => answer(200, { ok: true, name }));
    waiting.set(name, queue);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const release = (name) => {
    released.add(name);
    for (const go of waiting.get(name) ?? []) go();
    waiting.delete(name);
  };
  const stop = () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  });
  Object.assign(peer, { port: server.address().port, seen, release, stop });
  return peer;
}
