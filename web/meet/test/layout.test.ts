import { describe, expect, test } from 'vitest'
import { capacity, gridLayout, inside as pictureIn, type Rect, selfView, stageLayout } from '../src/lib/layout.ts'

const areas = [
  { name: 'wide screen', width: 1412, height: 770 },
  { name: 'beside a panel', width: 1046, height: 770 },
  { name: 'phone', width: 374, height: 700 },
  { name: 'small phone', width: 344, height: 600 },
  { name: 'phone on its side', width: 820, height: 280 },
  { name: 'square', width: 600, height: 600 },
]

function inside(rect: Rect, width: number, height: number) {
  const slack = 0.001
  expect(rect.x).toBeGreaterThanOrEqual(-slack)
  expect(rect.y).toBeGreaterThanOrEqual(-slack)
  expect(rect.x + rect.width).toBeLessThanOrEqual(width + slack)
  expect(rect.y + rect.height).toBeLessThanOrEqual(height + slack)
}

function overlap(a: Rect, b: Rect): boolean {
  const slack = 0.001
  return a.x + a.width > b.x + slack && b.x + b.width > a.x + slack && a.y + a.height > b.y + slack && b.y + b.height > a.y + slack
}

describe.each(areas)('$name', ({ width, height }) => {
  for (let count = 1; count <= 12; count++) {
    test(`grid of ${count}`, () => {
      const { columns, rows, tiles } = gridLayout(width, height, count)
      expect(tiles).toHaveLength(count)
      expect(columns * rows).toBeGreaterThanOrEqual(count)
      expect(columns * (rows - 1)).toBeLessThan(count)
      for (const [i, tile] of tiles.entries()) {
        inside(tile, width, height)
        expect(tile.width / tile.height).toBeGreaterThanOrEqual(4 / 3 - 0.001)
        expect(tile.width / tile.height).toBeLessThanOrEqual(16 / 9 + 0.001)
        for (const other of tiles.slice(i + 1)) expect(overlap(tile, other)).toBe(false)
      }
    })

    test(`stage and ${count} others`, () => {
      const { stage, strip, hidden } = stageLayout(width, height, count)
      expect(strip.length + hidden).toBe(count)
      expect(strip.length).toBeGreaterThan(0)
      inside(stage, width, height)
      for (const [i, tile] of strip.entries()) {
        inside(tile, width, height)
        expect(overlap(tile, stage)).toBe(false)
        for (const other of strip.slice(i + 1)) expect(overlap(tile, other)).toBe(false)
      }
    })
  }

  test('no arrangement covers much more than the one that is chosen', () => {
    for (let count = 1; count <= 12; count++) {
      const chosen = gridLayout(width, height, count).tiles[0]!
      for (let columns = 1; columns <= count; columns++) {
        const rows = Math.ceil(count / columns)
        const cell = { width: (width - 12 * (columns - 1)) / columns, height: (height - 12 * (rows - 1)) / rows }
        const aspect = Math.min(16 / 9, Math.max(4 / 3, cell.width / cell.height))
        const tileWidth = Math.min(cell.width, cell.height * aspect)
        expect(tileWidth * (tileWidth / aspect)).toBeLessThanOrEqual(chosen.width * chosen.height * 1.05)
      }
    }
  })

  test('the own picture stays in its corner', () => {
    const rect = selfView(width, height)
    inside(rect, width, height)
    expect(rect.width * rect.height).toBeLessThan(width * height * 0.2)
  })
})

test('familiar arrangements on a wide screen', () => {
  const shape = (count: number) => {
    const { columns, rows } = gridLayout(1412, 770, count)
    return `${columns}×${rows}`
  }
  expect([1, 2, 3, 4, 6, 9, 12].map(shape)).toEqual(['1×1', '2×1', '2×2', '2×2', '3×2', '3×3', '4×3'])
})

test('the last row is centred', () => {
  const { tiles } = gridLayout(1412, 770, 5)
  const last = tiles.slice(3)
  const left = last[0]!.x
  const right = 1412 - (last[1]!.x + last[1]!.width)
  expect(left).toBeCloseTo(right)
})

test('nothing to lay out, nowhere to put it', () => {
  expect(gridLayout(1000, 500, 0).tiles).toEqual([])
  expect(gridLayout(0, 500, 3).tiles).toEqual([])
  expect(stageLayout(1000, 500, 0)).toEqual({ stage: { x: 0, y: 0, width: 1000, height: 500 }, strip: [], hidden: 0 })
  expect(stageLayout(0, 0, 4).hidden).toBe(4)
})

test('twelve fit on a screen and on a phone; a watch shows one', () => {
  expect(capacity(1412, 770)).toBeGreaterThanOrEqual(12)
  expect(capacity(374, 700)).toBeGreaterThanOrEqual(12)
  expect(capacity(100, 100)).toBe(1)
})

test('six people find a place beside a shared screen', () => {
  expect(stageLayout(1412, 770, 6).hidden).toBe(0)
  expect(stageLayout(374, 700, 6).hidden).toBe(0)
})

describe('a picture on its place', () => {
  const place = { x: 10, y: 20, width: 400, height: 300 }

  test('a wide one takes all of the width and lies in the middle of the height', () => {
    expect(pictureIn(place, 1600, 800)).toEqual({ x: 10, y: 70, width: 400, height: 200 })
  })

  test('a tall one takes all of the height and lies in the middle of the width', () => {
    expect(pictureIn(place, 300, 600)).toEqual({ x: 135, y: 20, width: 150, height: 300 })
  })

  test('until its shape is known it takes all', () => {
    expect(pictureIn(place, 0, 0)).toEqual(place)
  })
})
