import assert from 'node:assert/strict'
import { randomBytes, scryptSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import fc from 'fast-check'

import type { KeyValue } from '../../src/base/key-value.ts'
import { openMemoryKeyValue } from '../../src/base/memory-key-value.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { openBlobpackedSource } from '../../src/blob/perkeep-blobpacked.ts'
import { openDiskpackedSource } from '../../src/blob/perkeep-diskpacked.ts'
import { openEncryptedSource } from '../../src/blob/perkeep-encrypt.ts'
import { openDecryption } from '../../src/blob/perkeep-encryption.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { BlobSource } from '../../src/blob/store.ts'
import { packedZip, type Seal, sealAll, secretBoxSeal } from './perkeep-formats.ts'
import { perkeepDeleted, perkeepRecord } from './perkeep-packs.ts'

type MemoryStore = ReturnType<typeof openMemoryStore>

async function storeOf(blobs: readonly Uint8Array[]): Promise<MemoryStore> {
  const store = openMemoryStore({ classify: () => 'data' })
  const door = openDoor(store, () => undefined)
  for (const bytes of blobs) await door.receive(bytes)
  return store
}

interface Problems {
  readonly said: string[]
  readonly onProblem: (subject: string, reason: string) => void
  readonly signal: AbortSignal
}

function listen(): Problems {
  const said: string[] = []
  const onProblem = (subject: string, reason: string): void =>
    void said.push(`${subject} ${reason}`)
  return { said, onProblem, signal: new AbortController().signal }
}

async function assertHolds(source: BlobSource, blobs: readonly Uint8Array[]): Promise<void> {
  const unique = new Map(blobs.map(bytes => [refOf(bytes), bytes]))
  const expected = [...unique]
    .map(([ref, bytes]) => ({ ref, size: bytes.length }))
    .sort((a, b) => (a.ref < b.ref ? -1 : 1))
  assert.deepEqual(await Array.fromAsync(source.enumerate()), expected)
  const middle = expected[Math.floor(expected.length / 2)]?.ref
  assert.deepEqual(
    await Array.fromAsync(source.enumerate(middle)),
    expected.filter(({ ref }) => middle !== undefined && ref > middle),
  )
  for (const [ref, bytes] of unique) {
    assert.deepEqual(await source.stat([ref]), [bytes.length])
    assert.ok(Buffer.from((await source.fetch(ref)) ?? []).equals(bytes), ref)
  }
  const absent = refOf(Buffer.from('never stored'))
  assert.deepEqual(await source.stat([absent]), [undefined])
  assert.equal(await source.fetch(absent), undefined)
}

const blobs = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 8 })

