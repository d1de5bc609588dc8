/** Where tiles go: pure arithmetic, told the area and how many there are. */

export interface Rect {
  x: number
  y: number
  width: number
  height: number
}

export interface Grid {
  columns: number
  rows: number
  tiles: Rect[]
}

export interface GridOptions {
  /** Pixels between tiles. */
  gap?: number
  /** The narrowest and the widest shape of a tile (width ÷ height). */
  minAspect?: number
  maxAspect?: number
}

/** Below this width a tile is too small to recognise a face in. */
const MIN_TILE_WIDTH = 132
const MIN_TILE_HEIGHT = 96

/**
 * The grid of `count` tiles that fills the area best. Each number of columns is
 * tried: its tiles take the shape of their cell as far as the limits allow, and
 * the arrangement that covers most pixels wins. Rows are centred, the last one too.
 */
export function gridLayout(width: number, height: number, count: number, options: GridOptions = {}): Grid {
  const { gap = 12, minAspect = 4 / 3, maxAspect = 16 / 9 } = options
  if (count < 1 || width <= 0 || height <= 0) return { columns: 0, rows: 0, tiles: [] }

  let best = { columns: 1, rows: count, width: 0, height: 0 }
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns)
    const cellWidth = (width - gap * (columns - 1)) / columns
    const cellHeight = (height - gap * (rows - 1)) / rows
    if (cellWidth <= 0 || cellHeight <= 0) continue
    const aspect = Math.min(maxAspect, Math.max(minAspect, cellWidth / cellHeight))
    const tileWidth = Math.min(cellWidth, cellHeight * aspect)
    const tileHeight = tileWidth / aspect
    // A little better is not worth an arrangement with a lonely last row.
    const better = 1 + (rows * columns - count < best.rows * best.columns - count ? -0.02 : 0.02)
    if (tileWidth * tileHeight > best.width * best.height * better) {
      best = { columns, rows, width: tileWidth, height: tileHeight }
    }
  }

  const tiles: Rect[] = []
  const blockHeight = best.rows * best.height + (best.rows - 1) * gap
  for (let i = 0; i < count; i++) {
    const row = Math.floor(i / best.columns)
    const inRow = Math.min(best.columns, count - row * best.columns)
    const rowWidth = inRow * best.width + (inRow - 1) * gap
    tiles.push({
      x: (width - rowWidth) / 2 + (i - row * best.columns) * (best.width + gap),
      y: (height - blockHeight) / 2 + row * (best.height + gap),
      width: best.width,
      height: best.height,
    })
  }
  return { columns: best.columns, rows: best.rows, tiles }
}

/** How many tiles the area can show before they get too small; at least one, at most `most`. */
export function capacity(width: number, height: number, gap = 12, most = 25): number {
  let count = 1
  while (count < most) {
    const tile = gridLayout(width, height, count + 1, { gap, minAspect: 1 }).tiles[0]
    if (!tile || tile.width < MIN_TILE_WIDTH || tile.height < MIN_TILE_HEIGHT) break
    count++
  }
  return count
}

export interface Stage {
  stage: Rect
  strip: Rect[]
  /** How many of those who should be in the strip find no place in it. */
  hidden: number
}

/** The shapes of a strip's tiles: as large as there is room for, never smaller than a face. */
const STRIP_WIDTH = { least: 120, share: 0.2, most: 248 }

/**
 * A large stage and the others small: in a column at the side of a wide area,
 * in a grid below the stage of a tall one. When there are too many, the first ones show.
 */
export function stageLayout(width: number, height: number, count: number, gap = 12): Stage {
  if (width <= 0 || height <= 0) return { stage: { x: 0, y: 0, width: 0, height: 0 }, strip: [], hidden: count }
  if (count < 1) return { stage: { x: 0, y: 0, width, height }, strip: [], hidden: 0 }
  return width / height >= 1.15 ? sideStage(width, height, count, gap) : topStage(width, height, count, gap)
}

function sideStage(width: number, height: number, count: number, gap: number): Stage {
  const wanted = Math.max(STRIP_WIDTH.least, Math.min(STRIP_WIDTH.most, width * STRIP_WIDTH.share))
  const forAll = (((height - gap * (count - 1)) / count) * 16) / 9
  const tileWidth = Math.max(STRIP_WIDTH.least, Math.min(wanted, forAll))
  const tileHeight = (tileWidth * 9) / 16
  // Half a pixel of rounding must not cost a place.
  const shown = Math.min(count, Math.max(1, Math.floor((height + gap + 0.5) / (tileHeight + gap))))
  const block = shown * tileHeight + (shown - 1) * gap
  const strip = Array.from({ length: shown }, (_, i) => ({
    x: width - tileWidth,
    y: Math.max(0, (height - block) / 2 + i * (tileHeight + gap)),
    width: tileWidth,
    height: tileHeight,
  }))
  return { stage: { x: 0, y: 0, width: width - tileWidth - gap, height }, strip, hidden: count - shown }
}

function topStage(width: number, height: number, count: number, gap: number): Stage {
  const stageHeight = Math.min(height * 0.62, Math.max(height * 0.36, width * 0.68))
  const below = height - stageHeight - gap
  let shown = count
  let grid = gridLayout(width, below, shown, { gap, minAspect: 0.85 })
  while (shown > 1 && (grid.tiles[0]?.width ?? 0) < 84) grid = gridLayout(width, below, --shown, { gap, minAspect: 0.85 })
  const strip = grid.tiles.map((tile) => ({ ...tile, y: tile.y + stageHeight + gap }))
  return { stage: { x: 0, y: 0, width, height: stageHeight }, strip, hidden: count - shown }
}

/** The largest rectangle of a picture's shape in the middle of a place; all of the place while the shape is not known. */
export function inside(place: Rect, pictureWidth: number, pictureHeight: number): Rect {
  if (pictureWidth <= 0 || pictureHeight <= 0) return place
  const scale = Math.min(place.width / pictureWidth, place.height / pictureHeight)
  const width = pictureWidth * scale
  const height = pictureHeight * scale
  return { x: place.x + (place.width - width) / 2, y: place.y + (place.height - height) / 2, width, height }
}

/** The small own picture over the other one's, in the lower right corner. */
export function selfView(width: number, height: number, gap = 12): Rect {
  const tall = height > width
  const w = tall ? Math.max(96, Math.min(150, width * 0.3)) : Math.max(140, Math.min(264, width * 0.2))
  const h = tall ? (w * 4) / 3 : (w * 9) / 16
  return { x: width - w - gap, y: height - h - gap, width: w, height: h }
}
