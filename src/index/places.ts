import { fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

import { PeerkeepError } from '../base/errors.ts'
import { NEAREST_KM, PLACE_CHARACTERS_MAX } from './limits.ts'
import { CITY_ALIASES, placeKey } from './place-names.ts'
import { CELL_COLUMNS, type CityTable, type PlaceTables, REGION_BYTES } from './places-process.ts'
import type { Rectangle } from './search-query.ts'
import type { Position } from './search-strings.ts'

/**
 * Names of places, from tables in the package (cities of GeoNames, borders of country-coder): nobody is asked. The
 * tables are read at the first question, in a second, and take some 12 MB from then on.
 */
export interface Places {
  /**
   * Where the place is: a country, a continent, or the largest city of the name, `City, Country` and `City, ST` (a state of
   * the USA) too; in whichever case, with or without accents. Empty for what is unknown. Several where a country is in parts.
   */
  named(name: string): Promise<readonly Rectangle[]>
  /** The city that a position is in or close to, with its country's code: `Paris, FR`. */
  nearest(position: Position): Promise<string | undefined>
}

export function openPlaces(): Places {
  let tables: Promise<PlaceTables> | undefined
  const loaded = async (): Promise<PlaceTables> => {
    tables ??= readTables()
    // Another question tries again.
    tables.catch(() => (tables = undefined))
    return tables
  }
  return {
    async named(name) {
      const key = placeKey(name.slice(0, PLACE_CHARACTERS_MAX))
      return key === '' ? [] : rectanglesNamed(await loaded(), name.slice(0, PLACE_CHARACTERS_MAX))
    },
    nearest: async position => nearestCity((await loaded()).cities, position),
  }
}

async function readTables(): Promise<PlaceTables> {
  const program = new URL(`./places-process${extname(import.meta.url)}`, import.meta.url)
  const child = fork(fileURLToPath(program), { serialization: 'advanced', execArgv: [] })
  const failed = new PeerkeepError('IO', 'the tables of places cannot be read')
  try {
    return await new Promise<PlaceTables>((resolve, reject) => {
      child.once('message', message => resolve(message as PlaceTables))
      child.once('error', reject)
      child.once('exit', () => reject(failed))
    })
  } finally {
    child.kill()
  }
}

function rectanglesNamed(
  { cities, areas, areaCodes }: PlaceTables,
  name: string,
): readonly Rectangle[] {
  const known = (key: string): string | undefined =>
    Object.hasOwn(areaCodes, key) ? areaCodes[key] : undefined
  const code = /^[A-Z]{2}$/.test(name) && Object.hasOwn(areas, name) ? name : known(placeKey(name))
  if (code !== undefined) return areas[code] ?? []
  const comma = name.lastIndexOf(',')
  if (comma === -1) return rectanglesOfCity(cities, placeKey(name), () => true)
  const region = name.slice(comma + 1).trim()
  const country = known(placeKey(region)) ?? (region.length === 2 ? region.toUpperCase() : '')
  const within = (i: number): boolean =>
    [country, `US${country}`].includes(regionOf(cities, i, 5)) || regionOf(cities, i, 2) === country
  return rectanglesOfCity(cities, placeKey(name.slice(0, comma)), within)
}

function rectanglesOfCity(
  cities: CityTable,
  key: string,
  isMeant: (city: number) => boolean,
): readonly Rectangle[] {
  const alias = Object.hasOwn(CITY_ALIASES, key) ? CITY_ALIASES[key] : undefined
  for (const name of [alias, key]) {
    const found = name === undefined ? undefined : largestNamed(cities, name, isMeant)
    if (found !== undefined) return [rectangleAround(cities, found)]
  }
  return []
}

/** The largest city whose key this is, else of those whose key begins with it as a word. */
function largestNamed(
  cities: CityTable,
  key: string,
  isMeant: (city: number) => boolean,
): number | undefined {
  let longer: number | undefined
  for (let i = firstFrom(cities, key); i < cities.count; i += 1) {
    const other = textOf(cities.keys, cities.keyEnds, i)
    if (other !== key && !other.startsWith(`${key} `)) break
    if (!isMeant(i)) continue
    // Of one key the largest comes first.
    if (other === key) return i
    if (longer === undefined || peopleOf(cities, i) > peopleOf(cities, longer)) longer = i
  }
  return longer
}

/** The first city whose key is not before `key`. */
function firstFrom(cities: CityTable, key: string): number {
  let [low, high] = [0, cities.count]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (textOf(cities.keys, cities.keyEnds, middle) < key) low = middle + 1
    else high = middle
  }
  return low
}

