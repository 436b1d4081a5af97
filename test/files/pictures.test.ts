import assert from 'node:assert/strict'
import { test } from 'node:test'

import sharp, { type Sharp } from 'sharp'

import { systemClock } from '../../src/base/clock.ts'
import { isPeerkeepError } from '../../src/base/errors.ts'
import type { PictureSource } from '../../src/files/picture-source.ts'
import { type SmallPicture, openPictures } from '../../src/files/pictures.ts'

const SLOW = process.env['SLOW'] === '1'

function sourceOf(bytes: Uint8Array): PictureSource {
  return { size: bytes.length, read: async (begin, size) => bytes.subarray(begin, begin + size) }
}

/** A picture that looks different whichever way it is turned: its left upper quarter is red. */
function cornered(width: number, height: number): Sharp {
  const data = Buffer.alloc(3 * width * height, 255)
  for (let y = 0; y < height / 2; y += 1)
    for (let x = 0; x < width / 2; x += 1) data.set([200, 0, 0], 3 * (y * width + x))
  return sharp(data, { raw: { width, height, channels: 3 } })
}

async function look({
  bytes,
}: SmallPicture): Promise<{ width: number; height: number; red: number[][] }> {
  const { data, info } = await sharp(bytes)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const isRed = (x: number, y: number): boolean => {
    const at =
      info.channels * (Math.floor(y * info.height) * info.width + Math.floor(x * info.width))
    return (data[at] ?? 0) > 150 && (data[at + 1] ?? 0) < 100
  }
  const corners = [
    [0.25, 0.25],
    [0.75, 0.25],
    [0.25, 0.75],
    [0.75, 0.75],
  ] as const
  return {
    width: info.width,
    height: info.height,
    red: corners.filter(([x, y]) => isRed(x, y)).map(([x, y]) => [x, y]),
  }
}

/** A raw file as cameras make them: a TIFF directory with an orientation, and two JPEGs, one below another directory. */
function rawFile(previews: readonly Uint8Array[], orientation: number): Buffer {
  const directories: Buffer[] = []
  let end = 8
  const begins: number[] = []
  for (const preview of previews) {
    begins.push(end)
    end += preview.length
  }
  const sub = end
  const directory = (
    entries: readonly (readonly [tag: number, type: number, value: number])[],
  ): Buffer => {
    const bytes = Buffer.alloc(2 + 12 * entries.length + 4)
    bytes.writeUInt16LE(entries.length, 0)
    for (const [i, [tag, type, value]] of entries.entries()) {
      const at = 2 + 12 * i
      bytes.writeUInt16LE(tag, at)
      bytes.writeUInt16LE(type, at + 2)
      bytes.writeUInt32LE(1, at + 4)
      if (type === 3) bytes.writeUInt16LE(value, at + 8)
      else bytes.writeUInt32LE(value, at + 8)
    }
    return bytes
  }
  directories.push(
    directory([
      [0x0201, 4, begins[1] ?? 0],
      [0x0202, 4, previews[1]?.length ?? 0],
    ]),
  )
  const top = sub + (directories[0]?.length ?? 0)
  directories.push(
    directory([
      [0x0103, 3, 6],
      [0x0111, 4, begins[0] ?? 0],
      [0x0112, 3, orientation],
      [0x0117, 4, previews[0]?.length ?? 0],
      [0x014a, 4, sub],
    ]),
  )
  const head = Buffer.from('II*\0\0\0\0\0', 'latin1')
  head.writeUInt32LE(top, 4)
  return Buffer.concat([head, ...previews, ...directories])
}

async function isNone(making: Promise<unknown>): Promise<boolean> {
  try {
    await making
    return false
  } catch (error) {
    if (isPeerkeepError(error, 'NO_PICTURE')) return true
    throw error
  }
}

