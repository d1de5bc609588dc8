// Marks that say which frame a picture is, in nine places of it. A picture
// whose marks do not all say the same is broken: part of it was decoded against
// what was not there.
//
// A mark is two rows of seven blocks. The upper row is the number of the frame,
// modulo 128, in Gray code, so that one block changes from frame to frame; the
// lower row is its complement, so that a block that is neither is noticed. Each
// place counts from another number: else a picture that was decoded against an
// older one would be wrong in all places alike, and not be noticed. The picture
// is 40 blocks wide, so a block is 8 pixels at a width of 320.

/** How many frames there are until the first comes again. */
export const loop = 128;

const bits = 7;
const unitsWide = 40;
const columns = [1, 16, 32]; // of marks, in blocks
const rows = [1, 10, 19];
const ahead = 37; // how much each mark is ahead of the one before
const dark = 40; // luma
const bright = 216;
const leastContrast = 60; // between a block and its complement

/** Draws the marks of frame n into a plane of luma. */
export function drawMarks(luma, width, n) {
  const unit = width / unitsWide;
  let mine = n % loop;
  for (const top of rows) {
    for (const left of columns) {
      const code = mine ^ (mine >> 1);
      mine = (mine + ahead) % loop;
      for (let bit = 0; bit < bits; bit++) {
        const on = (code >> (bits - 1 - bit)) & 1;
        for (const [row, value] of [[top, on ? bright : dark], [top + 1, on ? dark : bright]]) {
          const from = (left + bit) * unit;
          for (let y = row * unit; y < (row + 1) * unit; y++) luma.fill(value, y * width + from, y * width + from + unit);
        }
      }
    }
  }
}

/** Reads the marks of a picture: nine numbers, −1 for what cannot be read. */
export function readMarks(luma, stride, width) {
  const unit = width / unitsWide;
  const numbers = [];
  let offset = 0;
  for (const top of rows) {
    for (const left of columns) {
      let code = 0;
      for (let bit = 0; bit < bits && code >= 0; bit++) {
        const x = (left + bit) * unit;
        const contrast = middle(luma, stride, x, top * unit, unit) - middle(luma, stride, x, (top + 1) * unit, unit);
        if (Math.abs(contrast) < leastContrast) code = -1;
        else code = code * 2 + (contrast > 0 ? 1 : 0);
      }
      numbers.push(code < 0 ? -1 : (fromGray(code) + loop - offset) % loop);
      offset = (offset + ahead) % loop;
    }
  }
  return numbers;
}

/** The number that most marks say (−1: none can be read), and how many places are wrong. */
export function judge(numbers) {
  const counts = new Map();
  for (const n of numbers) if (n >= 0) counts.set(n, (counts.get(n) ?? 0) + 1);
  const [n, right] = [...counts].reduce((most, each) => (each[1] > most[1] ? each : most), [-1, 0]);
  return { n, wrong: numbers.length - right };
}

/** How many frames the second of two numbers is after the first: −64…63. */
export function steps(before, after) {
  return ((((after - before) % loop) + loop + loop / 2) % loop) - loop / 2;
}

/** The mean luma of the inner quarter of a block. */
function middle(luma, stride, x, y, unit) {
  let sum = 0;
  let count = 0;
  for (let row = Math.round(y + unit / 4); row < y + (unit * 3) / 4; row++) {
    for (let column = Math.round(x + unit / 4); column < x + (unit * 3) / 4; column++) {
      sum += luma[row * stride + column];
      count++;
    }
  }
  return sum / count;
}

function fromGray(code) {
  let n = 0;
  for (; code; code >>= 1) n ^= code;
  return n;
}