describe('blobpacked', () => {
  const open = async (
    small: readonly Uint8Array[],
    zips: readonly Uint8Array[],
    problems: Problems,
    rows: KeyValue = openMemoryKeyValue(),
  ): Promise<BlobSource> =>
    openBlobpackedSource({
      small: await storeOf(small),
      large: await storeOf(zips),
      rows,
      ...problems,
    })

  test('what is loose and what is in zips is one store, each blob once', async () => {
    await fc.assert(
      fc.asyncProperty(
        blobs,
        fc.array(fc.tuple(blobs, blobs), { maxLength: 3 }),
        async (loose, packs) => {
          const problems = listen()
          const zips = packs.map(([chunks, schema]) => packedZip(chunks, schema))
          const source = await open(loose, zips, problems)
          await assertHolds(source, [...loose, ...packs.flat(2)])
          assert.deepEqual(problems.said, [])
        },
      ),
      { numRuns: 40 },
    )
  })

  test('a second opening reads only what is new', async () => {
    const rows = openMemoryKeyValue()
    const [first, second] = [randomBytes(5000), randomBytes(5000)]
    await open([], [packedZip([first], [])], listen(), rows)
    const large = await storeOf([packedZip([first], []), packedZip([second], [])])
    const read: BlobRef[] = []
    const counting = {
      ...large,
      fetch: (ref: BlobRef) => (read.push(ref), large.fetch(ref)),
    }
    const small = await storeOf([])
    const source = await openBlobpackedSource({ small, large: counting, rows, ...listen() })
    assert.equal(read.length, 1)
    await assertHolds(source, [first, second])
  })

  const chunk = randomBytes(3000)
  const good = packedZip([chunk], [])
  const broken: Readonly<Record<string, Uint8Array>> = {
    'no zip': randomBytes(2000),
    'a cut zip': good.subarray(0, good.length - 30),
    'a zip without a manifest': packedZip([chunk], []).fill(0x20, good.length - 22 - 60),
    'a blob that ends behind the data': packedZip([chunk], [], manifest => {
      for (const blob of manifest.dataBlobs) blob.size += 1
    }),
    'a blob that begins before it': packedZip([chunk], [], manifest => {
      for (const blob of manifest.dataBlobs) blob.offset = -1
    }),
    'a huge size': packedZip([chunk], [], manifest => {
      for (const blob of manifest.dataBlobs) blob.size = 2 ** 52
    }),
    'a name that is none': packedZip([chunk], [], manifest => {
      for (const blob of manifest.dataBlobs) blob.blobRef = '../../etc/passwd'
    }),
    'a manifest of a gigabyte': packedZip([chunk], [], manifest => {
      Object.assign(manifest, { filler: ' '.repeat(64 * 1024 * 1024) })
    }),
  }
  for (const [name, zip] of Object.entries(broken)) {
    test(`${name} is told, and everything else is read`, async () => {
      const problems = listen()
      const other = randomBytes(100)
      const source = await open([Buffer.from('loose')], [zip, packedZip([other], [])], problems)
      await assertHolds(source, [Buffer.from('loose'), other])
      assert.match(problems.said.join(), new RegExp(refOf(zip)))
    })
  }

  test('a manifest that lies about a blob costs that blob, which may be loose too', async () => {
    const [a, b] = [randomBytes(50), randomBytes(50)]
    const lying = packedZip([a, b], [], ({ dataBlobs: [first] }) => {
      if (first) first.blobRef = refOf(Buffer.from('another'))
    })
    const source = await open([], [lying], listen())
    await assert.rejects(source.fetch(refOf(Buffer.from('another'))), { code: 'BLOB_DAMAGED' })
    assert.ok((await source.fetch(refOf(b)))?.every((byte, at) => byte === b[at]))
    const loose = await open([Buffer.from('another')], [lying], listen())
    assert.equal((await loose.fetch(refOf(Buffer.from('another'))))?.length, 7)
  })
})