test('pictures come small and upright, PNG as PNG, all else as JPEG', async () => {
  const pictures = openPictures(systemClock)
  const size = { width: 40, height: 40 }
  for (const [format, mediaType] of [
    ['jpeg', 'image/jpeg'],
    ['png', 'image/png'],
    ['webp', 'image/jpeg'],
    ['tiff', 'image/jpeg'],
    ['gif', 'image/jpeg'],
    ['avif', 'image/jpeg'],
  ] as const) {
    const picture = await cornered(80, 40).toFormat(format).toBuffer()
    const small = await pictures.make(sourceOf(picture), size)
    assert.equal(small.mediaType, mediaType, format)
    assert.deepEqual(await look(small), { width: 40, height: 20, red: [[0.25, 0.25]] }, format)
  }
  for (let orientation = 1; orientation <= 8; orientation += 1) {
    const turned = await cornered(80, 40).withMetadata({ orientation }).jpeg().toBuffer()
    const shown = await look(await pictures.make(sourceOf(turned), size))
    const expected = await sharp(turned).autoOrient().jpeg().toBuffer()
    assert.deepEqual(shown.red, (await look({ bytes: expected, mediaType: 'image/jpeg' })).red)
    const plain = await cornered(80, 40).jpeg().toBuffer()
    const raw = rawFile([plain, plain], orientation)
    assert.deepEqual(
      await look(await pictures.make(sourceOf(raw), size)),
      shown,
      `raw ${orientation}`,
    )
  }
  const tiny = await cornered(10, 10).png().toBuffer()
  assert.equal((await look(await pictures.make(sourceOf(tiny), size))).width, 10)
  await pictures.close()
})

test('of a raw file the smallest picture that is large enough is shown', async () => {
  const pictures = openPictures(systemClock)
  const large = await cornered(200, 100).jpeg().toBuffer()
  const small = await sharp({
    create: { width: 60, height: 30, channels: 3, background: '#c80000' },
  })
    .jpeg()
    .toBuffer()
  const raw = rawFile([large, small], 1)
  const shown = async (width: number): Promise<number> =>
    (await look(await pictures.make(sourceOf(raw), { width, height: width }))).red.length
  assert.deepEqual([await shown(50), await shown(100), await shown(2000)], [4, 1, 1])
  await pictures.close()
})

test('what is no picture, or too large to look at, is one error, and the next picture comes', async () => {
  const pictures = openPictures(systemClock)
  const size = { width: 40, height: 40 }
  const good = await cornered(80, 40).png().toBuffer()
  const bomb = Buffer.from(good)
  bomb.writeUInt32BE(100_000, 16)
  bomb.writeUInt32BE(100_000, 20)
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
  const heic = Buffer.concat([
    Buffer.from([0, 0, 0, 24]),
    Buffer.from('ftypheic\0\0\0\0mif1heic'),
    Buffer.alloc(200),
  ])
  for (const bytes of [
    bomb,
    svg,
    heic,
    Buffer.from('%PDF-1.7'),
    Buffer.alloc(0),
    Buffer.from('II*\0'),
    good.subarray(0, 30),
  ])
    assert.ok(await isNone(pictures.make(sourceOf(bytes), size)), bytes.toString('latin1', 0, 20))
  assert.equal((await look(await pictures.make(sourceOf(good), size))).width, 40)
  await pictures.close()
  await assert.rejects(pictures.make(sourceOf(good), size), { code: 'CLOSED' })
})

test('broken pictures are pictures or errors, however they are broken', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  const count = SLOW ? 20_000 : 40
  const pictures = openPictures(systemClock)
  const size = { width: 16, height: 16 }
  const small = (): Sharp => cornered(32, 24)
  const jpeg = await small().withMetadata({ orientation: 6 }).jpeg().toBuffer()
  const avif = await small().avif().toBuffer()
  const samples: Readonly<Record<string, Buffer>> = {
    jpeg,
    progressive: await small().jpeg({ progressive: true }).toBuffer(),
    png: await small().png().toBuffer(),
    webp: await small().webp().toBuffer(),
    tiff: await small().tiff().toBuffer(),
    gif: await small().gif().toBuffer(),
    avif,
    // What an AVIF has instead of a HEIC's data; its boxes are the same.
    heic: Buffer.from(avif.toString('latin1').replaceAll('avif', 'heic'), 'latin1'),
    raw: rawFile([jpeg, jpeg], 6),
  }
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  let shown = 0
  for (const [name, sample] of Object.entries(samples)) {
    for (let at = 0; at < count; at += 1) {
      const broken = Buffer.from(
        sample.subarray(0, random(4) === 0 ? random(sample.length) : sample.length),
      )
      for (let flips = random(8); flips > 0 && broken.length > 0; flips -= 1)
        broken[random(broken.length)] = random(256)
      try {
        await pictures.make(sourceOf(broken), size)
        shown += 1
      } catch (error) {
        assert.ok(
          isPeerkeepError(error, 'NO_PICTURE'),
          `${name} ${at}, seed ${seed}: ${String(error)}`,
        )
      }
    }
  }
  assert.ok(shown > 0, `seed ${seed}`)
  await pictures.close()
})
