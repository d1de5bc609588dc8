// The marks themselves, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawMarks, judge, loop, readMarks, steps } from './page/marks.mjs';

const width = 640;
const height = 360;

/** A picture, as an encoder might leave it: scaled to a part, and noisy. */
function picture(n, scale = 1) {
  const luma = new Uint8Array(width * height).fill(120);
  drawMarks(luma, width, n);
  const small = new Uint8Array((width / scale) * (height / scale));
  for (let i = 0; i < small.length; i++) {
    const x = (i % (width / scale)) * scale;
    const y = Math.floor(i / (width / scale)) * scale;
    small[i] = luma[y * width + x] + ((i * 7919) % 41) - 20;
  }
  return small;
}

test('every number is read at every size', () => {
  for (const scale of [1, 2, 4]) {
    for (let n = 0; n < loop; n++) {
      assert.deepEqual(readMarks(picture(n, scale), width / scale, width / scale), Array(9).fill(n), `frame ${n} at 1/${scale}`);
    }
  }
});

test('a picture of two frames is broken, wherever they meet', () => {
  for (const row of [40, 100, 170, 200, 300]) {
    const luma = picture(5);
    luma.set(picture(6).subarray(row * width), row * width);
    assert.ok(judge(readMarks(luma, width, width)).wrong > 0, `they meet in row ${row}`);
  }
  assert.deepEqual(judge(readMarks(picture(6), width, width)), { n: 6, wrong: 0 });
});

test('grey where a mark should be is broken', () => {
  const luma = picture(77);
  for (let y = 300; y < height; y++) luma.fill(128, y * width + 500, (y + 1) * width);
  const numbers = readMarks(luma, width, width);
  assert.equal(numbers[8], -1);
  assert.deepEqual(judge(numbers), { n: 77, wrong: 1 });
});

test('the first number comes after the last', () => {
  assert.equal(steps(127, 0), 1);
  assert.equal(steps(0, 127), -1);
  assert.equal(steps(3, 3), 0);
  assert.equal(steps(100, 20), 48);
});

test('a picture is broken that was decoded against an older one than it was encoded against', () => {
  for (let n = 2; n < loop; n++) {
    const [older, reference, wanted] = [n - 2, n - 1, n].map((each) => picture(each));
    const luma = older.map((value, i) => Math.max(0, Math.min(255, value + wanted[i] - reference[i])));
    const { wrong } = judge(readMarks(luma, width, width));
    assert.ok(wrong > 3, `of frame ${n} only ${wrong} places are wrong`);
  }
});