describe('encrypt', () => {
  /** As much as a test may wait for; the real cost is tried with SLOW=1. */
  const cost = process.env['SLOW'] === undefined ? 2 ** 10 : 2 ** 20
  const passphrase = Buffer.from('a pass phrase\n')
  const boxKey = scryptSync(passphrase, 'camlistore', 32, { N: cost, r: 8, p: 1, maxmem: 2 ** 31 })

  async function formats(): Promise<Record<string, { seal: Seal; keyFile: Uint8Array }>> {
    const identity = await generateX25519Identity()
    const encrypter = new Encrypter()
    encrypter.addRecipient(await identityToRecipient(identity))
    const ageSeal: Seal = async plain =>
      Buffer.concat([Buffer.from([2]), await encrypter.encrypt(plain)])
    return {
      '2021': { seal: secretBoxSeal(boxKey), keyFile: passphrase },
      '2026': { seal: ageSeal, keyFile: Buffer.from(`${identity}\n`) },
    }
  }

  const open = async (
    sealed: { readonly blobs: readonly Uint8Array[]; readonly meta: readonly Uint8Array[] },
    keyFile: Uint8Array,
    problems = listen(),
  ): Promise<BlobSource> =>
    openEncryptedSource({
      blobs: await storeOf(sealed.blobs),
      meta: await storeOf(sealed.meta),
      decrypt: await openDecryption(keyFile, cost),
      rows: openMemoryKeyValue(),
      ...problems,
    })

  for (const format of ['2021', '2026'] as const) {
    test(`what was encrypted as in ${format} is read with the key, and not with another`, async () => {
      const { seal, keyFile } = (await formats())[format] ?? assert.fail()
      const plain = [
        Buffer.alloc(0),
        ...Array.from({ length: 10 }, (_, at) => randomBytes(at * 97)),
      ]
      const sealed = await sealAll(plain, seal)
      await assertHolds(await open(sealed, keyFile), plain)
      const wrong = format === '2021' ? 'another' : await generateX25519Identity()
      await assert.rejects(open(sealed, Buffer.from(wrong)), {
        code: 'REFUSED',
        message: /key file/,
      })
    })

    test(`one flipped bit in ${format} costs what it touches, and is named`, async () => {
      const { seal, keyFile } = (await formats())[format] ?? assert.fail()
      const plain = Array.from({ length: 9 }, () => randomBytes(40))
      const sealed = await sealAll(plain, seal)
      const at = 4
      const blob = Buffer.from(sealed.blobs[at] ?? [])
      blob[blob.length - 3] = (blob.at(-3) ?? 0) ^ 1
      // The store itself would find it out; here it is handed on, as if it had not.
      const store = await storeOf(sealed.blobs)
      const flipped = refOf(sealed.blobs[at] ?? blob)
      const problems = listen()
      const source = await openEncryptedSource({
        blobs: { ...store, fetch: async ref => (ref === flipped ? blob : store.fetch(ref)) },
        meta: await storeOf(sealed.meta),
        decrypt: await openDecryption(keyFile, cost),
        rows: openMemoryKeyValue(),
        ...problems,
      })
      for (const [index, bytes] of plain.entries()) {
        const fetching = source.fetch(refOf(bytes))
        if (index === at) await assert.rejects(fetching, { code: 'BLOB_DAMAGED' })
        else assert.ok(Buffer.from((await fetching) ?? []).equals(bytes))
      }
      const meta = [...sealed.meta.slice(1), Buffer.from([seal === undefined ? 0 : 1, 2, 3])]
      const second = listen()
      await assertHolds(await open({ blobs: sealed.blobs, meta }, keyFile, second), plain.slice(3))
      assert.match(second.said.join(), /cannot be decrypted/)
    })
  }

  test('lines that make no sense are told, the others count', async () => {
    const seal = secretBoxSeal(boxKey)
    const plain = Buffer.from('plain')
    const encrypted = Buffer.from(await seal(plain))
    const good = `${refOf(plain)}/5/${refOf(encrypted)}`
    const lines = [
      good,
      'x/1/y',
      `${refOf(plain)}/-1/${refOf(encrypted)}`,
      `${refOf(plain)}/999999999999/${refOf(plain)}`,
      '../x/1/y',
      `${refOf(plain)}`,
    ]
    const meta = Buffer.from(
      await seal(Buffer.from(`#camlistore/encmeta=2\n${lines.join('\n')}\n`)),
    )
    const old = Buffer.from(await seal(Buffer.from(`#camlistore/encmeta=1\n${good}\n`)))
    const problems = listen()
    const source = await open({ blobs: [encrypted], meta: [meta, old] }, passphrase, problems)
    await assertHolds(source, [plain])
    assert.equal(problems.said.length, lines.length)
  })
})

describe('diskpacked', () => {
  test('packs are read where they are, what was deleted is not there, what is damaged is told', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'peerkeep-diskpacked-'))
    try {
      const kept = Array.from({ length: 20 }, (_, at) => randomBytes(at * 500))
      const first = Buffer.concat([
        ...kept.slice(0, 10).map(bytes => perkeepRecord(bytes)),
        perkeepDeleted('was deleted'),
      ])
      const lost = perkeepRecord(randomBytes(9000))
      const second = Buffer.concat([
        ...kept.slice(10).map(bytes => perkeepRecord(bytes)),
        Buffer.from(lost.toString('latin1').replace('sha224', 'garbag'), 'latin1'),
        perkeepRecord('behind the damage'),
      ])
      await writeFile(join(directory, 'pack-00000.blobs'), first)
      await writeFile(join(directory, 'pack-00001.blobs'), second)
      await writeFile(join(directory, 'pack-00003.blobs'), perkeepRecord('after a gap'))
      const rows = openMemoryKeyValue()
      const problems = listen()
      const options = { directory, files: nodeFiles, rows, ...problems }
      const all = [...kept, Buffer.from('behind the damage')]
      await assertHolds(await openDiskpackedSource(options), all)
      assert.match(problems.said.join(), /pack-00001\.blobs/)
      const more = Buffer.concat([second, perkeepRecord('appended')])
      await writeFile(join(directory, 'pack-00001.blobs'), more)
      await assertHolds(await openDiskpackedSource(options), [...all, Buffer.from('appended')])
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
