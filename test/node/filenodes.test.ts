import assert from 'node:assert/strict'
import { appendFile, mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import type { JsonObject } from '../../src/base/json.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { IndexedClaim } from '../../src/index/queries.ts'
import type { Node } from '../../src/node/node.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import { makeCertificate } from '../../src/schema/certificates.ts'
import { makeClaim, makePermanode } from '../../src/schema/claims.ts'
import { signerNamed } from '../index/index-world.ts'
import { openSimClock } from '../sim/sim-clock.ts'
import { mustRun, workDirectory } from '../process/peerkeep-process.ts'
import { openHomes, operate } from './homes.ts'

/** The clock of these homes stands at the beginning of 2026. */
const now = BigInt(Date.UTC(2026, 0, 1)) * 1_000_000n

async function openFolder(files: Readonly<Record<string, readonly [text: string, mtime: string]>>) {
  const homes = await openHomes()
  await homes.create('laptop')
  const node = await homes.open('laptop', { clock: openSimClock() })
  const folder = join(homes.directory, 'folder')
  await mkdir(folder)
  for (const [name, [text, mtime]] of Object.entries(files)) {
    await writeFile(join(folder, name), text)
    await touch(join(folder, name), mtime)
  }
  const put = (more: JsonObject = {}) =>
    operate(node, 'put', { paths: [folder], filenodes: true, ...more })
  return { homes, node, folder, put }
}

function touch(path: string, mtime: string): Promise<void> {
  return utimes(path, new Date(mtime), new Date(mtime))
}

async function blobsOf(node: Node): Promise<BlobRef[]> {
  return Array.fromAsync(node.store.enumerate(), ({ ref }) => ref)
}

/** The permanode of a content, its own date, and the claims on it. */
async function filenodeOf(
  node: Node,
  text: string,
): Promise<{ permanode: BlobRef; date: bigint; claims: readonly IndexedClaim[] }> {
  const permanode = await node.index.plannedPermanode(refOf(Buffer.from(text)))
  assert.ok(permanode)
  const schema = parseSchema((await node.store.fetch(permanode)) ?? assert.fail('not here'))
  assert.ok(schema?.type === 'permanode')
  return {
    permanode,
    date: schema.date,
    claims: await Array.fromAsync(node.index.claims(permanode)),
  }
}

function said(claims: readonly IndexedClaim[]): readonly (readonly [string, string, bigint])[] {
  return claims.map(({ body, date }) => {
    assert.ok('attribute' in body)
    return [`${body.claimType} ${body.attribute}`, body.value ?? '', date]
  })
}

const nanoseconds = (date: string): bigint => BigInt(Date.parse(date)) * 1_000_000n

test('each file has a permanode by its content, dated 1970, and a claim dated as the file', async () => {
  const { homes, node, put } = await openFolder({
    old: ['born before 1970', '1969-07-20T20:17:40Z'],
    zero: ['on the first second', '1970-01-01T00:00:00Z'],
    plain: ['plain', '2024-05-06T07:08:09.125Z'],
    empty: ['', '2024-05-06T07:08:09Z'],
    future: ['from the future', '2031-01-01T00:00:00Z'],
  })
  await using _homes = homes
  await put({ tags: ['film', 'summer'] })
  for (const [text, mtime] of [
    ['born before 1970', '1969-07-20T20:17:40Z'],
    ['on the first second', '1970-01-01T00:00:01Z'],
    ['plain', '2024-05-06T07:08:09.125Z'],
    ['', '2024-05-06T07:08:09Z'],
    ['from the future', '2026-01-01T00:00:00Z'],
  ] as const) {
    const { date, claims } = await filenodeOf(node, text)
    assert.equal(date, 0n)
    const [content] = claims.flatMap(({ body }) =>
      'attribute' in body && body.attribute === 'camliContent' ? [body.value ?? ''] : [],
    )
    const at = nanoseconds(mtime)
    assert.ok(at <= now)
    assert.deepEqual(
      new Set(said(claims)),
      new Set([
        ['set-attribute camliContent', content, at],
        ['add-attribute tag', 'film', at],
        ['add-attribute tag', 'summer', at],
      ]),
    )
    const file = parseSchema((await node.store.fetch(content as BlobRef)) ?? new Uint8Array())
    assert.equal(file?.type, 'file')
  }
})

test('the same folder again makes no new blob at all, whatever the clock says by then', async () => {
  const { homes, node, put } = await openFolder({
    one: ['the same', '2024-01-01T00:00:00Z'],
    two: ['the same', '2031-01-01T00:00:00Z'],
    three: ['the same', '2032-01-01T00:00:00Z'],
    old: ['old', '1960-01-01T00:00:00Z'],
  })
  await using _homes = homes
  const clock = node.system.clock as ReturnType<typeof openSimClock>
  await put({ tags: ['x'] })
  const before = await blobsOf(node)
  for (let times = 0; times < 2; times += 1) {
    clock.setWall(clock.now() + 3_600_000)
    await put({ tags: ['x'] })
    assert.deepEqual(await blobsOf(node), before)
  }
})

test('two files of equal content share a permanode, whose content is the younger one', async () => {
  const { homes, node, folder, put } = await openFolder({
    a: ['twins', '2024-02-02T00:00:00Z'],
    b: ['twins', '2023-01-01T00:00:00Z'],
  })
  await using _homes = homes
  await put()
  const { permanode, claims } = await filenodeOf(node, 'twins')
  assert.deepEqual(
    claims.map(({ date }) => date),
    [nanoseconds('2023-01-01T00:00:00Z'), nanoseconds('2024-02-02T00:00:00Z')],
  )
  const contentOf = async (): Promise<string> => {
    const content = (await node.index.permanode(permanode))?.attributes.get('camliContent')
    assert.equal(content?.length, 1)
    const file = parseSchema((await node.store.fetch(content?.[0] as BlobRef)) ?? new Uint8Array())
    assert.ok(file?.type === 'file')
    return Buffer.from(file.name ?? []).toString()
  }
  assert.equal(await contentOf(), 'a')

  // A touched file is said once more, under its new date.
  await touch(join(folder, 'b'), '2025-03-03T00:00:00Z')
  await put()
  assert.equal(await contentOf(), 'b')
  assert.equal((await filenodeOf(node, 'twins')).claims.length, 3)

  // A changed one has another permanode, and the old one stays as it was.
  await appendFile(join(folder, 'b'), ' no more')
  await put()
  assert.equal((await filenodeOf(node, 'twins')).claims.length, 3)
  assert.equal((await filenodeOf(node, 'twins no more')).claims.length, 1)
})

test('without metadata the claims still bear the time of the file', async () => {
  const { homes, node, put } = await openFolder({ photo: ['photo', '2024-02-02T00:00:00Z'] })
  await using _homes = homes
  await put({ contentsOnly: true })
  const { claims } = await filenodeOf(node, 'photo')
  assert.deepEqual(
    claims.map(({ date }) => date),
    [nanoseconds('2024-02-02T00:00:00Z')],
  )
  const before = await blobsOf(node)
  await put({ contentsOnly: true })
  assert.deepEqual(await blobsOf(node), before)
})

test('what another device has said is not said again', async () => {
  const { homes, node, put } = await openFolder({ photo: ['photo', '2024-02-02T00:00:00Z'] })
  await using _homes = homes
  await put({ filenodes: false })
  let file: BlobRef | undefined
  for (const ref of await blobsOf(node))
    if ((await node.index.meta(ref))?.type === 'file') file = ref
  assert.ok(file)
  const nas = signerNamed('nas')
  const permanode = makePermanode({ key: refOf(Buffer.from('photo')) }, nas, 0n)
  const content = { claimType: 'set-attribute', attribute: 'camliContent', value: file } as const
  const date = nanoseconds('2024-02-02T00:00:00Z')
  const said = makeClaim({ ...content, permanode: refOf(permanode) }, nas, date)
  let seconds = 1_700_000_000n
  const certificate = makeCertificate(
    { device: nas, name: 'nas', role: 'device' },
    node.device,
    () => {
      seconds += 1n
      return seconds * 1_000_000_000n
    },
  )
  for (const bytes of [nas.keyBlob, ...certificate, permanode, said]) await node.door.receive(bytes)
  const before = await blobsOf(node)
  await put()
  assert.deepEqual(await blobsOf(node), before)
})

test('the command makes no permanode but those of the files, and nothing when it is run again', async () => {
  await using work = await workDirectory()
  const [home, folder] = [join(work.path, 'home'), join(work.path, 'folder')]
  await mustRun(home, 'init', '--words-file', join(work.path, 'words'))
  await mkdir(folder)
  await writeFile(join(folder, 'a'), 'a')
  const [first, blobs] = [await put(), await mustRun(home, 'blobs')]
  assert.match(first, /^sha224-[0-9a-f]{56}$/)
  assert.equal(await put(), first)
  assert.equal(await mustRun(home, 'blobs'), blobs)

  function put(): Promise<string> {
    return mustRun(home, 'put', '--filenodes', '--tag', 'film,summer', folder)
  }
})