function textOf(bytes: Uint8Array, ends: Uint32Array, i: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    'utf8',
    i === 0 ? 0 : ends[i - 1],
    ends[i],
  )
}

function regionOf({ regions }: CityTable, i: number, size: number): string {
  const begin = REGION_BYTES * i
  return Buffer.from(regions.subarray(begin, begin + size))
    .toString('latin1')
    .replaceAll('\0', '')
}

function peopleOf({ people }: CityTable, i: number): number {
  return people[i] ?? 0
}

const KM_PER_DEGREE = 111.2

/** What counts as the city, in kilometres from its centre: by its people, as no table has its borders. */
function radiusOf(cities: CityTable, i: number): number {
  return Math.min(Math.max(2 + 0.02 * Math.sqrt(peopleOf(cities, i)), 3), 40)
}

function rectangleAround(cities: CityTable, i: number): Rectangle {
  const latitude = cities.latitudes[i] ?? 0
  const longitude = cities.longitudes[i] ?? 0
  const high = radiusOf(cities, i) / KM_PER_DEGREE
  const wide = Math.min(high / Math.max(Math.cos((latitude * Math.PI) / 180), 0.01), 180)
  return {
    north: Math.min(latitude + high, 90),
    south: Math.max(latitude - high, -90),
    west: onGlobe(longitude - wide),
    east: onGlobe(longitude + wide),
  }
}

function onGlobe(longitude: number): number {
  if (longitude > 180) return longitude - 360
  return longitude < -180 ? longitude + 360 : longitude
}

/** A large city reaches further than a village that is a little nearer. */
function nearestCity(cities: CityTable, { latitude, longitude }: Position): string | undefined {
  const rows = 1
  const columns = Math.min(
    Math.ceil(0.5 / Math.max(Math.cos((latitude * Math.PI) / 180), 0.01)),
    180,
  )
  let best: { readonly city: number; readonly score: number } | undefined
  const row = Math.min(Math.floor(latitude + 90), 179)
  const column = Math.min(Math.floor(longitude + 180), CELL_COLUMNS - 1)
  for (let y = Math.max(row - rows, 0); y <= Math.min(row + rows, 179); y += 1)
    for (let x = column - columns; x <= column + columns; x += 1) {
      const cell = y * CELL_COLUMNS + ((x + 2 * CELL_COLUMNS) % CELL_COLUMNS)
      const begin = cell === 0 ? 0 : (cities.cellEnds[cell - 1] ?? 0)
      for (let at = begin; at < (cities.cellEnds[cell] ?? 0); at += 1) {
        const city = cities.byCell[at] ?? 0
        const away = distance(cities, city, { latitude, longitude })
        const score = away / radiusOf(cities, city)
        if (away <= NEAREST_KM && (!best || score < best.score)) best = { city, score }
      }
    }
  if (!best) return undefined
  const { city } = best
  return `${textOf(cities.names, cities.nameEnds, city)}, ${regionOf(cities, city, 2)}`
}

/** In kilometres, along the surface. */
function distance(cities: CityTable, i: number, { latitude, longitude }: Position): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180
  const there = cities.latitudes[i] ?? 0
  const up = Math.sin(radians(there - latitude) / 2) ** 2
  const across = Math.sin(radians((cities.longitudes[i] ?? 0) - longitude) / 2) ** 2
  const part = up + Math.cos(radians(latitude)) * Math.cos(radians(there)) * across
  return 2 * 6371 * Math.asin(Math.sqrt(Math.min(part, 1)))
}
