// A camera whose every frame says which it is: 128 frames of moving picture with
// marks, as a file that Chromium plays over and over.

import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawMarks, loop } from '../page/marks.mjs';

/**
 * Writes the file (1.4 MB a frame at 1280 × 720); gives the flags with which
 * Chromium takes it for its camera, and how to remove it.
 */
export async function makeSource({ width = 1280, height = 720, rate = 30 } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'tertulia-source-'));
  const path = join(folder, 'marked.y4m');
  const file = await open(path, 'w');
  await file.write(`YUV4MPEG2 W${width} H${height} F${rate}:1 Ip A1:1 C420mpeg2\n`);
  const frame = Buffer.alloc(6 + (width * height * 3) / 2);
  frame.write('FRAME\n');
  const plane = (from, w, h) => frame.subarray(from, from + w * h);
  const luma = plane(6, width, height);
  const chroma = [0, 1].map((i) => plane(6 + width * height + (i * width * height) / 4, width / 2, height / 2));
  const textures = [texture(50, 20), texture(24, 0), texture(24, 0, 2)];
  for (let n = 0; n < loop; n++) {
    pan(luma, width, height, textures[0], n, 4, 2);
    chroma.forEach((each, i) => pan(each, width / 2, height / 2, textures[i + 1], n, 2, 1));
    ball(luma, width, height, n);
    drawMarks(luma, width, n);
    await file.write(frame);
  }
  await file.close();
  return {
    flags: [`--use-file-for-fake-video-capture=${path}`],
    camera: { width: { exact: width }, height: { exact: height } },
    path,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

const side = 512; // of a texture; 128 frames of 4 pixels each, so that the loop has no seam

/** A square that can be laid beside itself: soft hills, with grains for the encoder to work on. */
function texture(hills, grain, seed = 1) {
  const values = new Uint8Array(side * side);
  const turn = (2 * Math.PI) / side;
  let random = seed;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      const hill = Math.sin(turn * (3 * x + 2 * y)) + Math.sin(turn * (5 * y - 2 * x) + seed);
      values[y * side + x] = 128 + (hills / 2) * hill + grain * (random / 2 ** 32 - 0.5);
    }
  }
  return values;
}

/** Fills a plane with a texture that moves. */
function pan(plane, width, height, values, n, dx, dy) {
  for (let y = 0; y < height; y++) {
    const row = ((y + n * dy) % side) * side;
    for (let x = 0; x < width; ) {
      const from = (x + n * dx) % side;
      const count = Math.min(side - from, width - x);
      plane.set(values.subarray(row + from, row + from + count), y * width + x);
      x += count;
    }
  }
}

/** A ball that circles over the picture, against its movement. */
function ball(luma, width, height, n) {
  const angle = (-4 * Math.PI * n) / loop;
  const radius = height / 9;
  const centre = { x: width / 2 + Math.cos(angle) * width * 0.3, y: height / 2 + Math.sin(angle) * height * 0.3 };
  for (let y = Math.ceil(centre.y - radius); y < centre.y + radius; y++) {
    const half = Math.sqrt(radius ** 2 - (y - centre.y) ** 2);
    luma.fill(170, y * width + Math.round(centre.x - half), y * width + Math.round(centre.x + half));
  }
}
