// A wire between a browser and the server that can be cut and mended.

import { connect, createServer } from 'node:net';

/** Listens on a loopback port and passes on what comes there, to another port. */
export async function layWire(port) {
  const ends = new Set();
  let whole = true;
  const listener = createServer((from) => {
    if (!whole) {
      from.destroy();
      return;
    }
    const to = connect(port, '127.0.0.1');
    for (const [one, other] of [[from, to], [to, from]]) {
      ends.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        ends.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    whole = false;
    for (const end of ends) end.destroy();
  };
  return {
    url: `http://127.0.0.1:${listener.address().port}`,
    cut,
    mend() {
      whole = true;
    },
    close() {
      cut();
      listener.close();
    },
  };
}
