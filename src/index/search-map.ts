import { areaOf, type Position } from './search-strings.ts'

/**
 * Chooses so many that show where things are rather than how many: one of each cell of a grid over all of them, then a second of
 * each, and so on.
 */
export function spreadOverMap<Item extends Position>(
  items: readonly Item[],
  limit: number,
): readonly Item[] {
  const area = areaOf(items)
  if (!area || items.length <= limit) return items
  const side = Math.ceil(Math.sqrt(limit))
  const width = (area.east - area.west + 360) % 360 || 1
  const height = area.north - area.south || 1
  const cells = Map.groupBy(items, ({ latitude, longitude }) => {
    const x = Math.min(side - 1, Math.floor((((longitude - area.west + 360) % 360) / width) * side))
    const y = Math.min(side - 1, Math.floor(((latitude - area.south) / height) * side))
    return y * side + x
  })
  const chosen: Item[] = []
  for (let round = 0; chosen.length < limit; round++) {
    for (const cell of cells.values()) {
      const item = cell[round]
      if (item && chosen.length < limit) chosen.push(item)
    }
  }
  return chosen
}
