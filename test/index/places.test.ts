import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openPlaces } from '../../src/index/places.ts'
import { isInside } from '../../src/index/search-strings.ts'

const places = openPlaces()

const eiffelTower = { latitude: 48.8584, longitude: 2.2945 }
const paris = { latitude: 33.66, longitude: -95.55 }
const positions = {
  'Eiffel tower': eiffelTower,
  'Paris in Texas': paris,
  Zurich: { latitude: 47.3769, longitude: 8.5417 },
  Manhattan: { latitude: 40.78, longitude: -73.97 },
  Suva: { latitude: -18.14, longitude: 178.44 },
  Taveuni: { latitude: -16.85, longitude: -179.97 },
  Chukotka: { latitude: 66.2, longitude: -170 },
  Ocean: { latitude: 0, longitude: -150 },
} as const

/** Which of the positions a place holds. */
async function heldBy(name: string): Promise<string[]> {
  const rectangles = await places.named(name)
  return Object.entries(positions)
    .filter(([, position]) => rectangles.some(rectangle => isInside(position, rectangle)))
    .map(([held]) => held)
}

test('a place is found by its name, in whichever way it is written', async () => {
  for (const name of ['Paris', 'paris', 'Paris, France', 'Paris, FR', 'Parigi'])
    assert.deepEqual(await heldBy(name), ['Eiffel tower'], name)
  for (const name of ['Paris, TX', 'paris,tx', 'Paris, US'])
    assert.deepEqual(await heldBy(name), ['Paris in Texas'], name)
  for (const name of ['Zürich', 'zurich', 'Zuerich', 'ZÜRICH', 'Zu\u0308rich', 'Schweiz', 'CH'])
    assert.deepEqual(await heldBy(name), ['Zurich'], name)
  for (const name of ['New York', 'New York City', 'nyc'])
    assert.deepEqual(await heldBy(name), ['Manhattan'], name)
  for (const name of ['Fiji', 'Fidschi']) assert.deepEqual(await heldBy(name), ['Suva', 'Taveuni'])
  assert.deepEqual(await heldBy('Russia'), ['Chukotka'])
  assert.ok((await heldBy('Europe')).includes('Zurich'))
})

test('what is no place has no rectangle', async () => {
  const names = [
    '',
    ' ',
    ',',
    'Xyzzy',
    'Paris, Xyzzy',
    '.*',
    '%',
    '\0',
    '__proto__',
    'constructor',
    'x'.repeat(10_000),
  ]
  for (const name of names) assert.deepEqual(await places.named(name), [], name.slice(0, 20))
})

test('a position is near a city, or near none', async () => {
  assert.equal(await places.nearest(eiffelTower), 'Paris, FR')
  assert.equal(await places.nearest(positions.Zurich), 'Zürich, CH')
  assert.equal(await places.nearest({ latitude: 40.689, longitude: -74.044 }), 'New York City, US')
  assert.equal(await places.nearest(positions.Ocean), undefined)
  for (const latitude of [-90, 90])
    assert.equal(await places.nearest({ latitude, longitude: 180 }), undefined)
})

test('every city that is near somewhere is found by that name, there', async () => {
  let count = 0
  for (let latitude = -50; latitude < 65; latitude += 2.7) {
    for (let longitude = -180; longitude < 180; longitude += 3.1) {
      const near = await places.nearest({ latitude, longitude })
      if (near === undefined) continue
      count += 1
      const rectangles = await places.named(near)
      assert.equal(rectangles.length, 1, near)
    }
  }
  assert.ok(count > 500, String(count))
})
