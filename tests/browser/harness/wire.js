// A wire between the browser and the server: it remembers every byte that came back, and can be cut.
//
// Event streams have no end, so no tool hands out their bodies. What passes here is all there is.

import net from 'node:net';

// Starts a wire to a port.
export async function startWire(target) {
  const answers = [];
  const sockets = new Set();
  let isCut = false;
  const server = net.createServer((near) => {
    if (isCut) return near.destroy();
    const far = net.connect(target, '127.0.0.1');
    const received = [];
    answers.push(received);
    sockets.add(near).add(far);
    far.on('data', (bytes) => received.push(bytes));
    const end = () => {
      near.destroy();
      far.destroy();
      sockets.delete(near);
      sockets.delete(far);
    };
    for (const socket of [near, far]) {
      socket.on('error', end);
      socket.on('close', end);
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const drop = () => sockets.forEach((socket) => socket.destroy());
  return {
    port: server.address().port,
    // Returns everything that was answered so far, without the sizes between chunks.
    text: () => answers
      .map((parts) => Buffer.concat(parts).toString('utf8').replace(/\r\n[0-9a-f]+\r\n/gi, ''))
      .join('\n'),
    // Drops every connection and takes no new one.
    cut: () => {
      isCut = true;
      drop();
    },
    mend: () => {
      isCut = false;
    },
    stop: () => new Promise((resolve) => {
      drop();
      server.close(resolve);
    }),
  };
}
